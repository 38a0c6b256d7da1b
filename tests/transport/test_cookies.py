"""How a session travels: attack H6, and the choice between cookie and token."""

from http.cookies import SimpleCookie

import pytest

from tests.transport.toy import Browser
from transport.cookies import COOKIE_LIFETIME, COOKIE_NAME
from twofactor.rules.policy import SESSION_LIFETIME


async def carried(browser: Browser, headers: list[tuple[str, str]]) -> str | None:
    """The token that a request with these headers carries."""
    response = await browser.send(
        json={"query": "{ client }"}, headers=[*headers, ("content-type", "application/json")]
    )
    token: str | None = response.json()["data"]["client"][3]
    return token


async def test_h6_the_cookie_has_exactly_these_attributes(browser: Browser) -> None:
    """No script reads it, no other host sets it, no plain connection carries it, no other site sends it."""
    response = await browser.ask("mutation { login }")
    (morsel,) = SimpleCookie(response.headers["set-cookie"]).values()

    assert morsel.key == COOKIE_NAME == "__Host-countersign"
    assert morsel.value == "cs_session_new"
    assert {name: value for name, value in morsel.items() if value} == {
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
        "max-age": str(30 * 24 * 3600),
    }


def test_the_cookie_lives_as_long_as_a_session() -> None:
    """The two numbers stand in rooms that do not know each other."""
    assert COOKIE_LIFETIME == SESSION_LIFETIME


async def test_logging_out_takes_the_cookie_back(browser: Browser) -> None:
    """The cookie is emptied and ends at once, with the attributes that it was set with."""
    response = await browser.ask("mutation { logout }", headers={"cookie": f"{COOKIE_NAME}=cs_session_old"})
    (morsel,) = SimpleCookie(response.headers["set-cookie"]).values()

    assert (morsel.value, morsel["max-age"], morsel["path"], morsel["secure"]) == ("", "0", "/", True)


async def test_logging_out_by_token_leaves_a_cookie_alone(browser: Browser) -> None:
    """The cookie belongs to another session than the one that ended."""
    response = await browser.ask(
        "mutation { logout }", headers={"cookie": f"{COOKIE_NAME}=cs_session_old", "authorization": "Bearer other"}
    )

    assert "set-cookie" not in response.headers


async def test_an_answer_sets_one_cookie_at_most(browser: Browser) -> None:
    """The last field of an operation has the last word."""
    response = await browser.ask("mutation { login logout }")

    assert len(response.headers.get_list("set-cookie")) == 1
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([("cookie", f"{COOKIE_NAME}=c")], "c"),
        ([("cookie", "countersign=c; Host-countersign=d")], None),
        ([("authorization", "Bearer b")], "b"),
        ([("authorization", "bearer   b")], "b"),
        ([("authorization", "Bearer b"), ("cookie", f"{COOKIE_NAME}=c")], "b"),
        ([("authorization", "Basic eDp5"), ("cookie", f"{COOKIE_NAME}=c")], None),
        ([("authorization", ""), ("cookie", f"{COOKIE_NAME}=c")], None),
        ([("authorization", "Bearer b"), ("authorization", "Bearer d")], None),
        ([("authorization", "Bearer")], None),
        ([("authorization", "Bearer a b")], None),
        ([("authorization", "Bearer " + "x" * 5000)], None),
    ],
)
async def test_a_bearer_token_wins_and_a_malformed_one_stands_for_nobody(
    browser: Browser, headers: list[tuple[str, str]], expected: str | None
) -> None:
    """Cookie and token are never merged: whoever sends the header is judged by it alone."""
    assert await carried(browser, headers) == expected
