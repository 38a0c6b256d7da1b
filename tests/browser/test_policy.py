"""The policy page: whom a change would ask to set up 2FA, before and after the admin saves it."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.support.users import PASSWORD


def local_date(frontend: Frontend, days: int) -> str:
    """Return a date as a date field has it, so many days from today in the time zone of the browser."""
    return str(
        frontend.page.evaluate(
            """(days) => {
                const date = new Date(Date.now() + days * 24 * 3600 * 1000);
                return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
            }""",
            days,
        )
    )


def test_admin_enforces_2fa_from_a_date(frontend: Frontend, site: Site) -> None:
    """The page says who will be asked. Nobody is asked before the date. Another admin gets an email."""
    company = site.create_company()
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    other_admin = site.create_admin(company, "Other Admin")
    member = site.create_member(company, "Test Member")
    frontend.log_in(admin)
    frontend.click_link("Policy")
    frontend.expect_text("Nothing changes yet.")
    date = frontend.page.get_by_label("Must have it from")
    expect(date).to_be_hidden()
    frontend.page.get_by_label("Who must have 2FA").select_option("EVERYBODY")
    date.fill(local_date(frontend, 400))
    frontend.expect_text("Please choose a date at most 366 days from now.")
    date.fill(local_date(frontend, 10))
    frontend.expect_text("Until then, nobody must have 2FA because of it.")
    frontend.expect_text("2 users without 2FA will be asked to activate it.")
    frontend.expect_text("0 of them are logged in now.")
    frontend.expect_text("One admin can make changes without setting up 2FA first.")
    frontend.page.get_by_text("Who has to activate 2FA").click()
    whom = frontend.page.get_by_role("group").get_by_role("listitem")
    expect(whom).to_have_text([f"Other Admin {other_admin.email}", f"Test Member {member.email}"])
    assert not Axe().run(frontend.page).response["violations"]

    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Save")

    frontend.expect_notification("The policy has been saved")
    frontend.expect_text("Nothing changes yet.")
    expect(date).to_have_value(local_date(frontend, 10))
    email = frontend.wait_for_email(other_admin.email, "The security policy of your company was changed")["text"]
    assert "Who must use two-factor authentication: nobody → everybody" in email
    frontend.click_link("Events")
    event = frontend.page.get_by_role("listitem").filter(has_text="Policy changed").first
    expect(event).to_contain_text("Who must have 2FA: Nobody → Everybody")
    expect(event).to_contain_text("Must have it from: no date → ")
    expect(event).not_to_contain_text("Everybody must have 2FA")
    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_date_is_removed_and_the_rule_ends(frontend: Frontend, site: Site) -> None:
    """Without a date, the rule holds at once. Then it ends."""
    company = site.create_company()
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    member = site.create_member(company, "Test Member")
    frontend.log_in(admin)
    for audience, days in (("EVERYBODY", 5), ("EVERYBODY", None)):
        frontend.click_link("Policy")
        frontend.page.get_by_label("Who must have 2FA").select_option(audience)
        frontend.page.get_by_label("Must have it from").fill("" if days is None else local_date(frontend, days))
        frontend.expect_text("One user without 2FA will be asked to activate it.")
        frontend.fill("Your own password", PASSWORD)
        frontend.click_button("Save")
        frontend.expect_notification("The policy has been saved")
        frontend.expect_text("Nothing changes yet.")
        frontend.click_link("Users")
        frontend.expect_page("Users")
    frontend.click_link("Policy")
    expect(frontend.page.get_by_label("Must have it from")).to_have_value("")
    frontend.page.get_by_label("Who must have 2FA").select_option("NOBODY")
    frontend.expect_text("Users who no longer must have 2FA keep it, and can deactivate it.")
    frontend.expect_text("No user has to activate 2FA.")
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Save")
    frontend.expect_notification("The policy has been saved")

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_admin_without_2fa_is_warned_on_a_phone_in_german(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """Nobody could make changes. After saving, the admin has to set up 2FA."""
    company = site.create_company()
    admin = site.create_admin(company, "Only Admin")
    site.activate_two_factor(site.create_member(company, "Test Member"))
    frontend = new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    frontend.log_in(admin)
    frontend.page.get_by_role("contentinfo").get_by_role("combobox").first.select_option("de")
    frontend.open("/policy")
    frontend.expect_page("Regeln")
    frontend.page.get_by_label("Wer 2FA haben muss").select_option("ADMINS")
    frontend.expect_text("Ein Benutzer ohne 2FA wird aufgefordert, sie zu aktivieren.")
    frontend.expect_text("Davon ist einer gerade angemeldet.")
    expect(frontend.page.get_by_text("Bis dahin")).to_have_count(0)
    frontend.expect_text("Sie selbst gehören dazu.")
    frontend.expect_text("Kein Admin könnte Änderungen vornehmen, ohne zuerst 2FA einzurichten.")
    frontend.page.get_by_text("Wer 2FA aktivieren muss").click()
    expect(frontend.page.get_by_role("link", name="Only Admin")).not_to_have_count(0)
    assert not Axe().run(frontend.page).response["violations"]

    frontend.fill("Ihr eigenes Passwort", PASSWORD)
    frontend.click_button("Speichern")

    frontend.expect_page("2FA aktivieren")


def test_list_of_users_loads_more(frontend: Frontend, site: Site) -> None:
    """The button is hidden at the end of the list."""
    company = site.create_company()
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    for number in range(11):
        site.create_member(company, f"User{number:02} Member")
    frontend.log_in(admin)
    frontend.click_link("Policy")
    frontend.page.get_by_label("Who must have 2FA").select_option("EVERYBODY")
    frontend.page.get_by_text("Who has to activate 2FA").click()
    whom = frontend.page.get_by_role("group").get_by_role("listitem")
    expect(whom).to_have_count(10)

    frontend.click_button("Show more users")

    expect(whom).to_have_count(11)
    expect(whom.last.get_by_role("link")).to_be_focused()
    expect(frontend.page.get_by_role("button", name="Show more users")).to_be_hidden()
