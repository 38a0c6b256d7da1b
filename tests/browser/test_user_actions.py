"""The page of a user, on which admins unlock, disable and enable the user, and change the role."""

from collections.abc import Callable

from playwright.sync_api import expect

from models import Role
from tests.browser.page_object import Frontend
from tests.browser.site import Account, Site
from tests.support.users import PASSWORD


def open_user(frontend: Frontend, account: Account) -> None:
    """Open the page of a user from the list."""
    frontend.open(f"/users/user_{account.user_id.hex}")
    frontend.expect_page(account.name)


def confirm(frontend: Frontend, action: str) -> None:
    """Open the page of an action by its link, and confirm it with the password."""
    frontend.click_link(action)
    frontend.expect_page(action)
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button(action)


def fact(frontend: Frontend, name: str) -> str:
    """Return the fact with this name on the page of a user."""
    return (
        frontend.page.locator("dt").get_by_text(name, exact=True).locator("xpath=following-sibling::dd[1]").inner_text()
    )


def test_admin_unlocks_disables_and_enables_a_user(frontend: Frontend, site: Site) -> None:
    """The page offers what is possible. It shows the numbers of sessions and devices, and the user gets emails."""
    company = site.create_company()
    admin, member = site.create_admin(company, "Test Admin"), site.create_member(company, "Test Member")
    site.lock_login(member)
    frontend.log_in(admin)
    open_user(frontend, member)
    assert [fact(frontend, name) for name in ("Sessions", "Known devices")] == ["0", "0"]
    frontend.expect_text("Login locked until")
    expect(frontend.page.get_by_role("link", name="Enable the account")).to_have_count(0)

    frontend.click_link("Unlock the login")
    frontend.expect_page("Unlock the login")
    frontend.expect_text(
        "Make sure that the request really comes from Test Member. Test Member gets an email about it."
    )
    frontend.fill("Your own password", "not the password")
    frontend.click_button("Unlock the login")
    frontend.expect_field_error("Your own password", "wait: 4.")
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Unlock the login")

    frontend.expect_page(member.name)
    frontend.expect_notification("The login of Test Member is no longer locked.")
    expect(frontend.page.get_by_role("link", name="Unlock the login")).to_have_count(0)
    assert "Test Admin" in frontend.wait_for_email(member.email, "Your login is no longer locked")["text"]
    confirm(frontend, "Disable the account")
    frontend.expect_page(member.name)
    frontend.expect_notification("The account of Test Member is disabled.")
    expect(frontend.page.get_by_role("heading", name="End sessions")).to_have_count(0)
    assert "Test Admin" in frontend.wait_for_email(member.email, "Your account has been disabled")["text"]
    confirm(frontend, "Enable the account")
    frontend.expect_notification("The account of Test Member is enabled.")
    event = frontend.page.get_by_role("listitem").filter(has_text="Account enabled")
    expect(event).to_contain_text("By Test Admin")
    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_admin_changes_roles_on_a_phone_in_german(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """The last admin stays. While there is another one, admins can give up their own role, and leave the pages."""
    company = site.create_company()
    admin, member = site.create_admin(company, "Test Admin"), site.create_member(company, "Test Member")
    frontend = new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    frontend.log_in(admin)
    frontend.page.get_by_role("contentinfo").get_by_role("combobox").first.select_option("de")
    open_user(frontend, admin)
    expect(frontend.page.get_by_role("link", name="Konto sperren")).to_have_count(0)
    frontend.click_link("Zum Mitglied machen")
    frontend.expect_page("Zum Mitglied machen")
    frontend.expect_text("Das sind Sie selbst.")
    frontend.fill("Ihr eigenes Passwort", PASSWORD)
    frontend.click_button("Zum Mitglied machen")
    alert = frontend.page.get_by_role("alert").filter(has_text="Sie sind der letzte Admin Ihres Unternehmens.")
    expect(alert).to_be_visible()

    open_user(frontend, member)
    frontend.click_link("Zum Admin machen")
    frontend.expect_page("Zum Admin machen")
    frontend.fill("Ihr eigenes Passwort", PASSWORD)
    frontend.click_button("Zum Admin machen")
    frontend.expect_page(member.name)
    frontend.expect_notification("Test Member ist jetzt Admin.")
    open_user(frontend, admin)
    frontend.click_link("Zum Mitglied machen")
    frontend.fill("Ihr eigenes Passwort", PASSWORD)
    frontend.click_button("Zum Mitglied machen")

    frontend.expect_page("Profil")
    frontend.expect_notification("Test Admin ist jetzt Mitglied.")
    expect(frontend.page.get_by_role("link", name="Benutzer", exact=True)).to_have_count(0)


def test_admin_whom_another_one_made_a_member_leaves_the_pages(frontend: Frontend, site: Site) -> None:
    """At the next click. The links of the pages are gone."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    frontend.log_in(admin)
    frontend.expect_page("Profile")
    site.set_role(admin, Role.MEMBER)

    frontend.click_link("Users")

    frontend.expect_page("Profile")
    frontend.expect_notification("You are no longer an admin.")
    expect(frontend.page.get_by_role("link", name="Users")).to_have_count(0)


def test_action_that_is_no_longer_possible_leads_to_the_user(frontend: Frontend, site: Site) -> None:
    """For example from an old tab. So does an unknown action."""
    company = site.create_company()
    admin, member = site.create_admin(company, "Test Admin"), site.create_member(company, "Test Member")
    frontend.log_in(admin)
    for action in ("enable", "unlock", "demote", "constructor"):
        frontend.open(f"/users/user_{member.user_id.hex}/account/{action}")
        frontend.expect_page(member.name)
        frontend.open("/users")
        frontend.expect_page("Users")


def test_reset_of_a_disabled_user_says_so(frontend: Frontend, site: Site) -> None:
    """They cannot log in with the password alone until they are enabled."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    site.disable(member)
    frontend.log_in(admin)
    open_user(frontend, member)

    frontend.expect_text("The account of Test Member is disabled, so Test Member cannot log in.")
    expect(frontend.page.get_by_text("Afterwards Test Member logs in")).to_have_count(0)
