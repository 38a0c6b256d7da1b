"""Login, logout, sessions and password."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from playwright.sync_api import Locator, Route, expect

from tests.browser.page_object import Frontend
from tests.browser.site import PRODUCT, Site
from tests.support.users import PASSWORD

NEW_PASSWORD = "seven quiet herons wade"
LONG_PASSWORD = "seven quiet herons wade; " * 11 + "then they fly away"


def test_backup_code_logs_in_only_once(frontend: Frontend, site: Site) -> None:
    """The backup code link is below the OTP field. An email is sent. A used code is rejected like a wrong one."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    code = member.backup_codes[0]
    frontend.submit_password(member)
    link = frontend.page.get_by_role("link", name="Use a backup code instead")
    field = frontend.page.get_by_label("One-time password")
    expect(link).to_be_visible()
    assert vertical_position(link) > vertical_position(field)
    link.click()
    frontend.expect_page("Log in with a backup code")
    frontend.fill("Backup code", f"{code[:5].lower()}-{code[5:]}")
    frontend.click_button("Verify")
    frontend.expect_notification("You have 9 backup codes left")
    assert member.name in frontend.wait_for_email(member.email, "A backup code was used")["text"]

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.click_link("Use a backup code instead")
    frontend.fill("Backup code", code)
    frontend.click_button("Verify")
    frontend.expect_field_error("Backup code", "wait: 4.")
    frontend.click_link("Use a one-time password instead")
    frontend.fill("One-time password", site.next_otp(member))
    frontend.expect_page("Profile")


def test_wrong_otp_shows_error_and_expired_challenge_restarts_login(frontend: Frontend, site: Site) -> None:
    """The error is at the OTP field. When the challenge has expired, a notification explains the new login."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    assert member.authenticator
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    frontend.fill("One-time password", member.authenticator.wrong_otp(site.clock()))
    frontend.expect_field_error("One-time password", "wait: 4.")

    frontend.advance_time(timedelta(minutes=6))
    frontend.click_button("Verify")
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.expect_notification("Please log in again")


def test_pasted_password_is_not_cut_off(frontend: Frontend, site: Site) -> None:
    """The server rejects 293 characters, and the page shows its answer. A part of them would be another password."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    frontend.open("/account/password")
    frontend.expect_page("Password")
    frontend.fill("Current password", PASSWORD)
    frontend.paste("New password", LONG_PASSWORD)
    expect(frontend.page.get_by_label("New password", exact=True)).to_have_value(LONG_PASSWORD)
    frontend.click_button("Change password")
    frontend.expect_field_error("New password", "password")

    frontend.click_button("Log out")
    frontend.submit_password(member, LONG_PASSWORD[:256])
    frontend.expect_field_error("Password", "do not match an account")
    frontend.submit_password(member)
    frontend.expect_page("Profile")


def test_pasted_codes_are_accepted(frontend: Frontend, site: Site) -> None:
    """White space and invisible characters around a code are no error. The page says if a code is malformed."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    frontend.paste("One-time password", "   12345 ")
    frontend.click_button("Verify")
    frontend.expect_field_error("One-time password", "malformed")
    otp = site.next_otp(member)
    frontend.paste("One-time password", f"   \u200e{otp[:3]}\u00a0{otp[3:]} ")
    frontend.expect_page("Profile")

    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.click_link("Use a backup code instead")
    frontend.paste("Backup code", f"\ufeff 1. “{member.backup_codes[0]}”")
    frontend.click_button("Verify")
    frontend.expect_notification("You have 9 backup codes left")


def test_unknown_email_and_wrong_password_show_the_same_error(frontend: Frontend, site: Site) -> None:
    """The login does not reveal which email addresses have an account."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.submit_password(member, "not the password")
    frontend.expect_field_error("Password", "do not match an account")
    frontend.fill("Email", "nobody@example.com")
    frontend.click_button("Login")
    frontend.expect_field_error("Password", "do not match an account")


def test_session_is_in_an_http_only_cookie(frontend: Frontend, site: Site) -> None:
    """Chromium accepts `__Host-` cookies on the loopback interface, so scripts find no token in cookies or storage."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)

    cookies = [(cookie["name"], cookie["httpOnly"], cookie["secure"]) for cookie in frontend.page.context.cookies()]
    assert sorted(cookies) == [("__Host-countersign", True, True), ("__Host-countersign-device", True, True)]
    assert frontend.page.evaluate("[document.cookie, JSON.stringify({...sessionStorage})]") == ["", "{}"]


def test_session_token_is_used_if_browser_rejects_cookie(frontend: Frontend, site: Site) -> None:
    """Some browsers reject Secure cookies over plain HTTP. The token survives a reload, and the logout deletes it."""
    frontend.page.add_init_script("Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} })")
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    assert frontend.page.context.cookies() == []
    frontend.page.reload()
    frontend.expect_page("Profile")

    frontend.click_button("Log out")
    frontend.expect_page(f"Log in to {PRODUCT}")
    assert frontend.page.evaluate("sessionStorage.length") == 0


def test_login_returns_to_requested_page(frontend: Frontend, site: Site) -> None:
    """If the user may not open a page, their own account is shown instead."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.open("/account/sessions")
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.fill("Email", member.email)
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Login")
    frontend.expect_page("Sessions")
    frontend.open("/users")
    frontend.expect_page("Profile")


