"""Deactivation of 2FA, and new backup codes."""

from datetime import timedelta

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Account, Site
from tests.support.users import PASSWORD


def log_in_with_backup_codes(frontend: Frontend, member: Account, *, wrong: str, right: str) -> None:
    """Log in with a backup code that is rejected, and then with one of a full set that is accepted."""
    frontend.submit_password(member)
    frontend.click_link("Use a backup code instead")
    frontend.fill("Backup code", wrong)
    frontend.click_button("Verify")
    frontend.expect_field_error("Backup code", "wrong, expired or already used")
    frontend.fill("Backup code", right)
    frontend.click_button("Verify")
    frontend.expect_notification("You have 9 backup codes left")


def test_deactivation_follows_the_help_page(frontend: Frontend, site: Site) -> None:
    """Security tab, password, Continue. An email is sent, and the next login does not ask for an OTP."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open_security_tab(member)
    frontend.expect_text("2FA active")
    frontend.click_link("Deactivate 2FA")
    frontend.expect_page("Deactivate 2FA")
    frontend.fill("Password", "not the password")
    frontend.click_button("Continue")
    frontend.expect_field_error("Password", "wait: 4.")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_page("Security")
    frontend.expect_notification("2FA is inactive")
    assert member.name in frontend.wait_for_email(member.email, "Two-factor authentication is no longer active")["text"]

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_new_backup_codes_replace_old_ones(frontend: Frontend, site: Site) -> None:
    """After the checkbox, an email is sent. The login rejects an old code and accepts a new one."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open_security_tab(member)
    frontend.click_link("Get new backup codes")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_page("Backup codes")
    codes = frontend.displayed_backup_codes()
    assert set(codes).isdisjoint(member.backup_codes)
    frontend.click_button("Use the new codes")
    frontend.expect_field_error("I securely stored my backup codes.", "Please store your backup codes first")
    frontend.acknowledge_backup_codes("Use the new codes")
    frontend.expect_page("Security")
    frontend.expect_notification("Your new backup codes are valid")
    frontend.expect_text("You have 10 unused backup codes left")
    assert member.name in frontend.wait_for_email(member.email, "You have new backup codes")["text"]

    frontend.click_button("Log out")
    log_in_with_backup_codes(frontend, member, wrong=member.backup_codes[0], right=codes[0])


def test_page_of_new_backup_codes_asks_before_it_is_left(frontend: Frontend, site: Site) -> None:
    """A reload, a link and the logout would lose the codes. Afterwards the old codes still work."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open("/account/security/backup-codes")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    codes = frontend.displayed_backup_codes()

    frontend.expect_question_before_reload()
    frontend.expect_question(lambda: frontend.click_link(member.name), answer=False)
    frontend.expect_question(lambda: frontend.click_button("Log out"), answer=False)
    assert frontend.displayed_backup_codes() == codes
    assert frontend.page.url.endswith("#/account/security/backup-codes")
    frontend.expect_question(lambda: frontend.click_button("Log out"), answer=True)

    log_in_with_backup_codes(frontend, member, wrong=codes[0], right=member.backup_codes[0])


def test_new_backup_codes_expire(frontend: Frontend, site: Site) -> None:
    """The page starts again at the password, with the reason."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open("/account/security/backup-codes")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.displayed_backup_codes()
    frontend.advance_time(timedelta(minutes=11))
    frontend.acknowledge_backup_codes("Use the new codes")

    frontend.expect_page("Get new backup codes")
    expect(frontend.page.get_by_role("alert").filter(has_text="These new backup codes are not valid")).to_be_visible()


def test_deactivation_form_shows_error_if_enforcement_started(frontend: Frontend, site: Site) -> None:
    """The user opened the form before the admin started to enforce 2FA."""
    company = site.create_company()
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    admin = site.create_admin(company, "Test Admin")
    frontend.log_in(member)
    frontend.open("/account/security/deactivate")
    frontend.fill("Password", PASSWORD)
    site.set_policy(admin, twoFactorEnforced=True)
    frontend.click_button("Continue")

    expect(frontend.page.get_by_role("alert").filter(has_text="cannot deactivate it")).to_be_visible()
