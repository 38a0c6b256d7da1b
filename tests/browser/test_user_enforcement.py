"""The rule of one user, which an admin sets, and the banner for a user who will have to use 2FA."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.browser.test_visual_check import violations
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD


def test_admin_requires_2fa_of_a_user(frontend: Frontend, site: Site) -> None:
    """The page shows what holds. At the next click, the user has to activate 2FA, and then cannot deactivate it."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    member = site.create_member(company, "Test Member")
    frontend.log_in(admin)
    frontend.click_link("Users")
    frontend.click_link(member.name)
    frontend.expect_text("2FA is not required for Test Member at present.")
    expect(frontend.page.get_by_label("Last day of the exemption")).to_be_hidden()
    frontend.page.get_by_label("Rule for this user").select_option("ENFORCED")
    frontend.fill("Your own password, to save the rule", "not the password")
    frontend.click_button("Save the rule")
    frontend.expect_field_error("Your own password, to save the rule", "wait: 4.")
    frontend.fill("Your own password, to save the rule", PASSWORD)
    frontend.click_button("Save the rule")

    frontend.expect_notification("The rule for Test Member has been saved.")
    frontend.expect_text("2FA is required for Test Member.")
    expect(frontend.page.get_by_label("Rule for this user")).to_have_value("ENFORCED")
    event = frontend.page.get_by_role("listitem").filter(has_text="Rule for 2FA changed")
    expect(event).to_contain_text("By Test Admin")
    expect(event).to_contain_text("Rule for this user: As in the policy of the company → 2FA required")
    email = frontend.wait_for_email(member.email, "Two-factor authentication is now required for you")
    assert "Test Admin, an admin of your company" in email["text"]
    assert violations(frontend.page) == []
    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.expect_page("Activate 2FA")
    frontend.expect_text("2FA is required for your account. Please activate it now.")


def test_exempt_user_sees_the_banner_on_a_phone_in_german(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """The admin chooses the last day. The banner is on every page of the user until 2FA is active."""
    company = site.create_company(two_factor_enforced=True, backup_codes_enabled=False)
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    member = site.create_member(company, "Test Member")
    frontend = new_frontend(
        viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True, locale="de-DE", timezone_id="UTC"
    )
    frontend.open("/login")
    frontend.fill("E-Mail", admin.email)
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Anmelden")
    frontend.fill("Einmalpasswort", site.next_otp(admin))
    frontend.click_link("Benutzer")
    frontend.click_link(member.name)
    frontend.expect_text("2FA ist für Test Member vorgeschrieben.")
    frontend.page.get_by_label("Regel für dieses Konto").select_option("EXEMPT")
    last_day = (datetime.now(UTC) + timedelta(days=10)).date()
    frontend.fill("Letzter Tag der Ausnahme", "")
    frontend.fill("Ihr eigenes Passwort, um die Regel zu speichern", PASSWORD)
    frontend.click_button("Regel speichern")
    frontend.expect_field_error("Letzter Tag der Ausnahme", "")
    frontend.fill("Letzter Tag der Ausnahme", last_day.isoformat())
    frontend.click_button("Regel speichern")
    frontend.expect_notification("Die Regel für Test Member ist gespeichert.")
    end = last_day + timedelta(days=1)
    frontend.expect_text(f"2FA ist für Test Member ab {end:%d.%m.%Y}, 00:00 vorgeschrieben.")
    expect(frontend.page.get_by_label("Letzter Tag der Ausnahme")).to_have_value(last_day.isoformat())
    assert violations(frontend.page) == []

    frontend.click_button("Abmelden")
    frontend.open("/login")
    frontend.fill("E-Mail", member.email)
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Anmelden")
    banner = frontend.page.get_by_text(f"Ab {end:%d.%m.%Y}, 00:00 ist 2FA für Ihr Konto vorgeschrieben.")
    for path, heading in (("/account", "Profil"), ("/account/sessions", "Sitzungen")):
        frontend.open(path)
        frontend.expect_page(heading)
        expect(banner).to_be_visible()
        assert violations(frontend.page) == []
    frontend.click_link("Jetzt einrichten")
    frontend.expect_page("2FA aktivieren")
    frontend.fill("Passwort", PASSWORD)
    frontend.click_button("Weiter")
    link = frontend.page.get_by_role("link", name="Ist die App auf diesem Gerät?")
    member.authenticator = Authenticator.parse(link.get_attribute("href") or "")
    frontend.fill("Einmalpasswort", site.next_otp(member))
    frontend.expect_page("Sicherheit")
    expect(banner).to_have_count(0)
