"""Forms: the focus, the OTP that is sent when it is complete, waits, and passwords that can be shown."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.page_object import Frontend
from tests.browser.site import Account, Site
from tests.support.users import PASSWORD
from twofactor.factors.totp import normalise_otp

PHONE = {"viewport": {"width": 360, "height": 720}, "has_touch": True, "is_mobile": True}
WAIT_S = 30


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_field_that_is_to_be_filled_has_the_focus(
    new_frontend: Callable[..., Frontend], site: Site, device: dict[str, object]
) -> None:
    """The top of the page stays in view, and screen readers hear the name of the page with the form."""
    frontend = new_frontend(**device)
    company = site.create_company()
    member = site.create_member(company, "Test Member")
    frontend.open("/login")
    expect_focus(frontend, "Email")
    frontend.log_in(member)
    frontend.open("/account/password")
    frontend.expect_page("Password")
    expect_focus(frontend, "Current password")
    frontend.open("/account/security/activate")
    frontend.expect_page("Activate 2FA")
    expect_focus(frontend, "Password")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_page("Activate two-factor authentication")
    expect_focus(frontend, "One-time password")
    frontend.open("/account/security")
    frontend.click_button("Log out")

    with_2fa = site.activate_two_factor(site.create_member(company, "Other Member"))
    frontend.submit_password(with_2fa)
    frontend.expect_page("Confirm that it is you")
    expect_focus(frontend, "One-time password")
    frontend.click_link("Use a backup code instead")
    frontend.expect_page("Log in with a backup code")
    expect_focus(frontend, "Backup code")
    frontend.click_link("Use a one-time password instead")
    frontend.fill("One-time password", site.next_otp(with_2fa))
    frontend.expect_page("Profile")
    for path, heading in (("deactivate", "Deactivate 2FA"), ("backup-codes", "Get new backup codes")):
        frontend.open(f"/account/security/{path}")
        frontend.expect_page(heading)
        expect_focus(frontend, "Password")


def test_otp_is_sent_once_when_it_is_complete(frontend: Frontend, site: Site) -> None:
    """Not again while the answer is awaited, nor with Enter after the answer. Another entry is sent."""
    member = with_challenge(frontend, site)
    assert member.authenticator
    sent = requests_of(frontend, "VerifyLogin")
    keyboard = frontend.page.keyboard
    held: list[Route] = []
    frontend.page.route("**/graphql", lambda route: held.append(route))  # noqa: PLW0108  # Playwright sets attributes
    wrong = member.authenticator.wrong_otp(site.clock())
    keyboard.type(wrong)
    keyboard.press("Backspace")
    keyboard.type(wrong[-1])
    keyboard.press("Enter")
    expect(frontend.page.get_by_role("progressbar")).to_be_visible()
    assert len(sent) == 1
    held.pop().continue_()
    frontend.page.unroute("**/graphql")

    frontend.expect_field_error("One-time password", "wait: 4.")
    keyboard.press("Enter")
    keyboard.type(wrong)
    keyboard.press("Enter")
    frontend.expect_field_error("One-time password", "wait: 4.")
    assert len(sent) == 1

    full_width = str.maketrans("0123456789", "".join(chr(0xFF10 + digit) for digit in range(10)))
    frontend.paste("One-time password", f" {site.next_otp(member).translate(full_width)}")
    frontend.expect_page("Profile")
    assert len(sent) == 2


@pytest.mark.parametrize(
    "texts",
    [
        ["123456", " 123 456\n", "123-456", "“123456”", "１２３４５６", "12\u200b34\ufeff56"],
        ["12345", "1234567", "", "12345a", "٠١٢٣٤٥", "१२३४५६", "12345⁶", "12345Ⅵ", "123.456", "123456" + " " * 251],
    ],
    ids=["codes", "others"],
)
def test_page_reads_an_otp_like_the_server(frontend: Frontend, texts: list[str]) -> None:
    """The page sends by itself only what the server accepts."""
    frontend.open("/login")
    read = frontend.page.evaluate(
        """async (texts) => {
          const { otpIn } = await import("/web/one-time-password.js");
          return texts.map(otpIn);
        }""",
        texts,
    )

    assert read == [normalise_otp(text) for text in texts]
    assert len(set(read)) == 1


def test_button_is_disabled_with_a_countdown_while_the_user_has_to_wait(frontend: Frontend, site: Site) -> None:
    """The focus stays in the field. Nothing is sent meanwhile. At the end, screen readers are told once."""
    frontend.page.clock.install()
    member = with_challenge(frontend, site)
    sent = requests_of(frontend, "VerifyLogin")
    answer = {"__typename": "WrongSecondFactor", "message": "Wrong.", "retryAfterSeconds": WAIT_S}
    frontend.page.route("**/graphql", lambda route: route.fulfill(json={"data": {"verifyLogin": answer}}))
    frontend.fill("One-time password", "123456")
    verify = frontend.page.get_by_role("button", name="Verify")
    expect(verify).to_be_disabled()
    frontend.expect_field_error("One-time password", "You can try again from")
    countdown = frontend.page.get_by_role("timer")
    expect(countdown).to_contain_text("0:30")
    frontend.page.unroute("**/graphql")
    frontend.advance_browser_time(timedelta(seconds=WAIT_S - 10))
    expect(countdown).to_contain_text("0:10")
    frontend.fill("One-time password", site.next_otp(member))
    frontend.page.keyboard.press("Enter")
    expect(verify).to_be_disabled()
    assert len(sent) == 1

    frontend.advance_browser_time(timedelta(seconds=10))
    expect(frontend.page.get_by_role("status").filter(has_text="You can try again now.")).to_be_visible()
    expect(countdown).to_be_empty()
    verify.click()
    frontend.expect_page("Profile")


def test_wait_of_one_email_does_not_concern_another(frontend: Frontend) -> None:
    """A user who has mistyped the email can continue at once."""
    frontend.open("/login")
    frontend.fill("Email", "somebody@example.com")
    frontend.fill("Password", PASSWORD)
    answer = {"__typename": "TooManyAttempts", "message": "Too many.", "retryAfterSeconds": WAIT_S}
    frontend.page.route("**/graphql", lambda route: route.fulfill(json={"data": {"login": answer}}))
    frontend.click_button("Login")
    login = frontend.page.get_by_role("button", name="Login")
    expect(login).to_be_disabled()
    frontend.fill("Email", "somebody.else@example.com")

    expect(login).to_be_enabled()


def test_new_password_can_be_shown(frontend: Frontend, site: Site) -> None:
    """The page asks for it once. It is hidden again when the form is sent."""
    frontend.log_in(site.create_member(site.create_company(), "Test Member"))
    frontend.open("/account/password")
    field = frontend.page.get_by_label("New password", exact=True)
    show = frontend.page.get_by_role("button", name="Show password")
    frontend.fill("Current password", "not the password")
    frontend.fill("New password", "seven quiet herons wade")
    expect(field).to_have_attribute("type", "password")
    show.click()
    expect(show).to_have_attribute("aria-pressed", "true")
    expect(field).to_have_attribute("type", "text")
    frontend.click_button("Change password")
    frontend.expect_field_error("Current password", "wait: 4.")

    expect(show).to_have_attribute("aria-pressed", "false")
    expect(field).to_have_attribute("type", "password")
    expect(frontend.page.locator("input[type=password]")).to_have_count(2)


def test_form_asks_for_a_second_factor_that_is_needed_meanwhile(frontend: Frontend, site: Site) -> None:
    """The page was open before the admin changed the policy."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.log_in(member)
    frontend.open("/account/security/deactivate")
    frontend.fill("Password", PASSWORD)
    answer = {"__typename": "SecondFactorNeeded", "message": "Please also enter a code."}
    frontend.page.route("**/graphql", lambda route: route.fulfill(json={"data": {"deactivateTwoFactor": answer}}))
    frontend.click_button("Continue")
    frontend.expect_field_error("One-time password or backup code", "Please also enter")
    frontend.page.unroute("**/graphql")
    frontend.fill("One-time password or backup code", member.backup_codes[0])
    frontend.click_button("Continue")

    frontend.expect_notification("2FA is inactive")


def with_challenge(frontend: Frontend, site: Site) -> Account:
    """Enter the password of a new user with 2FA."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    return member


def expect_focus(frontend: Frontend, label: str) -> None:
    """Assert that this field has the focus, that its form has the name of the page, and that the page is at its top."""
    field = frontend.page.get_by_label(label, exact=True)
    expect(field).to_be_focused()
    heading = frontend.page.get_by_role("heading", level=1).inner_text()
    expect(frontend.page.get_by_role("form", name=heading)).to_have_count(1)
    assert frontend.page.evaluate("scrollY") == 0


def requests_of(frontend: Frontend, operation: str) -> list[Request]:
    """Return a list that collects the requests of this operation."""
    requests: list[Request] = []

    def collect(request: Request) -> None:
        if request.method == "POST" and (request.post_data_json or {})["operationName"] == operation:
            requests.append(request)

    frontend.page.on("request", collect)
    return requests
