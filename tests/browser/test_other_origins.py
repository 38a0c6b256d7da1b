"""Pages with another origin than the API, and a proxy that replaces the Host header."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from structlog.testing import capture_logs

from tests.browser.conftest import TIMEOUT_MS
from tests.browser.other_origin import APP, NOT_ALLOWED, OTHER_SITE, SAME_SITE, OtherOrigin
from tests.browser.site import Site
from tests.support.operations import LOGIN, VIEWER
from tests.support.users import PASSWORD
from transport.cookies import COOKIE_NAME

CALL = """async ([url, query, variables, headers]) => {
    const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify({ query, variables }),
        credentials: "include",
    });
    return response.json();
}"""
HEADERS_OF_TOOLS = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "baggage": "sentry-environment=production",
    "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
    "apollographql-client-name": "web",
    "apollographql-client-version": "1.0",
}


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open an empty tab, with cookies of its own."""
    context = chromium.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def call(page: Page, url: str, query: str, headers: dict[str, str] | None = None, **variables: str) -> Any:  # noqa: ANN401  # JSON
    """Send an operation with `fetch`, and return the response."""
    return page.evaluate(CALL, [url, query, variables, headers or {}])


def test_page_of_the_same_site_logs_in_with_a_cookie(page: Page, site: Site, other_origin: OtherOrigin) -> None:
    """The browser stores the cookie and sends it. After the end of the session, it deletes the cookie."""
    member = site.create_member(site.create_company(), "Test Member")
    api = f"{site.url}/graphql"
    page.goto(other_origin.url(SAME_SITE))

    result = call(page, api, LOGIN, email=member.email, password=PASSWORD, transport="COOKIE")
    assert result["data"]["login"]["__typename"] == "LoggedIn"
    assert call(page, api, VIEWER)["data"]["viewer"]["name"] == member.name

    site.end_sessions(member)
    ended = {"data": {"viewer": None}, "extensions": {"session": "ENDED"}}
    assert call(page, api, VIEWER) == ended
    assert COOKIE_NAME not in {cookie.get("name") for cookie in page.context.cookies(site.url)}
    assert call(page, api, VIEWER) == {"data": {"viewer": None}}


@pytest.mark.parametrize("name", [OTHER_SITE, APP])
def test_page_of_another_site_logs_in_with_a_token(
    page: Page, site: Site, other_origin: OtherOrigin, name: str
) -> None:
    """A login with a cookie tells the developer what to do, since the browser would not store it."""
    member = site.create_member(site.create_company(), "Test Member")
    api = f"{site.url}/graphql"
    page.goto(other_origin.url(name))

    result = call(page, api, LOGIN, email=member.email, password=PASSWORD, transport="COOKIE")
    assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "use TOKEN" in result["errors"][0]["message"]

    result = call(page, api, LOGIN, email=member.email, password=PASSWORD, transport="TOKEN")
    bearer = {"Authorization": f"Bearer {result['data']['login']['sessionToken']}"}
    assert call(page, api, VIEWER, bearer)["data"]["viewer"]["name"] == member.name


@pytest.mark.parametrize("name", [SAME_SITE, OTHER_SITE, APP])
def test_headers_of_tools_pass_the_preflight(page: Page, site: Site, other_origin: OtherOrigin, name: str) -> None:
    """The browser sends the request only if the server allows all its headers."""
    page.goto(other_origin.url(name))

    assert call(page, f"{site.url}/graphql", VIEWER, HEADERS_OF_TOOLS) == {"data": {"viewer": None}}


def test_page_that_is_not_allowed_gets_nothing(page: Page, site: Site, other_origin: OtherOrigin) -> None:
    """The browser does not send the request."""
    page.goto(other_origin.url(NOT_ALLOWED))

    failed = page.evaluate(f"({CALL})(['{site.url}/graphql', '{{ __typename }}', {{}}, {{}}]).catch(String)")
    assert failed == "TypeError: Failed to fetch"


def test_log_names_both_hosts_if_a_proxy_replaces_the_host(page: Page, site: Site, other_origin: OtherOrigin) -> None:
    """nginx does so by default. If the proxy keeps the Host header, page and API have one origin."""
    own = other_origin.url(NOT_ALLOWED)
    page.goto(own)

    with capture_logs() as logs:
        result = call(page, "/host-is-replaced", VIEWER)
        assert result["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert call(page, "/host-is-kept", VIEWER) == {"data": {"viewer": None}}

    (line,) = [line for line in logs if line["event"] == "origin_not_allowed"]
    assert (line["origin"], line["host"]) == (own, site.url.removeprefix("http://"))
