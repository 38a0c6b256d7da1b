"""Switching 2FA off, and getting new backup codes."""

from playwright.sync_api import expect

from tests.browser.site import PASSWORD, Site
from tests.browser.visitor import Visitor


def test_a_user_deactivates_2fa(visitor: Visitor, site: Site) -> None:
    """Security tab, password, Continue; a letter tells, and the next login asks for no OTP."""
    person = site.activate(site.person(site.company(), "Dan Deactivate"))
    visitor.logs_in(person)
    visitor.opens_security(person)
    visitor.sees("2FA active")
    visitor.follow("Deactivate 2FA")
    visitor.sees_page("Deactivate 2FA")
    visitor.fill("Password", "not the password")
    visitor.press("Continue")
    visitor.is_refused("Password", "wait: 4.")
    visitor.fill("Password", PASSWORD)
    visitor.press("Continue")
    visitor.sees_page("Security")
    visitor.is_told("2FA is inactive")
    assert person.name in visitor.letter(person.email, "Two-factor authentication is no longer active")["text"]

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Profile")


def test_new_backup_codes_void_the_old_ones(visitor: Visitor, site: Site) -> None:
    """They are shown like the first ones, and a letter tells of them."""
    person = site.activate(site.person(site.company(), "Rita Regenerate"))
    visitor.logs_in(person)
    visitor.opens_security(person)
    visitor.follow("Get new backup codes")
    visitor.fill("Password", PASSWORD)
    visitor.press("Continue")
    visitor.sees_page("Backup codes")
    codes = visitor.codes_on_screen()
    assert set(codes).isdisjoint(person.backup_codes)
    visitor.follow("Done")
    visitor.sees("You have 10 unused backup codes left")
    assert person.name in visitor.letter(person.email, "You have new backup codes")["text"]

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.follow("Use a backup code instead")
    visitor.fill("Backup code", person.backup_codes[0])
    visitor.press("Verify")
    visitor.is_refused("Backup code", "wrong, expired or already used")
    visitor.fill("Backup code", codes[0])
    visitor.press("Verify")
    visitor.is_told("You have 9 backup codes left")


def test_enforcement_that_begins_on_the_page_is_told_there(visitor: Visitor, site: Site) -> None:
    """The form that was open says that it cannot be done any more."""
    company = site.company()
    person = site.activate(site.person(company, "Eve Enforced"))
    admin = site.admin(company, "Alma Admin")
    visitor.logs_in(person)
    visitor.open("/account/security/deactivate")
    visitor.fill("Password", PASSWORD)
    site.set_policy(admin, twoFactorEnforced=True)
    visitor.press("Continue")

    expect(visitor.page.get_by_role("alert").filter(has_text="cannot be deactivated")).to_be_visible()
