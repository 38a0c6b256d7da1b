"""A new device: 2FA moves to it while it stays active, also for the only admin of a company that enforces it."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD


def test_lone_admin_moves_to_a_new_device_while_2fa_is_enforced(frontend: Frontend, site: Site) -> None:
    """The old device works until the new one is set up, and not afterwards."""
    admin = site.activate_two_factor(site.create_admin(site.create_company(two_factor_enforced=True), "Only Admin"))
    frontend.log_in(admin)
    frontend.open_security_tab(admin)
    frontend.click_link("Set up a new device")
    frontend.expect_page("Set up a new device")
    frontend.fill("Password", PASSWORD)
    frontend.fill("One-time password or backup code", "000000")
    frontend.click_button("Continue")
    frontend.expect_field_error("One-time password or backup code", "wrong, expired or already used")
    frontend.fill("Password", PASSWORD)
    frontend.fill("One-time password or backup code", site.next_otp(admin))
    frontend.click_button("Continue")
    expect(frontend.qr_code()).to_be_visible()
    old, admin.authenticator = admin.authenticator, Authenticator.scan(frontend.qr_code().screenshot())

    frontend.submit_otp(admin)

    frontend.expect_page("Security")
    frontend.expect_notification("Your new device is set up")
    frontend.expect_text("2FA active")
    assert admin.name in frontend.wait_for_email(admin.email, "Your authenticator app was replaced")["text"]
    frontend.click_button("Log out")
    frontend.submit_password(admin)
    frontend.expect_page("Confirm that it is you")
    new, admin.authenticator = admin.authenticator, old
    frontend.fill("One-time password", site.next_otp(admin))
    frontend.expect_field_error("One-time password", "wrong, expired or already used")
    admin.authenticator = new
    frontend.fill("One-time password", site.next_otp(admin))
    frontend.expect_page("Profile")


def test_backup_code_sets_up_a_new_device_on_a_phone_in_german(
    new_frontend: Callable[..., Frontend], site: Site
) -> None:
    """The old device is lost. The link that opens the app on the phone comes first."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend = new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    frontend.log_in(member)
    frontend.page.get_by_role("contentinfo").get_by_role("combobox").first.select_option("de")
    frontend.open("/account/security/new-device")
    frontend.expect_page("Neues Gerät einrichten")
    frontend.fill("Passwort", PASSWORD)
    frontend.fill("Einmalpasswort oder Backup-Code", member.backup_codes[0])
    frontend.click_button("Weiter")
    expect(frontend.qr_code()).to_be_visible()
    link = frontend.page.get_by_role("link", name="Ist die App auf diesem Gerät?")
    member.authenticator = Authenticator.parse(link.get_attribute("href") or "")

    frontend.fill("Einmalpasswort", site.next_otp(member))

    frontend.expect_page("Sicherheit")
    frontend.expect_notification("Ihr neues Gerät ist eingerichtet")


def test_another_device_is_added_and_removed(frontend: Frontend, site: Site) -> None:
    """Both devices work in between. The list has both, and names the new one."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open_security_tab(member)
    frontend.click_link("Add another device")
    frontend.expect_page("Add another device")
    frontend.fill("Name of the device", "Tablet")
    frontend.fill("Password", PASSWORD)
    frontend.fill("One-time password or backup code", site.next_otp(member))
    frontend.click_button("Continue")
    expect(frontend.qr_code()).to_be_visible()
    first, member.authenticator = member.authenticator, Authenticator.scan(frontend.qr_code().screenshot())
    frontend.submit_otp(member)
    frontend.expect_page("Security")
    frontend.expect_notification("Your other devices work as before")
    frontend.expect_text("Tablet, last used")

    frontend.page.get_by_role("link", name="Tablet").click()
    frontend.expect_page("Remove the authenticator app")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Remove the authenticator app")

    frontend.expect_page("Security")
    frontend.expect_notification("The authenticator app is removed")
    expect(frontend.page.get_by_text("Tablet, last used")).to_have_count(0)
    assert frontend.wait_for_email(member.email, "An authenticator app was removed")
    member.authenticator = first
    frontend.click_button("Log out")
    frontend.log_in(member)
