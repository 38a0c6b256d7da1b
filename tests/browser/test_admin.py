"""The pages for admins: users, policy and events."""

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.support.users import PASSWORD

DATE_WITHOUT_EVENTS = "2000-01-01"


def test_user_list_shows_2fa_and_can_be_searched_filtered_and_paged(frontend: Frontend, site: Site) -> None:
    """Each user has a 2FA status, and a chart shows how many users have 2FA."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    with_2fa = site.activate_two_factor(site.create_member(company, "Zoe Member"))
    for number in range(11):
        site.create_member(company, f"User{number:02} Member")
    frontend.log_in(admin)
    frontend.click_link("Users")
    frontend.expect_page("Users")
    expect(frontend.page.get_by_role("img", name="One of 13 users has 2FA.")).to_be_visible()
    frontend.expect_text("13 users")
    rows = frontend.page.locator("tbody").get_by_role("row")
    expect(rows).to_have_count(10)
    first_page = rows.all_inner_texts()
    frontend.click_link("Next page")
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("Zoe Member")
    expect(rows.last).to_contain_text("2FA active")
    frontend.click_link("Previous page")
    expect(rows).to_have_count(10)
    assert rows.all_inner_texts() == first_page

    frontend.page.get_by_label("2FA", exact=True).select_option("ACTIVE")
    frontend.click_button("Show")
    expect(rows).to_have_count(1)
    frontend.page.get_by_label("2FA", exact=True).select_option("")
    frontend.fill("Name or email", "user03")
    frontend.page.get_by_label("Role").select_option("MEMBER")
    frontend.click_button("Show")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2FA inactive")
    frontend.fill("Name or email", with_2fa.email)
    frontend.click_button("Show")
    frontend.click_link("Zoe Member")
    frontend.expect_page("Zoe Member")
    frontend.expect_text("2FA activated")


def test_user_list_leaves_out_disabled_users_unless_asked(frontend: Frontend, site: Site) -> None:
    """They are marked. The chart counts only users who can log in."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    site.disable(site.create_member(company, "Former Member"))
    frontend.log_in(admin)
    frontend.click_link("Users")
    frontend.expect_text("One user")
    expect(frontend.page.get_by_role("img", name="0 of 1 users have 2FA.")).to_be_visible()
    rows = frontend.page.locator("tbody").get_by_role("row")
    expect(rows).to_contain_text(["Test Admin"])

    frontend.page.get_by_label("Account").select_option("all")
    frontend.click_button("Show")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Former Member")
    expect(rows.first).to_contain_text("Disabled")
    frontend.click_link("Former Member")
    frontend.expect_page("Former Member")
    expect(frontend.page.get_by_role("definition").filter(has_text="Disabled")).to_have_count(1)


def test_admin_resets_2fa_of_a_user(frontend: Frontend, site: Site) -> None:
    """The audit event contains the reason. The user gets an email and then logs in without an OTP."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    frontend.log_in(admin)
    frontend.click_link("Users")
    frontend.click_link(member.name)
    frontend.fill("Reason (optional)", "Lost her phone; checked by a call.")
    frontend.fill("Your own password", "not the password")
    frontend.click_button("Reset 2FA")
    frontend.expect_field_error("Your own password", "wait: 4.")
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Reset 2FA")
    frontend.expect_notification("2FA of Test Member is reset")
    frontend.expect_text("2FA inactive")
    assert member.name in frontend.wait_for_email(member.email, "Two-factor authentication was reset for you")["text"]

    frontend.click_link("All events of this user")
    frontend.expect_text("Only events of Test Member")
    event = frontend.page.get_by_role("listitem").filter(has_text="2FA reset")
    expect(event).to_contain_text("By Test Admin")
    expect(event).to_contain_text("Note: Lost her phone; checked by a call.")
    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_admin_cannot_reset_own_2fa(frontend: Frontend, site: Site) -> None:
    """The page of the admin's own account explains what to do instead and has no reset button."""
    company = site.create_company()
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    frontend.log_in(admin)
    frontend.click_link("Users")
    frontend.click_link(admin.name, within=frontend.page.get_by_role("main"))
    frontend.expect_text("This is you.")
    expect(frontend.page.get_by_role("button", name="Reset 2FA")).to_have_count(0)


def test_policy_page_shows_effects_before_saving(frontend: Frontend, site: Site) -> None:
    """It shows how many users a change concerns. After saving, a user without 2FA has to activate it at the login."""
    company = site.create_company()
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    member = site.create_member(company, "First Member")
    site.create_member(company, "Second Member")
    frontend.log_in(admin)
    frontend.click_link("Policy")
    frontend.expect_text("Nothing changes yet.")
    frontend.page.get_by_label("Who must have 2FA").select_option("EVERYBODY")
    frontend.expect_text("2 users without 2FA will be asked to activate it.")
    frontend.page.get_by_label("Backup codes").uncheck()
    frontend.expect_text("One user with 2FA can no longer log in with backup codes.")
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Save")
    frontend.expect_notification("The policy has been saved")
    expect(frontend.page.get_by_label("Who must have 2FA")).to_have_value("EVERYBODY")
    expect(frontend.page.get_by_label("Backup codes")).not_to_be_checked()
    frontend.click_link("Events")
    expect(frontend.page.get_by_role("listitem").filter(has_text="Policy changed")).not_to_have_count(0)

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Activate 2FA")


def test_events_can_be_filtered_and_older_events_loaded(frontend: Frontend, site: Site) -> None:
    """The newest event is first. If loading older events fails, the button still works afterwards."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    for _ in range(26):
        site.log_in_and_out(admin)
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    frontend.fill("One-time password", "000000")
    frontend.expect_field_error("One-time password", "wrong, expired or already used")
    frontend.log_in(admin)
    frontend.click_link("Events")
    frontend.expect_page("Events")
    items = frontend.page.get_by_role("main").get_by_role("listitem")
    expect(items).to_have_count(25)
    expect(items.nth(1)).to_contain_text("Right password, wrong second factor: Test Member")
    frontend.page.route("**/graphql", lambda route: route.fulfill(body="<html>"))
    frontend.click_button("Show older events")
    frontend.expect_notification("The server does not answer")
    frontend.page.unroute("**/graphql")
    frontend.click_button("Show older events")
    expect(items).to_have_count(50)

    frontend.page.get_by_label("What happened").select_option("TWO_FACTOR_ACTIVATED")
    frontend.click_button("Show")
    expect(items).to_have_count(1)
    expect(frontend.page.get_by_role("button", name="Show older events")).to_be_hidden()
    frontend.fill("To", DATE_WITHOUT_EVENTS)
    frontend.click_button("Show")
    frontend.expect_text("No events.")


def test_activity_page_shows_own_events(frontend: Frontend, site: Site) -> None:
    """A user can check an email about an action that was not theirs."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.click_link(member.name)
    frontend.click_link("Activity")
    frontend.expect_page("Activity")
    frontend.expect_text("2FA activated")
    frontend.expect_text("Backup codes shown")
    frontend.expect_text("Chrome, Linux")
