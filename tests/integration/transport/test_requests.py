"""Request validation."""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.integration.transport.minimal_app import ApiClient, api_client, error_code, minimal_app
from transport import stranger_delay, view
from transport.bodies import MAX_BODY_BYTES, MAX_JSON_DEPTH
from transport.graphiql.page import QueryPage
from transport.negotiation import GRAPHQL_RESPONSE

JSON = {"content-type": "application/json"}
HELLO = b'{"query": "{ hello }"}'


@pytest.mark.attack("F3", "H2")
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
        pytest.param(b"", id="empty body"),
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
async def test_malformed_body_gets_400(client: ApiClient, body: bytes) -> None:
    """A body that is not strict JSON of the right form gets 400 with a GraphQL error, not 500."""
    response = await client.send(content=body, headers=JSON)

    assert response.status_code == 400
    assert error_code(response) == "BAD_USER_INPUT"
    assert "hello" not in response.text


async def test_json_depth_limit_is_exact(client: ApiClient) -> None:
    """The depth includes the object of the request itself."""
    for depth, status in ((MAX_JSON_DEPTH, 200), (MAX_JSON_DEPTH + 1, 400)):
        nested = "[" * (depth - 2) + "]" * (depth - 2)
        response = await client.send(
            content=f'{{"query": "{{ hello }}", "variables": {{"unused": {nested}}}}}', headers=JSON
        )

        assert response.status_code == status


@pytest.mark.attack("H2")
async def test_body_above_the_limit_gets_413(client: ApiClient) -> None:
    """The limit is exact, with and without a declared length, and the server does not read the rest of the body."""
    padding = MAX_BODY_BYTES - len(HELLO)

    async def undeclared() -> object:
        yield HELLO
        yield b" " * (padding + 1)

    assert (await client.send(content=HELLO + b" " * padding, headers=JSON)).status_code == 200
    for body in (HELLO + b" " * (padding + 1), undeclared()):
        response = await client.send(content=body, headers=JSON)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"


@pytest.mark.attack("H2")
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity", "x"])
async def test_compressed_body_gets_415(client: ApiClient, encoding: str) -> None:
    """The server decompresses no body, so decompression bombs have no effect."""
    response = await client.send(content=gzip.compress(HELLO), headers={**JSON, "content-encoding": encoding})

    assert response.status_code == 415


@pytest.mark.attack("H2")
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["identity", "gzip"], 415),
        (["gzip", "identity"], 415),
        (["identity", "identity"], 200),
        (["", "identity"], 200),
    ],
)
async def test_lines_of_content_encoding_are_one_list(client: ApiClient, lines: list[str], status: int) -> None:
    """A second line cannot hide a compression (RFC 9110 §5.3)."""
    headers = [*JSON.items(), *(("content-encoding", line) for line in lines)]

    assert (await client.send(content=HELLO, headers=headers)).status_code == status


@pytest.mark.attack("F6", "H4")
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
async def test_other_content_types_get_415(client: ApiClient, content_type: str | None) -> None:
    """The content types of HTML forms and types that resemble JSON are rejected."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = await client.send(content=HELLO, headers=headers)

    assert response.status_code == 415
    assert error_code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "content_type", ["application/json", "APPLICATION/JSON", "application/json; charset=UTF-8", "application/json;x=y"]
)
async def test_json_content_type_is_case_insensitive(client: ApiClient, content_type: str) -> None:
    """The case of the media type and irrelevant parameters are ignored."""
    response = await client.send(content=HELLO, headers={"content-type": content_type})

    assert response.json() == {"data": {"hello": "world"}}


@pytest.mark.attack("B2", "F6")
async def test_batch_gets_400(client: ApiClient) -> None:
    """An array of requests is rejected, so it makes no attempts."""
    response = await client.send(json=[{"query": "mutation { login }"}] * 3)

    assert response.status_code == 400
    assert client.attempts == []


@pytest.mark.attack("H3")
@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_get_405_with_allow(production_client: ApiClient, method: str) -> None:
    """In production, only POST is allowed, and the `Allow` header contains it."""
    response = await production_client.send(method)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.attack("H3")
async def test_get_gets_405_if_disabled(production_client: ApiClient) -> None:
    """If GET queries are off, GET is rejected like any other method."""
    response = await production_client.send("GET", params={"query": "{ hello }"}, headers={"accept": "text/html"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.attack("F6", "G8", "H3")
async def test_mutation_by_get_gets_405(client: ApiClient) -> None:
    """A mutation by GET is rejected even if GET queries are on."""
    response = await client.send("GET", params={"query": "mutation { login }"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert client.attempts == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_subscription_is_an_invalid_document(client: ApiClient, method: str) -> None:
    """The schema has no subscriptions (GraphQL §5.2.1). Another method would not help, so 405 would be wrong."""
    document = "subscription { login }"
    for accept, status in ((GRAPHQL_RESPONSE, 400), ("application/json", 200)):
        if method == "GET":
            response = await client.send("GET", params={"query": document}, headers={"accept": accept})
        else:
            response = await client.execute(document, headers={"accept": accept})

        assert (response.status_code, error_code(response)) == (status, "GRAPHQL_VALIDATION_FAILED")
        assert "allow" not in response.headers
        assert "subscription" in response.json()["errors"][0]["message"]
    assert client.attempts == []


async def test_get_executes_queries_with_variables(client: ApiClient) -> None:
    """If GET queries are on, the parameters are in the URL."""
    params = {
        "query": "query Q($t: String!) { echo(text: $t) }",
        "variables": json.dumps({"t": "x"}),
        "operationName": "Q",
    }
    response = await client.send("GET", params=params)

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
async def test_malformed_get_gets_400(client: ApiClient, params: list[tuple[str, str]]) -> None:
    """URL parameters are validated as strictly as a body."""
    assert (await client.send("GET", params=params)).status_code == 400


async def test_query_page_is_served_only_if_enabled(client: ApiClient, tmp_path: Path) -> None:
    """A browser gets the query page at `/graphql` only if it is enabled."""
    async with api_client(minimal_app(query_page=QueryPage(tmp_path))) as page_client:
        page = await page_client.send("GET", headers={"accept": "text/html"})
    without_page = await client.send("GET", headers={"accept": "text/html"})

    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert without_page.status_code == 406


@pytest.mark.attack("H18")
async def test_address_that_sends_many_requests_without_a_session_is_slowed_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its responses are delayed and not refused. Another address is not affected."""
    delays: list[float] = []

    async def record(delay: float) -> None:
        delays.append(delay)

    monkeypatch.setattr("tests.integration.transport.minimal_app.STRANGERS", 2)
    app = minimal_app()
    async with api_client(app) as client, api_client(app, peer="203.0.113.10") as other:
        monkeypatch.setattr(stranger_delay, "asyncio", SimpleNamespace(sleep=record))
        for query in ("{ hello }", "{ unknown }", "{ hello }", "{ unknown }"):
            await client.execute(query)
        assert delays == [stranger_delay.DELAY_S] * 2
        assert (await other.execute("{ hello }")).json() == {"data": {"hello": "world"}}
        assert len(delays) == 2


@pytest.mark.attack("H18")
async def test_refusal_of_an_overloaded_server_is_delayed(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that repeats its request at once would cost more than the work. Other errors are sent at once."""
    delays: list[float] = []

    async def record(delay: float) -> None:
        delays.append(delay)

    monkeypatch.setattr(view, "asyncio", SimpleNamespace(sleep=record))
    for cause in ("forbidden", "overloaded"):
        await client.execute(f'{{ failing(error: "{cause}") }}')

    assert delays == [stranger_delay.DELAY_S]
