"""The frontend as `python -m demo` serves it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.support.authenticator import Authenticator
from tests.support.demo_process import demo


def test_demo_user_activates_2fa(new_frontend: Callable[..., Frontend], tmp_path: Path) -> None:
    """Log in with the data of `demo.json`, activate 2FA, and find the email in the mailbox."""
    with demo(tmp_path) as running:
        user = running.facts["users"][1]
        frontend = new_frontend(base_url=urljoin(running.facts["graphql_url"], "/"))
        frontend.open("/login")
        frontend.expect_page("Log in to Countersign")
        frontend.fill("Email", user["email"])
        frontend.fill("Password", user["password"])
        frontend.click_button("Login")
        frontend.open("/account/security/activate")
        frontend.expect_page("Activate 2FA")
        frontend.fill("Password", user["password"])
        frontend.click_button("Continue")
        frontend.expect_page("Activate two-factor authentication")
        authenticator = Authenticator.scan(frontend.qr_code().screenshot())
        frontend.fill("One-time password", authenticator.otp(datetime.now(UTC)))
        frontend.expect_page("Backup codes")
        frontend.acknowledge_backup_codes("Activate 2FA")
        frontend.expect_notification("2FA is active")
        frontend.wait_for_email(user["email"], "Two-factor authentication is active")
        frontend.click_link("Mailbox of the demo")
        expect(frontend.page.get_by_role("article").first).to_contain_text(user["email"])
        # Close the browser context before the demo stops, because failed requests would be reported as errors.
        frontend.page.context.close()
