"""Activation of 2FA, in the steps of the help page."""

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import PRODUCT, Site
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD


def test_activation_follows_the_help_page(frontend: Frontend, site: Site) -> None:
    """Security tab, password, QR code, OTP, backup codes, checkbox. Sends an email; then the login requires an OTP."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    frontend.open_security_tab(member)
    frontend.expect_text("2FA inactive")

    authenticator = frontend.start_activation(member)
    assert (authenticator.issuer, authenticator.account_name) == (PRODUCT, member.email)
    for app in ("Google Authenticator", "Microsoft Authenticator", "Authy"):
        row = frontend.page.get_by_role("row").filter(has_text=app)
        expect(row.get_by_role("link")).to_have_count(2)
    key = frontend.page.locator("code.key").inner_text()
    assert max(map(len, key.split(" "))) == 4
    frontend.click_button("Copy the key")
    frontend.expect_notification("Copied")
    assert frontend.page.evaluate("navigator.clipboard.readText()") == key.replace(" ", "") == authenticator.key

    otp_field = frontend.page.get_by_label("One-time password")
    expect(otp_field).to_have_attribute("autocomplete", "one-time-code")
    expect(otp_field).to_have_attribute("inputmode", "numeric")
    frontend.submit_otp(member)

    frontend.expect_page("Backup codes")
    codes = frontend.displayed_backup_codes()
    with frontend.page.expect_download() as download:
        frontend.click_button("Download")
    content = download.value.path().read_text("utf-8")
    assert all(code in content for code in codes)
    frontend.click_button("Copy")
    frontend.expect_notification("Copied")
    assert frontend.page.evaluate("navigator.clipboard.readText()").split() == codes

    frontend.click_button("Activate 2FA")
    frontend.expect_field_error("I securely stored my backup codes.", "Please store your backup codes first")
    frontend.acknowledge_backup_codes("Activate 2FA")

    frontend.expect_page("Security")
    frontend.expect_notification("2FA is active")
    frontend.expect_text("You have 10 unused backup codes left")
    assert member.name in frontend.wait_for_email(member.email, "Two-factor authentication is active")["text"]

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    frontend.fill("One-time password", site.next_otp(member))
    frontend.expect_page("Profile")


def test_backup_codes_are_deleted_when_user_leaves_the_page(frontend: Frontend, site: Site) -> None:
    """The page asks first. Then it starts again at the password, and neither page nor storage has a secret."""
    member = site.create_member(site.create_company(), "Test Member")
    authenticator = frontend.open_backup_codes(member)
    codes = frontend.displayed_backup_codes()

    frontend.expect_question_before_reload()
    frontend.expect_question(lambda: frontend.click_link(member.name), answer=False)
    assert frontend.displayed_backup_codes() == codes
    frontend.expect_question(lambda: frontend.click_link(member.name), answer=True)
    frontend.expect_page("Profile")
    frontend.open("/account/security/activate")
    frontend.expect_page("Activate 2FA")
    storage = frontend.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    content = frontend.page.content()

    assert not any(secret in storage + content for secret in [*codes, authenticator.key])


def test_unknown_page_asks_once_before_backup_codes_are_left(frontend: Frontend, site: Site) -> None:
    """It opens the own account. The redirect to it asks no second time."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.open_backup_codes(member)

    frontend.expect_question(lambda: frontend.open("/nothing"), answer=True)

    frontend.expect_page("Profile")


