"""The same pages as a newcomer meets them: served by `python -m demo`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.demo.test_demo import demo
from tests.support.authenticator import Authenticator


def test_a_newcomer_activates_2fa_in_the_demo(new_visitor: Callable[..., Visitor], tmp_path: Path) -> None:
    """With what `demo.json` says: sign in, activate, and find the letter in the mailbox."""
    with demo(tmp_path) as running:
        user = running.facts["users"][1]
        visitor = new_visitor(base_url=urljoin(running.facts["graphql_url"], "/"))
        visitor.open("/login")
        visitor.sees_page("Log in to Countersign")
        visitor.fill("Email", user["email"])
        visitor.fill("Password", user["password"])
        visitor.press("Login")
        visitor.open("/account/security/activate")
        visitor.sees_page("Activate 2FA")
        visitor.fill("Password", user["password"])
        visitor.press("Continue")
        visitor.sees_page("Activate two-factor authentication")
        authenticator = Authenticator.scan(visitor.qr_code().screenshot())
        visitor.fill("One-time password", authenticator.otp(datetime.now(UTC)))
        visitor.press("Continue")
        visitor.sees_page("Backup codes")
        visitor.page.get_by_label("I securely stored my backup codes.").check()
        visitor.press("Activate 2FA")
        visitor.is_told("2FA is active")
        visitor.letter(user["email"], "Two-factor authentication is active")
        visitor.follow("Mailbox of the demo")
        expect(visitor.page.get_by_role("article").first).to_contain_text(user["email"])
        # Before the demo is gone.
        visitor.page.context.close()
