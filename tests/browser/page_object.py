"""Page object of the frontend. It finds elements by role and label, as users and screen readers do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.site import Account, Site
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD

# The email worker checks the outbox every second.
EMAIL_TIMEOUT_MS = 15_000

# Changes the hash of the URL and waits until the page has got the event. Returns false if it is the hash already.
CHANGE_HASH = """(hash) => location.hash !== hash && new Promise((resolve) => {
  addEventListener("hashchange", () => resolve(true), { once: true });
  location.hash = hash;
})"""


class Frontend:
    """The frontend in one browser tab."""

    def __init__(self, page: Page, site: Site) -> None:
        """Use `page` for `site`."""
        self.page = page
        self.site = site

    def open(self, path: str) -> None:
        """Open a page by the path in its URL hash, and wait until it has replaced the page before."""
        is_open = self.page.url.split("#")[0] == f"{self.site.url}/"
        if not is_open or not self.page.evaluate(CHANGE_HASH, f"#{path}"):
            self.page.goto(f"/#{path}")
        expect(self.page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")

    def fill(self, label: str, text: str) -> None:
        """Fill in a field."""
        self.page.get_by_label(label, exact=True).fill(text)

    def paste(self, label: str, text: str) -> None:
        """Paste a text into a field. Unlike `fill`, the browser cuts it off at the `maxlength` of the field."""
        field = self.page.get_by_label(label, exact=True)
        field.fill("")
        field.focus()
        self.page.keyboard.insert_text(text)

    def click_button(self, name: str) -> None:
        """Click a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def click_link(self, name: str, within: Locator | None = None) -> None:
        """Click a link."""
        (within or self.page).get_by_role("link", name=name, exact=True).click()

    def expect_page(self, heading: str) -> None:
        """Assert that the page with this main heading is shown."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()

    def expect_text(self, text: str) -> None:
        """Assert that this text is visible."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def expect_notification(self, text: str) -> None:
        """Assert that the live region above the page contains this text."""
        expect(self.page.locator("#notifications")).to_contain_text(text)

    def expect_field_error(self, label: str, text: str) -> None:
        """Assert that the field is invalid and focused, and that an alert with this text describes it."""
        field = self.page.get_by_label(label, exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        described_by = (field.get_attribute("aria-describedby") or "").split()
        error = self.page.locator(f"[id='{described_by[-1]}']")
        expect(error).to_have_attribute("role", "alert")
        expect(error).to_contain_text(text)

    def submit_password(self, account: Account, password: str = PASSWORD) -> None:
        """Do the first step of the login."""
        self.open("/login")
        self.fill("Email", account.email)
        self.fill("Password", password)
        self.click_button("Login")

    def log_in(self, account: Account) -> None:
        """Log in, with an OTP if 2FA is active."""
        self.submit_password(account)
        if account.authenticator:
            self.expect_page("Confirm that it is you")
            self.fill("One-time password", self.site.next_otp(account))
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()

    def open_security_tab(self, account: Account) -> None:
        """Click the user name at the top right, then the Security tab."""
        self.click_link(account.name)
        self.click_link("Security")
        self.expect_page("Security")

    def start_activation(self, account: Account) -> Authenticator:
        """Go from the Security tab to the activation page, and scan the QR code on the screen."""
        self.click_link("Activate 2FA")
        self.expect_page("Activate 2FA")
        self.fill("Password", PASSWORD)
        self.click_button("Continue")
        self.expect_page("Activate two-factor authentication")
        account.authenticator = Authenticator.scan(self.qr_code().screenshot())
        return account.authenticator

    def qr_code(self) -> Locator:
        """Return the QR code on the activation page."""
        return self.page.locator("img.qr")

    def submit_otp(self, account: Account) -> None:
        """Enter a new OTP on the activation page, which sends it when it is complete."""
        self.fill("One-time password", self.site.next_otp(account))

    def open_backup_codes(self, account: Account) -> Authenticator:
        """Log in, and activate 2FA up to the page of the backup codes."""
        self.log_in(account)
        self.open_security_tab(account)
        authenticator = self.start_activation(account)
        self.submit_otp(account)
        self.expect_page("Backup codes")
        return authenticator

    def displayed_backup_codes(self) -> list[str]:
        """Return the backup codes on the page, after asserting that there are ten."""
        codes = self.page.get_by_role("list", name="Backup codes").get_by_role("listitem")
        expect(codes).to_have_count(10)
        return codes.all_inner_texts()

    def acknowledge_backup_codes(self, button: str) -> None:
        """Check the checkbox that the codes are stored, and click the button."""
        self.page.get_by_label("I securely stored my backup codes.").check()
        self.click_button(button)

    def expect_question(self, leave: Callable[[], None], *, answer: bool) -> None:
        """Assert that the page asks before the user leaves it, and answer."""
        questions = []

        def reply(dialog: Dialog) -> None:
            questions.append(dialog.message)
            if answer:
                dialog.accept()
            else:
                dialog.dismiss()

        self.page.once("dialog", reply)
        # The question can come after the click, because the browser sends the event of a new address later.
        with self.page.expect_event("dialog"):
            leave()
        assert [question for question in questions if "Leave this page?" in question] == questions != []

    def expect_question_before_reload(self) -> None:
        """Assert that the browser asks before it loads the page again, and stay on the page."""
        with self.page.expect_event("dialog") as shown:
            # Not at once, because the browser answers only after the dialog.
            self.page.evaluate("() => { setTimeout(() => location.reload()); }")
        assert shown.value.type == "beforeunload"
        shown.value.dismiss()

    def wait_for_email(self, address: str, subject: str) -> dict[str, Any]:
        """Return the newest email to this address with this subject, as the mailbox serves it.

        Raises:
            AssertionError: No such email arrived in time.
        """
        other_page = self.page.context.new_page()
        try:
            for _ in range(EMAIL_TIMEOUT_MS // 250):
                emails = other_page.request.get("/mailbox/emails").json()["emails"]
                for email in emails:
                    if address in email["to"] and subject == email["subject"]:
                        return dict(email)
                other_page.wait_for_timeout(250)
        finally:
            other_page.close()
        message = f"no email {subject!r} to {address}"
        raise AssertionError(message)

    def advance_time(self, by: timedelta) -> None:
        """Move the clock of the server forward."""
        self.site.clock.advance(by)

    def advance_browser_time(self, by: timedelta) -> None:
        """Move the clock of the page forward. The test has installed it before the page was opened."""
        self.page.clock.fast_forward(int(by.total_seconds() * 1000))