def test_print_contains_only_backup_codes_and_owner(frontend: Frontend, site: Site) -> None:
    """The print shows the codes, the product and the email address, but no buttons and no navigation."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.open_backup_codes(member)
    frontend.displayed_backup_codes()
    frontend.page.evaluate("() => { window.print = () => { document.title = 'printed'; } }")
    frontend.click_button("Print")
    expect(frontend.page).to_have_title("printed")

    frontend.page.emulate_media(media="print")

    frontend.displayed_backup_codes()
    frontend.expect_text(f"{PRODUCT}: {member.email}")
    expect(frontend.page.get_by_role("button")).to_have_count(0)
    expect(frontend.page.get_by_role("navigation")).to_have_count(0)


def test_wrong_password_and_wrong_otp_show_errors_at_their_fields(frontend: Frontend, site: Site) -> None:
    """Errors tell the attempts left, then when to try again. An expired activation starts again at the password."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.page.clock.install()
    frontend.log_in(member)
    frontend.open("/account/security/activate")
    frontend.click_button("Continue")
    frontend.expect_field_error("Password", "Please fill in this field.")
    for attempts_left in range(4, -1, -1):
        frontend.fill("Password", "not the password")
        frontend.click_button("Continue")
        frontend.expect_field_error("Password", f"wait: {attempts_left}.")
    frontend.expect_field_error("Password", "You can try again from")
    frontend.fill("Password", PASSWORD)
    expect(frontend.page.get_by_role("button", name="Continue")).to_be_disabled()

    frontend.advance_time(timedelta(minutes=1))
    frontend.advance_browser_time(timedelta(minutes=1))
    frontend.click_button("Continue")
    frontend.expect_page("Activate two-factor authentication")
    frontend.fill("One-time password", "12345")
    frontend.click_button("Continue")
    frontend.expect_field_error("One-time password", "malformed")
    frontend.fill("One-time password", "000000")
    frontend.expect_field_error("One-time password", "wrong, expired or already used")

    frontend.advance_time(timedelta(minutes=11))
    frontend.click_button("Continue")
    frontend.expect_page("Activate 2FA")
    expect(frontend.page.get_by_role("alert").filter(has_text="start again")).to_be_visible()


def test_otp_activates_if_backup_codes_are_disabled(frontend: Frontend, site: Site) -> None:
    """No backup codes are shown, and the login does not offer them."""
    member = site.create_member(site.create_company(backup_codes_enabled=False), "Test Member")
    frontend.log_in(member)
    frontend.open_security_tab(member)
    frontend.start_activation(member)
    frontend.expect_text("They activate 2FA.")
    frontend.submit_otp(member)
    frontend.expect_page("Security")
    frontend.expect_text("2FA active")
    expect(frontend.page.get_by_text("unused backup codes")).to_have_count(0)

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    expect(frontend.page.get_by_role("link", name="Use a backup code instead")).to_have_count(0)
    frontend.open("/login/backup-code")
    frontend.expect_page("Confirm that it is you")


def test_login_redirects_to_activation_if_2fa_is_enforced(frontend: Frontend, site: Site) -> None:
    """All pages redirect to the activation until 2FA is active. The Security tab has no link to deactivate it."""
    member = site.create_member(site.create_company(two_factor_enforced=True), "Test Member")
    frontend.submit_password(member)
    frontend.expect_page("Activate 2FA")
    frontend.expect_text("2FA is required for your account. Please activate it now")
    frontend.open("/account/sessions")
    frontend.expect_page("Activate 2FA")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_page("Activate two-factor authentication")
    member.authenticator = Authenticator.scan(frontend.qr_code().screenshot())
    frontend.submit_otp(member)
    frontend.expect_page("Backup codes")
    frontend.acknowledge_backup_codes("Activate 2FA")
    frontend.expect_page("Security")
    frontend.expect_text("2FA is required for your account, so you cannot deactivate it")
    expect(frontend.page.get_by_role("link", name="Deactivate 2FA")).to_have_count(0)


def test_next_request_redirects_to_activation_when_enforcement_starts(frontend: Frontend, site: Site) -> None:
    """The user was logged in before the admin started to enforce 2FA."""
    company = site.create_company()
    member = site.create_member(company, "Test Member")
    admin = site.create_admin(company, "Test Admin")
    frontend.log_in(member)
    site.set_policy(admin, twoFactorEnforced=True)
    frontend.click_link("Sessions")
    frontend.expect_page("Activate 2FA")


