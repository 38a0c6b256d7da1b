"""Who may make a browser call us: attack H4. The table of H5 stands with the whole application."""

import pytest

from tests.transport.toy import Browser, browsing, code, toy_app

COOKIE = {"cookie": "__Host-countersign=cs_session_x"}


@pytest.mark.parametrize("carried", [{}, COOKIE, {"authorization": "Bearer x"}])
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://api.example.evil.example",
        "https://evil-api.example",
        "https://api.example:8443",
        "file://",
        "https://",
        "https://[::1",
        "https://api.example:99999",
        "api.example",
        "",
    ],
)
async def test_h4_an_unknown_origin_is_refused_with_403(browser: Browser, origin: str, carried: dict[str, str]) -> None:
    """A page of somebody else can call nothing, with the user's cookie or without."""
    response = await browser.ask("mutation { login }", headers={"origin": origin, **carried})

    assert response.status_code == 403
    assert code(response) == "FORBIDDEN"
    assert browser.attempts == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://api.example"},
        {"origin": "HTTPS://API.example"},
        {"origin": "https://api.example:443"},
        {"origin": "https://app.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_h4_our_own_pages_and_the_list_may_call(headers: dict[str, str]) -> None:
    """Our own host, the origins on the list, and clients that are no browsers."""
    async with browsing(toy_app(allowed_origins=["https://app.example"])) as browser:
        response = await browser.ask("mutation { login }", headers={**headers, **COOKIE})

    assert response.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_h4_a_request_across_sites_without_an_origin_is_refused(browser: Browser, method: str) -> None:
    """Browsers that leave out `Origin` say in another header that the page is not ours."""
    headers = {"sec-fetch-site": "cross-site", **COOKIE}
    if method == "GET":
        response = await browser.send("GET", params={"query": "{ hello }"}, headers=headers)
    else:
        response = await browser.ask("{ hello }", headers=headers)

    assert response.status_code == 403


async def test_h4_two_origins_are_refused(browser: Browser) -> None:
    """A second header cannot hide behind one of ours."""
    response = await browser.send(
        json={"query": "{ hello }"}, headers=[("origin", "https://api.example"), ("origin", "https://evil.example")]
    )

    assert response.status_code == 403
