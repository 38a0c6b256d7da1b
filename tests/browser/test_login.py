"""Signing in and out, sessions and passwords."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from playwright.sync_api import Locator, Route, expect

from tests.browser.site import PASSWORD, PRODUCT, Site
from tests.browser.visitor import Visitor

NEW_PASSWORD = "seven quiet herons wade"


def test_a_backup_code_opens_the_account_once(visitor: Visitor, site: Site) -> None:
    """The link stands below the OTP field; a used code is refused like a wrong one; a letter tells of the use."""
    person = site.activate(site.person(site.company(), "Bea Backup"))
    code = person.backup_codes[0]
    visitor.gives_password(person)
    link = visitor.page.get_by_role("link", name="Use a backup code instead")
    field = visitor.page.get_by_label("One-time password")
    expect(link).to_be_visible()
    assert top_of(link) > top_of(field)
    link.click()
    visitor.sees_page("Log in with a backup code")
    visitor.fill("Backup code", f"{code[:5].lower()}-{code[5:]}")
    visitor.press("Verify")
    visitor.is_told("You have 9 backup codes left")
    assert person.name in visitor.letter(person.email, "A backup code was used to log in")["text"]

    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.follow("Use a backup code instead")
    visitor.fill("Backup code", code)
    visitor.press("Verify")
    visitor.is_refused("Backup code", "wait: 4.")
    visitor.follow("Use a one-time password instead")
    visitor.fill("One-time password", site.otp(person))
    visitor.press("Verify")
    visitor.sees_page("Profile")


def test_a_wrong_otp_is_refused_beside_its_field(visitor: Visitor, site: Site) -> None:
    """And a login that took too long begins anew, and says why."""
    person = site.activate(site.person(site.company(), "Oskar Otp"))
    assert person.authenticator
    visitor.gives_password(person)
    visitor.sees_page("Confirm that it is you")
    visitor.fill("One-time password", person.authenticator.wrong_otp(site.clock()))
    visitor.press("Verify")
    visitor.is_refused("One-time password", "wait: 4.")

    visitor.waits(timedelta(minutes=6))
    visitor.press("Verify")
    visitor.sees_page(f"Log in to {PRODUCT}")
    visitor.is_told("Please log in again")


def test_unknown_people_and_wrong_passwords_are_told_the_same(visitor: Visitor, site: Site) -> None:
    """Nobody learns here which addresses have accounts."""
    person = site.person(site.company(), "Stan Stranger")
    visitor.gives_password(person, "not the password")
    visitor.is_refused("Password", "do not match an account")
    visitor.fill("Email", "nobody@example.com")
    visitor.press("Login")
    visitor.is_refused("Password", "do not match an account")


def test_the_session_is_in_a_cookie_that_no_script_can_read(visitor: Visitor, site: Site) -> None:
    """Chromium keeps `__Host-` cookies on the loopback interface, so nothing lies in the storage of the page."""
    person = site.person(site.company(), "Cora Cookie")
    visitor.logs_in(person)

    (cookie,) = visitor.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"]) == ("__Host-countersign", True, True)
    assert visitor.page.evaluate("[document.cookie, JSON.stringify({...sessionStorage})]") == ["", "{}"]


def test_where_the_browser_refuses_the_cookie_a_token_takes_its_place(visitor: Visitor, site: Site) -> None:
    """As in browsers that take no Secure cookie from plain http. It survives a reload, and logging out drops it."""
    visitor.page.add_init_script("Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} })")
    person = site.person(site.company(), "Theo Token")
    visitor.logs_in(person)
    assert visitor.page.context.cookies() == []
    visitor.page.reload()
    visitor.sees_page("Profile")

    visitor.press("Log out")
    visitor.sees_page(f"Log in to {PRODUCT}")
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_whoever_has_to_sign_in_first_arrives_where_they_wanted_to_go(visitor: Visitor, site: Site) -> None:
    """And where only others may go, they arrive at their own account."""
    person = site.person(site.company(), "Dora Detour")
    visitor.open("/account/sessions")
    visitor.sees_page(f"Log in to {PRODUCT}")
    visitor.fill("Email", person.email)
    visitor.fill("Password", PASSWORD)
    visitor.press("Login")
    visitor.sees_page("Sessions")
    visitor.open("/users")
    visitor.sees_page("Profile")


def test_a_session_is_signed_out_from_another_one(new_visitor: Callable[..., Visitor], site: Site) -> None:
    """The other browser is at the login with its next click."""
    person = site.person(site.company(), "Sven Sessions")
    here, there = new_visitor(), new_visitor()
    here.logs_in(person)
    there.logs_in(person)
    here.open("/account/sessions")
    here.sees_page("Sessions")
    items = here.page.get_by_role("main").get_by_role("listitem").filter(has=here.page.get_by_role("heading"))
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("This session")
    items.last.get_by_role("button").click()
    here.is_told("The session has ended")
    expect(items).to_have_count(1)

    there.follow("Sessions")
    there.is_told("Your session has ended")
    there.sees_page(f"Log in to {PRODUCT}")


def test_a_new_password_is_asked_for_from_then_on(visitor: Visitor, site: Site) -> None:
    """A weak one is refused beside its own field, a wrong present one beside the other; a letter tells of it."""
    person = site.person(site.company(), "Pavel Password")
    visitor.logs_in(person)
    visitor.open("/account/password")
    visitor.fill("Current password", "not the password")
    visitor.fill("New password", NEW_PASSWORD)
    visitor.press("Change password")
    visitor.is_refused("Current password", "wait: 4.")
    visitor.fill("Current password", PASSWORD)
    visitor.fill("New password", "password1234")
    visitor.press("Change password")
    visitor.is_refused("New password", "too easy to guess")
    visitor.fill("New password", NEW_PASSWORD)
    visitor.press("Change password")
    visitor.is_told("Your password has been changed")
    assert person.name in visitor.letter(person.email, "Your password was changed")["text"]

    visitor.press("Log out")
    visitor.gives_password(person, NEW_PASSWORD)
    visitor.sees_page("Profile")


def test_when_the_server_is_away_the_page_says_so_and_offers_to_try_again(
    new_visitor: Callable[..., Visitor], site: Site
) -> None:
    """A busy service and an answer that is no JSON: each has words, and neither loses what was typed."""
    person = site.person(site.company(), "Una Unavailable")
    visitor = new_visitor()
    busy = {"errors": [{"message": "", "extensions": {"code": "SERVICE_UNAVAILABLE", "retryAfter": 2}}], "data": None}
    visitor.open("/login")
    visitor.sees_page(f"Log in to {PRODUCT}")
    visitor.page.route("**/graphql", partial(answer_with, busy))
    visitor.fill("Email", person.email)
    visitor.fill("Password", PASSWORD)
    visitor.press("Login")
    visitor.sees("Please try again in 2 seconds")
    visitor.page.unroute("**/graphql")
    visitor.page.route("**/graphql", lambda route: route.fulfill(body="<html>", content_type="text/html"))
    visitor.press("Login")
    visitor.sees("The server does not answer")
    visitor.page.unroute("**/graphql")
    visitor.press("Login")
    visitor.sees_page("Profile")


def test_a_refusal_that_came_to_the_contract_later_has_words_too(visitor: Visitor) -> None:
    """A `__typename` that the page does not know is shown as a refusal, with its message or without one."""
    visitor.open("/login")
    visitor.sees_page(f"Log in to {PRODUCT}")
    visitor.fill("Email", "somebody@example.com")
    visitor.fill("Password", PASSWORD)
    for message, words in (({"message": "Not on Sundays."}, "Not on Sundays."), ({}, "This was refused")):
        answer = {"data": {"login": {"__typename": "LoginOnSundays"} | message}}
        visitor.page.route("**/graphql", partial(answer_with, answer))
        visitor.press("Login")
        visitor.is_refused("Password", words)
        visitor.page.unroute("**/graphql")


def top_of(element: Locator) -> float:
    """How far down the page it begins."""
    box = element.bounding_box()
    assert box
    return box["y"]


def answer_with(answer: dict[str, Any], route: Route) -> None:
    """Answer in the server's place."""
    route.fulfill(json=answer)
