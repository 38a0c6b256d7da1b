"""Logs: their format, and what they must not contain."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.integration.transport.minimal_app import CANARY, api_client, minimal_app
from tests.support.log_output import LogOutput, captured_log
from transport.logs import configure_logging


@pytest.fixture
def log_output() -> Iterator[LogOutput]:
    """Log everything from DEBUG."""
    with captured_log("DEBUG") as output:
        yield output


async def test_request_is_logged_as_one_line(log_output: LogOutput) -> None:
    """The line has the facts of the request, the executed fields and the outcome, but no text of the client."""
    async with api_client(minimal_app()) as client:
        response = await client.execute(f"query {CANARY.replace('-', '_')} {{ a{CANARY[-4:]}: hello }}")
    line = log_output.find("request")

    assert set(line) == {
        "event", "level", "timestamp", "correlation_id", "method", "path", "status", "duration_ms", "operation",
        "outcome", "ip_address",
    }  # fmt: skip
    assert (line["method"], line["path"], line["status"], line["operation"]) == ("POST", "/graphql", 200, "hello")
    assert (line["outcome"], line["ip_address"]) == ("ok", "203.0.113.9")
    assert line["correlation_id"] == response.headers["x-request-id"]
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        (f"{{ a{CANARY[-4:]}: node }}", "GRAPHQL_VALIDATION_FAILED"),
        (f"{{ a{CANARY[-4:]}: sunOrMoon {{ __typename }} }}", "sunOrMoon=Sun"),
        ("{ sunOrMoon { ... on Sun { name } } moon: sunOrMoon(night: true) { ... on Moon { name } } }",
         "sunOrMoon=Moon,sunOrMoon=Sun"),
        ("{ again { sunOrMoon { __typename } } }", "ok"),
        ('{ sunOrMoon { __typename } failing(error: "forbidden") b: failing(error: "overloaded") }',
         "sunOrMoon=Sun,FORBIDDEN,SERVICE_UNAVAILABLE"),
        ("{ broken }", "INTERNAL_SERVER_ERROR"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "BAD_USER_INPUT"),
    ],
)  # fmt: skip
async def test_request_line_names_the_outcome(log_output: LogOutput, query: str, outcome: str) -> None:
    """It contains the type of each union that a root field returned, and the code of each error."""
    async with api_client(minimal_app()) as client:
        await client.execute(query)

    assert log_output.find("request")["outcome"] == outcome


async def test_rejected_request_line_names_code_and_address(log_output: LogOutput) -> None:
    """The server rejected it before it read the body."""
    async with api_client(minimal_app()) as client:
        await client.send("PUT")
        await client.execute("{ hello }", headers={"origin": "https://evil.example"})

    lines = log_output.find_all("request")
    assert [(line["status"], line["outcome"], line["ip_address"]) for line in lines] == [
        (405, "BAD_USER_INPUT", "203.0.113.9"),
        (403, "FORBIDDEN", "203.0.113.9"),
    ]


async def test_lines_of_a_rejected_origin_name_both_hosts(log_output: LogOutput) -> None:
    """If a proxy replaces the Host header, the server rejects its own pages. The operator sees why."""
    async with api_client(minimal_app()) as client:
        await client.execute("{ hello }", headers={"origin": "https://App.example", "host": "127.0.0.1:8000"})
        await client.execute("{ hello }", headers={"sec-fetch-site": "cross-site"})

    for event in ("origin_not_allowed", "request"):
        lines = log_output.find_all(event)
        assert [(line["origin"], line["host"]) for line in lines] == [
            ("https://app.example", "127.0.0.1:8000"),
            ("", "api.example"),
        ]


async def test_logged_hosts_are_short(log_output: LogOutput) -> None:
    """A client cannot fill the log."""
    async with api_client(minimal_app()) as client:
        await client.execute("{ hello }", headers={"origin": "https://" + "x" * 9000, "host": "y" * 9000})
    line = log_output.find("origin_not_allowed")

    assert (len(line["origin"]), len(line["host"])) == (200, 200)


@pytest.mark.parametrize(("error", "source"), [("overloaded", "hashing_queue"), ("database_unavailable", "database")])
async def test_overload_line_names_its_source_and_the_client(log_output: LogOutput, error: str, source: str) -> None:
    """The operator sees what is overloaded, and who asked."""
    async with api_client(minimal_app()) as client:
        await client.execute(f'{{ failing(error: "{error}") }}')
    line = log_output.find("service_unavailable")

    assert (line["source"], line["field"], line["ip_address"]) == (source, "failing", "203.0.113.9")


@pytest.mark.attack("G7")
async def test_no_secret_reaches_the_log_at_any_level(log_output: LogOutput) -> None:
    """Headers, bodies, variables and exception messages are not logged, even at DEBUG."""
    secret_headers = {
        "authorization": f"Bearer {CANARY}",
        "cookie": f"__Host-countersign={CANARY}",
        "user-agent": CANARY,
        "x-request-id": CANARY,
    }
    async with api_client(minimal_app(get_queries=True)) as client:
        await client.execute("{ broken }")
        await client.execute("{ mustNotBeNull oddColour }")
        await client.execute("mutation ($p: String!) { login(password: $p) }", variables={"p": CANARY})
        await client.execute("mutation ($p: String!) { login(password: $p) }", variables={"p": [CANARY]})
        await client.execute(f'mutation {{ login(passwrd: "{CANARY}") }}')
        await client.execute(f'{{ echo(number: "{CANARY}") }}')
        await client.execute("{ hello }", headers=secret_headers)
        await client.execute("{ hello }", headers={**secret_headers, "origin": "https://evil.example"})
        await client.send("GET", params={"query": f'{{ echo(text: "{CANARY}") }}'})
        await client.send(content=f'{{"{CANARY}', headers={"content-type": "application/json"})
    logging.getLogger("strawberry.execution").error(CANARY)
    logging.getLogger("aiosqlite").debug(CANARY)
    logging.getLogger("tortoise.db_client").debug(CANARY)

    assert len(log_output.events()) >= 12
    assert CANARY not in log_output.getvalue()


@pytest.mark.attack("G6")
async def test_unexpected_error_is_logged_with_id_and_traceback(log_output: LogOutput) -> None:
    """The log event has the correlation id that the client gets, the exception class and the traceback."""
    async with api_client(minimal_app()) as client:
        response = await client.execute("{ broken }")
    line = log_output.find("internal_error")

    assert line["correlation_id"] == response.json()["errors"][0]["extensions"]["correlationId"]
    assert line["error"] == "RuntimeError"
    assert line["field"] == "broken"
    assert "minimal_app.py" in line["trace"][-1]


async def test_strawberry_logs_no_errors(caplog: pytest.LogCaptureFixture) -> None:
    """Its log would contain submitted values and messages of exceptions, also where logging is not configured."""
    async with api_client(minimal_app()) as client:
        await client.execute("{ broken }")
        await client.execute(f'{{ echo(number: "{CANARY}") }}')

    assert CANARY not in caplog.text


async def test_error_outside_graphql_gets_500_and_is_logged(log_output: LogOutput) -> None:
    """If the view itself fails, the client gets a GraphQL error with a correlation id."""
    app = minimal_app()
    view: Any = app.routes[0].app  # type: ignore[attr-defined]
    view._trusted_proxies = None  # the view will raise a TypeError
    async with api_client(app) as client:
        response = await client.execute("{ hello }")
    (error,) = response.json()["errors"]

    assert response.status_code == 500
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["correlationId"] == log_output.find("internal_error")["correlation_id"]
    assert response.headers["cache-control"] == "no-store"
    assert log_output.find("request")["outcome"] == "INTERNAL_SERVER_ERROR"


@pytest.mark.attack("G9")
@pytest.mark.parametrize("forged", ["a\nb", "a\r\nb", "\x1b[31mred", "\u2028", "\u2029", "\x85", "\x00", "\u202e"])
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_log_lines_cannot_be_forged(log_output: LogOutput, forged: str, log_format: str) -> None:
    """Control characters in log events of the product and of libraries are escaped."""
    configure_logging("INFO", log_format, stream=log_output)
    structlog.get_logger("x").info(f"begin{forged}end", name=f"begin{forged}end")
    logging.getLogger("x").warning("begin%send", forged)
    text = log_output.getvalue()

    assert text.count("\n") == 2
    assert len(text.splitlines()) == 2
    assert not any(
        character in text.replace("\n", "") for character in forged if not character.isalnum() and character != "["
    )


def fail(cause: Exception | None = None) -> None:
    """Raise an exception with a secret in its message."""
    raise ValueError(CANARY) from cause


def test_library_logs_have_the_same_format(log_output: LogOutput) -> None:
    """An exception that a library logs appears with its class and without its message."""
    try:
        fail()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("request failed")
    line = log_output.find("request failed")

    assert line["level"] == "error"
    assert line["error"] == "ValueError"
    assert CANARY not in log_output.getvalue()


def test_exception_causes_are_logged_by_class(log_output: LogOutput) -> None:
    """The log event contains the classes of the exception and of its causes."""
    try:
        fail(OSError(CANARY))
    except ValueError:
        structlog.get_logger().exception("request failed")

    assert log_output.find("request failed")["error"] == "ValueError < OSError"
    assert CANARY not in log_output.getvalue()
