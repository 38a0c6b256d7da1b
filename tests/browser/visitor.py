"""A person at a browser: what they do, by the labels that they see."""

from datetime import timedelta
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.site import PASSWORD, Person, Site
from tests.support.authenticator import Authenticator

# The outbox is looked at every second.
LETTER_TIMEOUT_MS = 15_000


class Visitor:
    """Uses the pages as people do."""

    def __init__(self, page: Page, site: Site) -> None:
        """Look at `page`."""
        self.page = page
        self.site = site

    def open(self, path: str) -> None:
        """Go to a page of the frontend by its address."""
        self.page.goto(f"/#{path}")

    def fill(self, label: str, text: str) -> None:
        """Write into a field."""
        self.page.get_by_label(label, exact=True).fill(text)

    def press(self, name: str) -> None:
        """Click a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str, within: Locator | None = None) -> None:
        """Click a link."""
        (within or self.page).get_by_role("link", name=name, exact=True).click()

    def sees_page(self, heading: str) -> None:
        """The page of this heading is there, and focus is on it, for screen readers to begin."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()

    def sees(self, text: str) -> None:
        """This text is on the page."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def is_told(self, text: str) -> None:
        """This was said in the live region above the page."""
        expect(self.page.locator("#notifications")).to_contain_text(text)

    def is_refused(self, label: str, text: str) -> None:
        """The refusal stands with this field: it is invalid, focused, and described by the words."""
        field = self.page.get_by_label(label, exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        described_by = (field.get_attribute("aria-describedby") or "").split()
        refusal = self.page.locator(f"[id='{described_by[-1]}']")
        expect(refusal).to_have_attribute("role", "alert")
        expect(refusal).to_contain_text(text)

    def gives_password(self, person: Person, password: str = PASSWORD) -> None:
        """The first step of signing in."""
        self.open("/login")
        self.fill("Email", person.email)
        self.fill("Password", password)
        self.press("Login")

    def logs_in(self, person: Person) -> None:
        """Sign in, with the second factor where there is one."""
        self.gives_password(person)
        if person.authenticator:
            self.sees_page("Confirm that it is you")
            self.fill("One-time password", self.site.otp(person))
            self.press("Verify")
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()

    def opens_security(self, person: Person) -> None:
        """Click the user name at the top right, then the Security tab."""
        self.follow(person.name)
        self.follow("Security")
        self.sees_page("Security")

    def begins_activation(self, person: Person) -> Authenticator:
        """From the Security tab to the activation page; scan the QR code from the screen."""
        self.follow("Activate 2FA")
        self.sees_page("Activate 2FA")
        self.fill("Password", PASSWORD)
        self.press("Continue")
        self.sees_page("Activate two-factor authentication")
        person.authenticator = Authenticator.scan(self.qr_code().screenshot())
        return person.authenticator

    def qr_code(self) -> Locator:
        """The QR code on the screen."""
        return self.page.locator("img.qr")

    def confirms(self, person: Person) -> None:
        """Enter the OTP that the app shows."""
        self.fill("One-time password", self.site.otp(person))
        self.press("Continue")

    def codes_on_screen(self) -> list[str]:
        """The backup codes that are shown."""
        codes = self.page.get_by_role("list", name="Backup codes").get_by_role("listitem")
        expect(codes).to_have_count(10)
        return codes.all_inner_texts()

    def letter(self, email: str, subject: str) -> dict[str, Any]:
        """The newest letter to this address, as the mailbox has it. It arrives soon."""
        other = self.page.context.new_page()
        try:
            for _ in range(LETTER_TIMEOUT_MS // 250):
                letters = other.request.get("/mailbox/letters").json()["letters"]
                for letter in letters:
                    if email in letter["to"] and subject == letter["subject"]:
                        return dict(letter)
                other.wait_for_timeout(250)
        finally:
            other.close()
        message = f"no letter {subject!r} to {email}"
        raise AssertionError(message)

    def waits(self, by: timedelta) -> None:
        """Let time pass on the server."""
        self.site.clock.advance(by)
