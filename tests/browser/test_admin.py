"""The admin's console."""

from playwright.sync_api import expect

from tests.browser.site import PASSWORD, Site
from tests.browser.visitor import Visitor

WEEKDAY_OF_NOBODY = "2000-01-01"


def test_an_admin_finds_users_and_sees_their_2fa(visitor: Visitor, site: Site) -> None:
    """Search, filters and pages; each user with the state of 2FA, and how many have it as a picture."""
    company = site.company()
    admin = site.admin(company, "Ada Admin")
    with_2fa = site.activate(site.person(company, "Wanda With"))
    for number in range(11):
        site.person(company, f"User{number:02} Without")
    visitor.logs_in(admin)
    visitor.follow("Users")
    visitor.sees_page("Users")
    expect(visitor.page.get_by_role("img", name="One of 13 users has 2FA.")).to_be_visible()
    visitor.sees("13 users")
    rows = visitor.page.locator("tbody").get_by_role("row")
    expect(rows).to_have_count(10)
    first_page = rows.all_inner_texts()
    visitor.follow("Next page")
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("Wanda With")
    expect(rows.last).to_contain_text("2FA active")
    visitor.follow("Previous page")
    expect(rows).to_have_count(10)
    assert rows.all_inner_texts() == first_page

    visitor.page.get_by_label("2FA", exact=True).select_option("ACTIVE")
    visitor.press("Show")
    expect(rows).to_have_count(1)
    visitor.page.get_by_label("2FA", exact=True).select_option("")
    visitor.fill("Name or email", "user03")
    visitor.page.get_by_label("Role").select_option("MEMBER")
    visitor.press("Show")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2FA inactive")
    visitor.fill("Name or email", with_2fa.email)
    visitor.press("Show")
    visitor.follow("Wanda With")
    visitor.sees_page("Wanda With")
    visitor.sees("2FA activated")


def test_an_admin_resets_the_2fa_of_a_user(visitor: Visitor, site: Site) -> None:
    """With a reason, which the trail keeps; the user gets a letter, and signs in without an OTP."""
    company = site.company()
    admin = site.admin(company, "Arno Admin")
    person = site.activate(site.person(company, "Lena Lost"))
    visitor.logs_in(admin)
    visitor.follow("Users")
    visitor.follow(person.name)
    visitor.fill("Reason (optional)", "Lost her phone; checked by a call.")
    visitor.fill("Your own password", "not the password")
    visitor.press("Reset 2FA")
    visitor.is_refused("Your own password", "wait: 4.")
    visitor.fill("Your own password", PASSWORD)
    visitor.press("Reset 2FA")
    visitor.is_told("2FA of Lena Lost is reset")
    visitor.sees("2FA inactive")
    assert person.name in visitor.letter(person.email, "Two-factor authentication was reset for you")["text"]

    visitor.follow("All events of this user")
    visitor.sees("Only events of Lena Lost")
    event = visitor.page.get_by_role("listitem").filter(has_text="2FA reset")
    expect(event).to_contain_text("By Arno Admin")
    expect(event).to_contain_text("Note: Lost her phone; checked by a call.")
    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Profile")


def test_admins_do_not_reset_themselves(visitor: Visitor, site: Site) -> None:
    """Their own page says where to go instead."""
    company = site.company()
    admin = site.activate(site.admin(company, "Selma Self"))
    visitor.logs_in(admin)
    visitor.follow("Users")
    visitor.follow(admin.name, within=visitor.page.get_by_role("main"))
    visitor.sees("This is you.")
    expect(visitor.page.get_by_role("button", name="Reset 2FA")).to_have_count(0)


def test_the_policy_says_what_it_will_do_before_it_is_done(visitor: Visitor, site: Site) -> None:
    """How many would be asked to activate; and afterwards they are."""
    company = site.company()
    admin = site.activate(site.admin(company, "Petra Policy"))
    person = site.person(company, "Ruth Ruled")
    site.person(company, "Rolf Ruled")
    visitor.logs_in(admin)
    visitor.follow("Policy")
    visitor.sees("Nothing changes yet.")
    visitor.page.get_by_label("Everybody must have 2FA").check()
    visitor.sees("2 users without 2FA will be asked to activate it.")
    visitor.page.get_by_label("Backup codes").uncheck()
    visitor.sees("One user with 2FA can no longer log in with backup codes.")
    visitor.fill("Your own password", PASSWORD)
    visitor.press("Save")
    visitor.is_told("The policy has been saved")
    expect(visitor.page.get_by_label("Everybody must have 2FA")).to_be_checked()
    expect(visitor.page.get_by_label("Backup codes")).not_to_be_checked()
    visitor.follow("Events")
    expect(visitor.page.get_by_role("listitem").filter(has_text="Policy changed")).not_to_have_count(0)

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Activate 2FA")


def test_events_are_filtered_by_kind_and_day(visitor: Visitor, site: Site) -> None:
    """A timeline of the company, the newest on top; older ones on demand."""
    company = site.company()
    admin = site.admin(company, "Elsa Events")
    person = site.activate(site.person(company, "Ines Incident"))
    for _ in range(26):
        site.logs_in_and_out(admin)
    visitor.gives_password(person)
    visitor.sees_page("Confirm that it is you")
    visitor.fill("One-time password", "000000")
    visitor.press("Verify")
    visitor.is_refused("One-time password", "wrong, expired or already used")
    visitor.logs_in(admin)
    visitor.follow("Events")
    visitor.sees_page("Events")
    items = visitor.page.get_by_role("main").get_by_role("listitem")
    expect(items).to_have_count(25)
    expect(items.nth(1)).to_contain_text("Right password, wrong second factor: Ines Incident")
    visitor.page.route("**/graphql", lambda route: route.fulfill(body="<html>"))
    visitor.press("Show older events")
    visitor.is_told("The server does not answer")
    visitor.page.unroute("**/graphql")
    visitor.press("Show older events")
    expect(items).to_have_count(50)

    visitor.page.get_by_label("What happened").select_option("TWO_FACTOR_ACTIVATED")
    visitor.press("Show")
    expect(items).to_have_count(1)
    visitor.fill("To", WEEKDAY_OF_NOBODY)
    visitor.press("Show")
    visitor.sees("No events.")


def test_users_see_their_own_events(visitor: Visitor, site: Site) -> None:
    """The activity of one's own account, for whoever got a letter about what they did not do."""
    person = site.activate(site.person(site.company(), "Otto Own"))
    visitor.logs_in(person)
    visitor.follow(person.name)
    visitor.follow("Activity")
    visitor.sees_page("Activity")
    visitor.sees("2FA activated")
    visitor.sees("Backup codes shown")
