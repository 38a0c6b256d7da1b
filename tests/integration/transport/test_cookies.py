"""The session cookie and the bearer token."""

from http.cookies import SimpleCookie

import pytest

from security.constants import SESSION_LIFETIME
from tests.integration.transport.minimal_app import ApiClient
from transport.cookies import COOKIE_LIFETIME, COOKIE_NAME


async def read_session_token(client: ApiClient, headers: list[tuple[str, str]]) -> str | None:
    """Return the session token that the server reads from a request with these headers."""
    response = await client.send(json={"query": "{ client }"}, headers=[*headers, ("content-type", "application/json")])
    token: str | None = response.json()["data"]["client"][3]
    return token


@pytest.mark.attack("H6")
async def test_cookie_has_exactly_the_expected_attributes(client: ApiClient) -> None:
    """Scripts cannot read the cookie, other hosts cannot set it, and browsers send it only over HTTPS and same-site."""
    response = await client.execute("mutation { login }")
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


def test_cookie_lifetime_equals_session_lifetime() -> None:
    """The two packages define the lifetime separately."""
    assert COOKIE_LIFETIME == SESSION_LIFETIME


async def test_logout_clears_the_cookie(client: ApiClient) -> None:
    """The cookie gets an empty value and expires at once, with the same path and attributes."""
    response = await client.execute("mutation { logout }", headers={"cookie": f"{COOKIE_NAME}=cs_session_old"})
    (morsel,) = SimpleCookie(response.headers["set-cookie"]).values()

    assert (morsel.value, morsel["max-age"], morsel["path"], morsel["secure"]) == ("", "0", "/", True)


async def test_logout_with_bearer_token_keeps_the_cookie(client: ApiClient) -> None:
    """The cookie belongs to another session, which did not end."""
    response = await client.execute(
        "mutation { logout }", headers={"cookie": f"{COOKIE_NAME}=cs_session_old", "authorization": "Bearer other"}
    )

    assert "set-cookie" not in response.headers


async def test_response_sets_at_most_one_cookie(client: ApiClient) -> None:
    """The last field of an operation determines the cookie."""
    response = await client.execute("mutation { login logout }")

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
async def test_authorization_header_overrides_the_cookie(
    client: ApiClient, headers: list[tuple[str, str]], expected: str | None
) -> None:
    """If there is an `Authorization` header, the cookie is ignored, even if the header is malformed."""
    assert await read_session_token(client, headers) == expected