def test_activation_works_on_a_phone(phone_frontend: Frontend, site: Site) -> None:
    """The QR code is readable at a width of 320 px. A link before it opens the app on the same device."""
    member = site.create_member(site.create_company(), "Test Member")
    phone_frontend.log_in(member)
    phone_frontend.open_security_tab(member)
    authenticator = phone_frontend.start_activation(member)
    link = phone_frontend.page.get_by_role("link", name="Is the app on this device?")
    assert authenticator.parse(link.get_attribute("href") or "") == authenticator
    both = phone_frontend.page.locator("a[href^=otpauth], img.qr")
    assert both.evaluate_all("(elements) => elements.map((element) => element.tagName)") == ["A", "IMG"]
    phone_frontend.submit_otp(member)
    assert len(phone_frontend.displayed_backup_codes()) == 10


def test_german_browser_gets_german_pages_and_emails(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """Login and activation are in German, and so is the email. The language can be switched to English."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend = new_frontend(locale="de-DE")
    frontend.open("/login")
    frontend.expect_page(f"Bei {PRODUCT} anmelden")
    frontend.fill("E-Mail", member.email)
    frontend.fill("Passwort", "falsch")
    frontend.click_button("Anmelden")
    frontend.expect_field_error("Passwort", "gibt es kein Konto")
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Anmelden")
    frontend.expect_page("Profil")
    frontend.click_link("Sicherheit")
    frontend.click_link("2FA aktivieren")
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Weiter")
    frontend.expect_page("Zwei-Faktor-Authentifizierung aktivieren")
    member.authenticator = Authenticator.scan(frontend.qr_code().screenshot())
    frontend.fill("Einmalpasswort", site.next_otp(member))
    frontend.expect_page("Backup-Codes")
    frontend.page.get_by_label("Ich habe meine Backup-Codes sicher aufbewahrt.").check()
    frontend.click_button("2FA aktivieren")
    frontend.expect_notification("2FA ist aktiv")
    assert member.name in frontend.wait_for_email(member.email, "Zwei-Faktor-Authentifizierung ist aktiv")["text"]
    frontend.click_button("Abmelden")
    frontend.fill("E-Mail", member.email)
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Anmelden")
    frontend.fill("Einmalpasswort", site.next_otp(member))
    frontend.expect_page("Profil")

    frontend.page.get_by_label("Sprache").select_option("en")
    frontend.expect_page("Profile")
    expect(frontend.page.locator("html")).to_have_attribute("lang", "en")


def test_keyboard_alone_completes_activation(frontend: Frontend, site: Site) -> None:
    """Tab, Enter and Space are enough from the login to the end of the activation."""
    member = site.create_member(site.create_company(), "Test Member")
    keyboard = frontend.page.keyboard
    frontend.open("/login")
    frontend.expect_page(f"Log in to {PRODUCT}")
    keyboard.type(member.email)
    tab_to(frontend, "Password")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    frontend.expect_page("Profile")
    expect(frontend.page.get_by_role("heading", level=1)).to_be_focused()
    frontend.open("/account/security")
    frontend.expect_page("Security")
    tab_to(frontend, "Activate 2FA")
    keyboard.press("Enter")
    frontend.expect_page("Activate 2FA")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    frontend.expect_page("Activate two-factor authentication")
    member.authenticator = Authenticator.scan(frontend.qr_code().screenshot())
    keyboard.type(site.next_otp(member))
    frontend.expect_page("Backup codes")
    tab_to(frontend, "I securely stored my backup codes.")
    keyboard.press("Space")
    tab_to(frontend, "Activate 2FA")
    keyboard.press("Enter")
    frontend.expect_notification("2FA is active")


def tab_to(frontend: Frontend, name: str) -> None:
    """Press Tab until the element with this name has the focus.

    Raises:
        AssertionError: 40 times were not enough.
    """
    for _ in range(40):
        frontend.page.keyboard.press("Tab")
        if (
            frontend.page.evaluate("document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText")
            == name
        ):
            return
    message = f"Tab does not reach {name!r}"
    raise AssertionError(message)
