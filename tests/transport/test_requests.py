"""Which requests are taken: attacks F3, F6, H2, H3 and B2."""

import gzip
import json
from pathlib import Path

import pytest

from tests.transport.toy import Browser, browsing, code, toy_app
from transport.bodies import MAX_BODY_BYTES, MAX_JSON_DEPTH
from transport.graphiql.page import QueryPage

JSON = {"content-type": "application/json"}
HELLO = b'{"query": "{ hello }"}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"query": "{ hello }\xff"}', id="bad UTF-8"),
        pytest.param(HELLO.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + HELLO, id="byte order mark"),
        pytest.param(b"[" * 30_000 + b"]" * 30_000, id="30000 arrays deep"),
        pytest.param(b'{"a":' * 9_000 + b"1" + b"}" * 9_000, id="9000 objects deep"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": NaN}}', id="NaN"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": -Infinity}}', id="-Infinity"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": 1e999}}', id="a number beyond floats"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5000 + b"}}", id="5000 digits"),
        pytest.param(b'{"query": "{ hello }", "query": "{ again { hello } }"}', id="duplicate key"),
        pytest.param(b'{"query": "{ hello }", "variables": {"a": 1, "a": 2}}', id="duplicate key inside"),
        pytest.param(HELLO + HELLO, id="two values"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"1", id="number"),
        pytest.param(b'"x"', id="string"),
        pytest.param(b"{}", id="no query"),
        pytest.param(b'{"query": ""}', id="empty query"),
        pytest.param(b'{"query": 1}', id="query no string"),
        pytest.param(b'{"query": "{ hello }", "variables": []}', id="variables no object"),
        pytest.param(b'{"query": "{ hello }", "operationName": 1}', id="operationName no string"),
        pytest.param(b'{"query": "{ hello }", "extensions": "x"}', id="extensions no object"),
    ],
)
async def test_f3_h2_a_malformed_body_is_refused_with_400(browser: Browser, body: bytes) -> None:
    """Whatever is not strict JSON of the right form gets a 400 that GraphQL clients can read, and never a 500."""
    response = await browser.send(content=body, headers=JSON)

    assert response.status_code == 400
    assert code(response) == "BAD_USER_INPUT"
    assert "hello" not in response.text


async def test_json_may_nest_as_deep_as_the_bound(browser: Browser) -> None:
    """The bound on nesting is exact, and counts the object of the request itself."""
    for depth, status in ((MAX_JSON_DEPTH, 200), (MAX_JSON_DEPTH + 1, 400)):
        nested = "[" * (depth - 2) + "]" * (depth - 2)
        response = await browser.send(
            content=f'{{"query": "{{ hello }}", "variables": {{"unused": {nested}}}}}', headers=JSON
        )

        assert response.status_code == status


async def test_h2_a_body_beyond_the_limit_is_refused_with_413(browser: Browser) -> None:
    """The limit on bodies is exact, declared or not; the rest is not read."""
    padding = MAX_BODY_BYTES - len(HELLO)

    async def undeclared() -> object:
        yield HELLO
        yield b" " * (padding + 1)

    assert (await browser.send(content=HELLO + b" " * padding, headers=JSON)).status_code == 200
    for body in (HELLO + b" " * (padding + 1), undeclared()):
        response = await browser.send(content=body, headers=JSON)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "x"])
async def test_h2_a_compressed_body_is_refused_with_415(browser: Browser, encoding: str) -> None:
    """No body is unpacked, so none can be a bomb."""
    response = await browser.send(content=gzip.compress(HELLO), headers={**JSON, "content-encoding": encoding})

    assert response.status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "xapplication/jsonx",
        "application/json2",
        "text/plain; application/json",
        "application/json; charset=utf-16",
        "application/json, text/plain",
    ],
)
async def test_f6_h4_other_content_types_are_refused_with_415(browser: Browser, content_type: str | None) -> None:
    """What an HTML form can send, or what merely looks like JSON, is not read."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = await browser.send(content=HELLO, headers=headers)

    assert response.status_code == 415
    assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "content_type", ["application/json", "APPLICATION/JSON", "application/json; charset=UTF-8", "application/json;x=y"]
)
async def test_json_is_taken_however_it_is_spelt(browser: Browser, content_type: str) -> None:
    """Media types have no case, and parameters that change nothing are no matter."""
    response = await browser.send(content=HELLO, headers={"content-type": content_type})

    assert response.json() == {"data": {"hello": "world"}}


async def test_b2_f6_a_batch_is_refused_with_400(browser: Browser) -> None:
    """An array of requests is no request, so it cannot be many guesses either."""
    response = await browser.send(json=[{"query": "mutation { login }"}] * 3)

    assert response.status_code == 400
    assert browser.attempts == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_h3_other_methods_are_refused_with_405_and_allow(stranger: Browser, method: str) -> None:
    """Only POST is answered in production, and the refusal says so."""
    response = await stranger.send(method)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_h3_get_is_refused_where_it_is_off(stranger: Browser) -> None:
    """With GET queries off, GET is refused like any other method."""
    response = await stranger.send("GET", params={"query": "{ hello }"}, headers={"accept": "text/html"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_f6_h3_a_mutation_by_get_is_refused_with_405(browser: Browser) -> None:
    """GET changes nothing, even where queries are answered by it."""
    response = await browser.send("GET", params={"query": "mutation { login }"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert browser.attempts == []


async def test_get_answers_queries_with_their_variables(browser: Browser) -> None:
    """Where GET is on, the parameters travel in the URL."""
    params = {
        "query": "query Q($t: String!) { echo(text: $t) }",
        "variables": json.dumps({"t": "x"}),
        "operationName": "Q",
    }
    response = await browser.send("GET", params=params)

    assert response.json() == {"data": {"echo": "x0COBALT"}}


@pytest.mark.parametrize(
    "params",
    [
        [("query", "{ hello }"), ("query", "{ again { hello } }")],
        [("query", "{ hello }"), ("variables", "{")],
        [("query", "{ hello }"), ("variables", "[]")],
        [("variables", "{}")],
    ],
)
async def test_a_malformed_get_is_refused_with_400(browser: Browser, params: list[tuple[str, str]]) -> None:
    """GET is read as strictly as POST."""
    assert (await browser.send("GET", params=params)).status_code == 400


async def test_the_page_of_graphiql_is_there_only_where_it_is_on(browser: Browser, tmp_path: Path) -> None:
    """A browser gets the page at the address of the API, if the settings say so."""
    async with browsing(toy_app(query_page=QueryPage(tmp_path))) as developer:
        page = await developer.send("GET", headers={"accept": "text/html"})
    without = await browser.send("GET", headers={"accept": "text/html"})

    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert without.status_code == 406
