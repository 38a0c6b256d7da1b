"""Activating 2FA, as the help page tells it."""

from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import expect

from tests.browser.site import PASSWORD, PRODUCT, Site
from tests.browser.visitor import Visitor
from tests.support.authenticator import Authenticator


def test_a_user_activates_2fa_step_by_step(visitor: Visitor, site: Site) -> None:
    """Security tab, password, QR code, OTP, backup codes, checkbox; a letter tells, and the next login wants an OTP."""
    person = site.person(site.company(), "Mira Member")
    visitor.logs_in(person)
    visitor.opens_security(person)
    visitor.sees("2FA inactive")

    authenticator = visitor.begins_activation(person)
    assert (authenticator.issuer, authenticator.account_name) == (PRODUCT, person.email)
    for app in ("Google Authenticator", "Microsoft Authenticator", "Authy"):
        row = visitor.page.get_by_role("row").filter(has_text=app)
        expect(row.get_by_role("link")).to_have_count(2)
    key = visitor.page.locator("code.key").inner_text()
    assert max(map(len, key.split(" "))) == 4
    visitor.press("Copy the key")
    visitor.is_told("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == key.replace(" ", "") == authenticator.key

    otp_field = visitor.page.get_by_label("One-time password")
    expect(otp_field).to_have_attribute("autocomplete", "one-time-code")
    expect(otp_field).to_have_attribute("inputmode", "numeric")
    visitor.confirms(person)

    visitor.sees_page("Backup codes")
    codes = visitor.codes_on_screen()
    with visitor.page.expect_download() as download:
        visitor.press("Download")
    content = download.value.path().read_text("utf-8")
    assert all(code in content for code in codes)
    visitor.press("Copy")
    visitor.is_told("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()").split() == codes

    visitor.press("Activate 2FA")
    visitor.is_refused("I securely stored my backup codes.", "Please store your backup codes first")
    visitor.page.get_by_label("I securely stored my backup codes.").check()
    visitor.press("Activate 2FA")

    visitor.sees_page("Security")
    visitor.is_told("2FA is active")
    visitor.sees("You have 10 unused backup codes left")
    assert person.name in visitor.letter(person.email, "Two-factor authentication is active")["text"]

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Confirm that it is you")
    visitor.fill("One-time password", site.otp(person))
    visitor.press("Verify")
    visitor.sees_page("Profile")


def test_the_codes_are_shown_once_and_gone_when_the_page_is_left(visitor: Visitor, site: Site) -> None:
    """Going back shows the first step again: the activation was not finished, and what was shown is nowhere."""
    person = site.person(site.company(), "Olga Once")
    visitor.logs_in(person)
    visitor.opens_security(person)
    authenticator = visitor.begins_activation(person)
    visitor.confirms(person)
    visitor.sees_page("Backup codes")
    codes = visitor.codes_on_screen()

    visitor.follow(person.name)
    visitor.sees_page("Profile")
    visitor.open("/account/security/activate")
    visitor.sees_page("Activate 2FA")
    stored = visitor.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") + visitor.page.content()

    assert not any(secret in stored for secret in [*codes, authenticator.key])


def test_printed_are_the_codes_and_nothing_else_to_click(visitor: Visitor, site: Site) -> None:
    """On paper there are the codes and whose they are, but neither buttons nor navigation."""
    person = site.person(site.company(), "Pia Paper")
    visitor.logs_in(person)
    visitor.opens_security(person)
    visitor.begins_activation(person)
    visitor.confirms(person)
    visitor.codes_on_screen()
    visitor.page.evaluate("() => { window.print = () => { document.title = 'printed'; } }")
    visitor.press("Print")
    expect(visitor.page).to_have_title("printed")

    visitor.page.emulate_media(media="print")

    visitor.codes_on_screen()
    visitor.sees(f"{PRODUCT}: {person.email}")
    expect(visitor.page.get_by_role("button")).to_have_count(0)
    expect(visitor.page.get_by_role("navigation")).to_have_count(0)


def test_wrong_passwords_and_otps_are_refused_beside_their_fields(visitor: Visitor, site: Site) -> None:
    """With how many tries are left, and in the end with the time when the next one counts."""
    person = site.person(site.company(), "Willi Wrong")
    visitor.logs_in(person)
    visitor.open("/account/security/activate")
    visitor.press("Continue")
    visitor.is_refused("Password", "Please fill in this field.")
    for left in range(4, -1, -1):
        visitor.fill("Password", "not the password")
        visitor.press("Continue")
        visitor.is_refused("Password", f"wait: {left}.")
    visitor.fill("Password", PASSWORD)
    visitor.press("Continue")
    visitor.is_refused("Password", "You can try again from")

    visitor.waits(timedelta(minutes=1))
    visitor.press("Continue")
    visitor.sees_page("Activate two-factor authentication")
    visitor.fill("One-time password", "12345")
    visitor.press("Continue")
    visitor.is_refused("One-time password", "wrong, expired or already used")

    visitor.waits(timedelta(minutes=11))
    visitor.press("Continue")
    visitor.sees_page("Activate 2FA")
    expect(visitor.page.get_by_role("alert").filter(has_text="start again")).to_be_visible()


def test_with_backup_codes_off_the_otp_activates(visitor: Visitor, site: Site) -> None:
    """No codes are shown, and no login speaks of them."""
    person = site.person(site.company(backup_codes_enabled=False), "Nora Nocodes")
    visitor.logs_in(person)
    visitor.opens_security(person)
    visitor.begins_activation(person)
    visitor.sees("They activate 2FA.")
    visitor.confirms(person)
    visitor.sees_page("Security")
    visitor.sees("2FA active")
    expect(visitor.page.get_by_text("backup codes")).to_have_count(0)

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Confirm that it is you")
    expect(visitor.page.get_by_role("link", name="Use a backup code instead")).to_have_count(0)
    visitor.open("/login/backup-code")
    visitor.sees_page("Confirm that it is you")


def test_where_2fa_is_enforced_the_login_leads_to_it(visitor: Visitor, site: Site) -> None:
    """Nothing else is open until it is active; afterwards it says so and offers no way to deactivate."""
    person = site.person(site.company(two_factor_enforced=True), "Emma Enforced")
    visitor.gives_password(person)
    visitor.sees_page("Activate 2FA")
    visitor.sees("requires 2FA. Please activate it now")
    visitor.open("/account/sessions")
    visitor.sees_page("Activate 2FA")
    visitor.fill("Password", PASSWORD)
    visitor.press("Continue")
    visitor.sees_page("Activate two-factor authentication")
    person.authenticator = Authenticator.scan(visitor.qr_code().screenshot())
    visitor.confirms(person)
    visitor.sees_page("Backup codes")
    visitor.page.get_by_label("I securely stored my backup codes.").check()
    visitor.press("Activate 2FA")
    visitor.sees_page("Security")
    visitor.sees("requires 2FA of everybody, so it cannot be deactivated")
    expect(visitor.page.get_by_role("link", name="Deactivate 2FA")).to_have_count(0)


def test_enforcement_that_begins_meanwhile_is_met_at_the_next_click(visitor: Visitor, site: Site) -> None:
    """A session that knew nothing of it is led to the activation."""
    company = site.company()
    person = site.person(company, "Moritz Meanwhile")
    admin = site.admin(company, "Anna Admin")
    visitor.logs_in(person)
    site.set_policy(admin, twoFactorEnforced=True)
    visitor.follow("Sessions")
    visitor.sees_page("Activate 2FA")


def test_a_phone_shows_the_whole_activation(phone: Visitor, site: Site) -> None:
    """At 320 px the QR code can still be read, and a link opens the app on the same device."""
    person = site.person(site.company(), "Paula Phone")
    phone.logs_in(person)
    phone.opens_security(person)
    authenticator = phone.begins_activation(person)
    link = phone.page.get_by_role("link", name="Is the app on this device?")
    assert authenticator.parse(link.get_attribute("href") or "") == authenticator
    phone.confirms(person)
    assert len(phone.codes_on_screen()) == 10


def test_german_says_the_same(new_visitor: Callable[..., Visitor], site: Site) -> None:
    """A browser that asks for German walks the whole flow in it, letters included."""
    person = site.person(site.company(), "Gerda German")
    visitor = new_visitor(locale="de-DE")
    visitor.open("/login")
    visitor.sees_page(f"Bei {PRODUCT} anmelden")
    visitor.fill("E-Mail", person.email)
    visitor.fill("Passwort", "falsch")
    visitor.press("Anmelden")
    visitor.is_refused("Passwort", "gibt es kein Konto")
    visitor.fill("Passwort", PASSWORD)
    visitor.press("Anmelden")
    visitor.sees_page("Profil")
    visitor.follow("Sicherheit")
    visitor.follow("2FA aktivieren")
    visitor.fill("Passwort", PASSWORD)
    visitor.press("Weiter")
    visitor.sees_page("Zwei-Faktor-Authentifizierung aktivieren")
    person.authenticator = Authenticator.scan(visitor.qr_code().screenshot())
    visitor.fill("Einmalpasswort", site.otp(person))
    visitor.press("Weiter")
    visitor.sees_page("Backup-Codes")
    visitor.page.get_by_label("Ich habe meine Backup-Codes sicher aufbewahrt.").check()
    visitor.press("2FA aktivieren")
    visitor.is_told("2FA ist aktiv")
    assert person.name in visitor.letter(person.email, "Zwei-Faktor-Authentifizierung ist aktiv")["text"]
    visitor.press("Abmelden")
    visitor.fill("E-Mail", person.email)
    visitor.fill("Passwort", PASSWORD)
    visitor.press("Anmelden")
    visitor.fill("Einmalpasswort", site.otp(person))
    visitor.press("Bestätigen")
    visitor.sees_page("Profil")

    visitor.page.get_by_label("Sprache").select_option("en")
    visitor.sees_page("Profile")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "en")


