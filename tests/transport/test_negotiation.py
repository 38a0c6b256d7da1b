"""Choosing what a client likes best."""

import pytest

from tests.transport.toy import Browser, code
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
def test_the_media_type_is_the_one_that_the_client_likes_best(accept: str | None, expected: str | None) -> None:
    """Weights decide, then our own liking for the newer type, which goes only to those who name it."""
    assert choose_media_type(accept) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("fr", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-ch;q=0.8, en;q=0.7", "de"),
        ("en;q=0.5, de;q=0.9", "de"),
        ("de;q=0, en", "en"),
        ("fr, de;q=0.2", "de"),
        (";;;,,,q=", "en"),
        ("x" * 10_000, "en"),
        ("de_DE\x1b[31m", "en"),
    ],
)
def test_the_language_is_the_best_of_ours(header: str | None, expected: str) -> None:
    """A region falls back to its language, and everything else to the first of ours."""
    assert choose_language(header, ("en", "de")) == expected


async def test_a_client_that_takes_neither_type_is_told_so_before_anything_runs(browser: Browser) -> None:
    """406 comes before execution: a client that cannot read the answer has spent nothing."""
    response = await browser.ask("mutation { login }", headers={"accept": "image/png"})

    assert response.status_code == 406
    assert code(response) == "BAD_USER_INPUT"
    assert browser.attempts == []
