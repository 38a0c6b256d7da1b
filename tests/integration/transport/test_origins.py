"""Origins of browser requests. `test_app.py` has the tests of CORS."""

import pytest

from tests.integration.transport.minimal_app import ApiClient, api_client, error_code, minimal_app

COOKIE = {"cookie": "__Host-countersign=cs_session_x"}


@pytest.mark.attack("H4")
@pytest.mark.parametrize("credentials", [{}, COOKIE, {"authorization": "Bearer x"}])
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
async def test_unknown_origin_gets_403(client: ApiClient, origin: str, credentials: dict[str, str]) -> None:
    """A page of another origin cannot call the API, with or without the user's cookie or token."""
    response = await client.execute("mutation { login }", headers={"origin": origin, **credentials})

    assert response.status_code == 403
    assert error_code(response) == "FORBIDDEN"
    assert client.attempts == []


@pytest.mark.attack("H4")
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
async def test_own_host_and_allowed_origins_may_call(headers: dict[str, str]) -> None:
    """The API's own host, allowed origins and clients that are not browsers may call the API."""
    async with api_client(minimal_app(allowed_origins=["https://app.example"])) as client:
        response = await client.execute("mutation { login }", headers={**headers, **COOKIE})

    assert response.status_code == 200


@pytest.mark.attack("H4")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_cross_site_request_without_origin_gets_403(client: ApiClient, method: str) -> None:
    """If a browser omits `Origin`, the `Sec-Fetch-Site` header marks the request as cross-site."""
    headers = {"sec-fetch-site": "cross-site", **COOKIE}
    if method == "GET":
        response = await client.send("GET", params={"query": "{ hello }"}, headers=headers)
    else:
        response = await client.execute("{ hello }", headers=headers)

    assert response.status_code == 403


@pytest.mark.attack("H4")
async def test_two_origin_headers_get_403(client: ApiClient) -> None:
    """A second `Origin` header is not ignored."""
    response = await client.send(
        json={"query": "{ hello }"}, headers=[("origin", "https://api.example"), ("origin", "https://evil.example")]
    )

    assert response.status_code == 403