def test_the_keyboard_alone_will_do(visitor: Visitor, site: Site) -> None:
    """From the login to the backup codes without a pointer: Tab, Enter and Space reach everything in its order."""
    person = site.person(site.company(), "Kim Keyboard")
    keyboard = visitor.page.keyboard
    visitor.open("/login")
    visitor.sees_page(f"Log in to {PRODUCT}")
    tab_to(visitor, "Email")
    keyboard.type(person.email)
    tab_to(visitor, "Password")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    visitor.sees_page("Profile")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_focused()
    visitor.open("/account/security")
    visitor.sees_page("Security")
    tab_to(visitor, "Activate 2FA")
    keyboard.press("Enter")
    visitor.sees_page("Activate 2FA")
    tab_to(visitor, "Password")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    visitor.sees_page("Activate two-factor authentication")
    person.authenticator = Authenticator.scan(visitor.qr_code().screenshot())
    tab_to(visitor, "One-time password")
    keyboard.type(site.otp(person))
    keyboard.press("Enter")
    visitor.sees_page("Backup codes")
    tab_to(visitor, "I securely stored my backup codes.")
    keyboard.press("Space")
    tab_to(visitor, "Activate 2FA")
    keyboard.press("Enter")
    visitor.is_told("2FA is active")


def tab_to(visitor: Visitor, name: str) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        if (
            visitor.page.evaluate("document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText")
            == name
        ):
            return
    message = f"Tab does not reach {name!r}"
    raise AssertionError(message)
