"""The profile, and what the user's pages say about backup codes and events."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import PRODUCT, Site
from tests.support.users import PASSWORD


def test_user_changes_name_and_language(frontend: Frontend, site: Site) -> None:
    """The navigation has the new name at once. Emails and the file of backup codes have the new language."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.expect_page("Profile")
    frontend.fill("Name", " \u200b ")
    frontend.click_button("Save")
    frontend.expect_field_error("Name", "This name cannot be used.")
    frontend.fill("Name", "Mia Müller")
    frontend.page.get_by_label("Your emails are in").select_option("de")
    frontend.click_button("Save")
    frontend.expect_notification("Your profile has been saved")
    expect(frontend.page.get_by_role("navigation", name="Main").get_by_role("link", name="Mia Müller")).to_be_visible()
    expect(frontend.page.get_by_label("Your emails are in")).to_have_value("de")

    frontend.click_link("Security")
    frontend.click_link("Get new backup codes")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    with frontend.page.expect_download() as download:
        frontend.click_button("Download")
    assert download.value.suggested_filename.startswith(f"Backup-Codes_{PRODUCT}_{member.email}_")
    assert f"{PRODUCT}: Backup-Codes von {member.email}" in download.value.path().read_text("utf-8")
    frontend.acknowledge_backup_codes("Use the new codes")
    assert "Mia Müller" in frontend.wait_for_email(member.email, "Sie haben neue Backup-Codes")["text"]


def test_user_without_backup_codes_gets_a_hint_once_they_are_on(frontend: Frontend, site: Site) -> None:
    """Nobody told users of before. The pages speak of backup codes only while they are on."""
    company = site.create_company(backup_codes_enabled=False)
    admin = site.create_admin(company, "Test Admin")
    member = site.activate_two_factor(site.create_member(company, "Test Member"))
    frontend.log_in(member)
    frontend.expect_page("Profile")
    expect(frontend.page.get_by_text("backup codes")).to_have_count(0)
    frontend.click_link("Security")
    frontend.click_link("Deactivate 2FA")
    frontend.expect_text("We do not recommend this.")
    expect(frontend.page.get_by_text("backup codes")).to_have_count(0)

    site.set_policy(admin, backupCodesEnabled=True)
    frontend.click_link("Cancel")
    frontend.expect_text("You have no backup codes.")
    frontend.click_link("Profile")
    frontend.expect_text("You have no backup codes.")
    frontend.click_link("Get new backup codes")
    frontend.expect_page("Get new backup codes")


def test_events_say_where_a_code_was_wrong(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """A typo in the set-up is no login with the right password. The texts are in the language of the page."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    frontend = new_frontend()
    frontend.log_in(admin)
    frontend.open_security_tab(admin)
    frontend.start_activation(admin)
    frontend.fill("One-time password", "000000")
    frontend.click_button("Continue")
    frontend.expect_field_error("One-time password", "wrong, expired or already used")
    frontend.click_link("Policy")
    frontend.page.get_by_label("Backup codes").uncheck()
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Save")
    frontend.expect_notification("The policy has been saved")
    frontend.click_link("Events")
    frontend.expect_text("Wrong code when setting up 2FA")
    frontend.expect_text("Second factor: One-time password")
    frontend.expect_text("Backup codes: on → off")
    expect(frontend.page.get_by_text("Note:")).to_have_count(0)
    frontend.page.get_by_label("Language").select_option("de")
    frontend.expect_text("Falscher Code beim Einrichten von 2FA")
    frontend.expect_text("Backup-Codes: an → aus")
