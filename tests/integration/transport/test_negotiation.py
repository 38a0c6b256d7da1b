"""Content negotiation."""

import pytest

from tests.integration.transport.minimal_app import ApiClient, error_code
from transport.negotiation import GRAPHQL_RESPONSE, JSON, choose_language, choose_media_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON; charset=utf-8", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json, application/json", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json,application/json;q=0.9", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0.1, application/json", JSON),
        ("application/graphql-response+json;q=0, */*", JSON),
        ("application/json;q=0, */*;q=0.5", GRAPHQL_RESPONSE),
        ("multipart/mixed, application/graphql-response+json, */*;q=0.1", GRAPHQL_RESPONSE),
        ("text/html, image/png", None),
        ("*/*;q=0", None),
        ("application/json;q=2", None),
        ("application/json;q=nan", None),
    ],
)
def test_media_type_follows_accept_weights(accept: str | None, expected: str | None) -> None:
    """The highest weight decides. At equal weights, the newer type is chosen only if the client names it."""
    assert choose_media_type(accept) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("fr", None),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-ch;q=0.8, en;q=0.7", "de"),
        ("en;q=0.5, de;q=0.9", "de"),
        ("de;q=0, en", "en"),
        ("fr, de;q=0.2", "de"),
        (";;;,,,q=", None),
        ("x" * 10_000, None),
        ("de_DE\x1b[31m", None),
    ],
)
def test_language_follows_accept_language_weights(header: str | None, expected: str | None) -> None:
    """A region falls back to its language. A client that asks for no supported language asks for none."""
    assert choose_language(header, ("en", "de")) == expected


@pytest.mark.parametrize(
    ("lines", "status", "expected"),
    [
        (["image/png", "application/json"], 200, JSON),
        (["application/json", "image/png"], 200, JSON),
        (["text/html", GRAPHQL_RESPONSE], 200, GRAPHQL_RESPONSE),
        (["", GRAPHQL_RESPONSE], 200, GRAPHQL_RESPONSE),
        (["image/png", "text/html"], 406, JSON),
    ],
)
async def test_lines_of_accept_are_one_list(client: ApiClient, lines: list[str], status: int, expected: str) -> None:
    """A client or a proxy may send the list in several lines (RFC 9110 §5.3)."""
    response = await client.send(json={"query": "{ hello }"}, headers=[("accept", line) for line in lines])

    assert (response.status_code, response.headers["content-type"]) == (status, f"{expected}; charset=utf-8")


@pytest.mark.parametrize(
    ("lines", "expected"), [(["fr", "de"], "de"), (["en;q=0.1", "de"], "de"), (["de;q=0.1", "en"], "en")]
)
async def test_lines_of_accept_language_are_one_list(client: ApiClient, lines: list[str], expected: str) -> None:
    """The weights of all lines decide."""
    headers = [("accept-language", line) for line in lines]
    response = await client.send(json={"query": "{ client }"}, headers=headers)

    assert response.json()["data"]["client"][2] == expected


async def test_unsupported_accept_gets_406_before_execution(client: ApiClient) -> None:
    """A client that cannot read the response uses no attempt."""
    response = await client.execute("mutation { login }", headers={"accept": "image/png"})

    assert response.status_code == 406
    assert error_code(response) == "BAD_USER_INPUT"
    assert client.attempts == []