def test_session_can_be_ended_from_another_session(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """The list names the devices. The other browser is redirected to the login with its next request."""
    member = site.create_member(site.create_company(), "Test Member")
    current, other = new_frontend(), new_frontend()
    current.log_in(member)
    other.log_in(member)
    current.open("/account/sessions")
    current.expect_page("Sessions")
    items = current.page.get_by_role("main").get_by_role("listitem").filter(has_text="Last seen")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("This session")
    expect(items.first).to_contain_text("Chrome, Linux")
    items.last.get_by_role("button").click()
    current.expect_notification("The session has ended")
    expect(items).to_have_count(1)

    other.click_link("Sessions")
    other.expect_notification("Your session has ended")
    other.expect_page(f"Log in to {PRODUCT}")


def test_reload_after_the_end_of_the_session_says_so(frontend: Frontend, site: Site) -> None:
    """The server deletes the cookie, so the next reload says nothing."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    site.end_sessions(member)

    frontend.page.reload()
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.expect_notification("Your session has ended")

    frontend.page.reload()
    frontend.expect_page(f"Log in to {PRODUCT}")
    expect(frontend.page.locator("#notifications")).to_be_empty()


def test_known_device_is_listed_and_can_be_forgotten(frontend: Frontend, site: Site) -> None:
    """A browser is known after its first login."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    frontend.open("/account/sessions")
    frontend.expect_page("Sessions")
    frontend.expect_text("Known devices")
    frontend.expect_text("This device")

    frontend.click_button("Forget: Chrome, Linux")

    frontend.expect_notification("The device was forgotten.")
    frontend.expect_text("No device is known.")


def test_new_password_replaces_old_one(frontend: Frontend, site: Site) -> None:
    """The error for a weak password is at the new field, for a wrong one at the current field. An email is sent."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend.log_in(member)
    frontend.open("/account/password")
    frontend.fill("Current password", "not the password")
    frontend.fill("New password", NEW_PASSWORD)
    frontend.click_button("Change password")
    frontend.expect_field_error("Current password", "wait: 4.")
    frontend.fill("Current password", PASSWORD)
    frontend.fill("New password", "password1234")
    frontend.click_button("Change password")
    frontend.expect_field_error("New password", "too easy to guess")
    frontend.fill("New password", NEW_PASSWORD)
    frontend.click_button("Change password")
    frontend.expect_notification("Your password has been changed")
    assert member.name in frontend.wait_for_email(member.email, "Your password was changed")["text"]

    frontend.click_button("Log out")
    frontend.submit_password(member, NEW_PASSWORD)
    frontend.expect_page("Profile")


def test_form_keeps_values_if_server_is_busy_or_unreachable(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """SERVICE_UNAVAILABLE and a response that is not JSON each show a text. Submitting the form again then works."""
    member = site.create_member(site.create_company(), "Test Member")
    frontend = new_frontend()
    busy = {"errors": [{"message": "", "extensions": {"code": "SERVICE_UNAVAILABLE", "retryAfter": 2}}], "data": None}
    frontend.open("/login")
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.page.route("**/graphql", partial(fulfill_with, busy))
    frontend.fill("Email", member.email)
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Login")
    frontend.expect_text("Please try again in 2 seconds")
    frontend.page.unroute("**/graphql")
    frontend.page.route("**/graphql", lambda route: route.fulfill(body="<html>", content_type="text/html"))
    frontend.click_button("Login")
    frontend.expect_text("The server does not answer")
    frontend.page.unroute("**/graphql")
    frontend.click_button("Login")
    frontend.expect_page("Profile")


def test_unknown_user_error_type_shows_message(frontend: Frontend) -> None:
    """A `__typename` that the page does not know shows its message, or a default text if it has none."""
    frontend.open("/login")
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.fill("Email", "somebody@example.com")
    frontend.fill("Password", PASSWORD)
    for fields, text in (({"message": "Not on Sundays."}, "Not on Sundays."), ({}, "This was refused")):
        response = {"data": {"login": {"__typename": "LoginOnSundays"} | fields}}
        frontend.page.route("**/graphql", partial(fulfill_with, response))
        frontend.click_button("Login")
        frontend.expect_field_error("Password", text)
        frontend.page.unroute("**/graphql")


def vertical_position(element: Locator) -> float:
    """Return the distance from the top of the page, in px."""
    ciphertext = element.bounding_box()
    assert ciphertext
    return ciphertext["y"]


def fulfill_with(response: dict[str, Any], route: Route) -> None:
    """Send this JSON instead of the response of the server."""
    route.fulfill(json=response)
