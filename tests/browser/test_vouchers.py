"""Vouchers: after a reset, the admin gets one, and the user needs it to activate 2FA again."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD


def test_thief_with_the_password_cannot_enrol_and_the_user_can(frontend: Frontend, site: Site) -> None:
    """An admin turns the rule on, resets a user, and gets the voucher once. The password alone leads to nothing."""
    company = site.create_company(two_factor_enforced=True)
    admin = site.activate_two_factor(site.create_admin(company, "Test Admin"))
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    frontend.log_in(admin)
    frontend.click_link("Policy")
    frontend.page.get_by_label("Voucher after a reset").check()
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Save")
    frontend.expect_notification("The policy has been saved")
    expect(frontend.page.get_by_label("Voucher after a reset")).to_be_checked()
    frontend.click_link("Users")
    frontend.click_link(member.name)
    frontend.expect_text("You get a voucher, without which Test Member cannot activate 2FA again.")
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Reset 2FA")
    frontend.expect_notification("2FA of Test Member is reset")
    card = frontend.page.get_by_role("region", name="Voucher")
    expect(card).to_contain_text("in person or by phone")
    voucher = card.locator("code").inner_text()
    assert len(voucher.replace(" ", "")) == 10
    frontend.expect_question(lambda: frontend.click_link("All users"), answer=False)
    frontend.click_button("I have noted the voucher")
    expect(card).to_have_count(0)
    # The admin can create another one while the user needs it.
    frontend.expect_text("Test Member needs the voucher of the last reset")
    email = frontend.wait_for_email(member.email, "Two-factor authentication was reset for you")
    assert "you need a voucher" in email["text"]
    frontend.click_button("Log out")

    # The thief has the password alone.
    frontend.submit_password(member)
    frontend.expect_page("Activate 2FA")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_field_error("Voucher", "Please fill in this field.")
    frontend.fill("Voucher", "7777777777")
    frontend.click_button("Continue")
    frontend.expect_field_error("Voucher", "wrong or expired")
    frontend.open("/account/sessions")
    frontend.expect_page("Activate 2FA")

    # The user has both.
    frontend.fill("Password", PASSWORD)
    frontend.fill("Voucher", voucher.lower())
    frontend.click_button("Continue")
    frontend.expect_page("Activate two-factor authentication")
    member.authenticator = Authenticator.scan(frontend.qr_code().screenshot())
    frontend.submit_otp(member)
    frontend.acknowledge_backup_codes("Activate 2FA")
    frontend.expect_page("Security")
    frontend.expect_text("2FA active")
    frontend.click_link("Activity")
    frontend.expect_text("Right password, wrong voucher")


def test_voucher_of_the_operator_on_a_phone_in_german(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """Without the rule, the page has no field for it."""
    company = site.create_company()
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    site.set_rules(company, resets_need_voucher=True)
    voucher = site.reset(member)
    assert voucher is not None
    frontend = new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    frontend.submit_password(member)
    frontend.expect_page("Profile")
    frontend.page.get_by_role("contentinfo").get_by_role("combobox").first.select_option("de")
    frontend.open("/account/security/activate")
    frontend.expect_page("2FA aktivieren")
    frontend.fill("Passwort", PASSWORD)
    frontend.fill("Freigabecode", voucher[:9])
    frontend.click_button("Weiter")
    frontend.expect_field_error("Freigabecode", "Er hat 10 Buchstaben und Ziffern.")
    site.set_rules(company, resets_need_voucher=False)
    frontend.page.reload()
    frontend.expect_page("2FA aktivieren")
    expect(frontend.page.get_by_label("Freigabecode")).to_have_count(0)
    frontend.fill("Passwort", PASSWORD)
    # An admin turns the rule on before the user clicks.
    site.set_rules(company, resets_need_voucher=True)
    frontend.click_button("Weiter")
    frontend.expect_text("Bitte geben Sie auch den Freigabecode ein.")

    frontend.fill("Passwort", PASSWORD)
    frontend.fill("Freigabecode", f"{voucher[:5]} {voucher[5:]}")
    frontend.click_button("Weiter")

    frontend.expect_page("Zwei-Faktor-Authentifizierung aktivieren")
