"""What is logged, and what never is: attacks G7 and G9."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.transport.toy import CANARY, browsing, toy_app
from transport.logs import SILENT_LOGGERS, configure_logging


class Lines(io.StringIO):
    """What was written, by lines."""

    def events(self) -> list[dict[str, Any]]:
        """Each line, as the JSON object that it must be."""
        return [json.loads(line) for line in self.getvalue().split("\n")[:-1]]

    def named(self, event: str) -> dict[str, Any]:
        """The one line of this event."""
        (found,) = [line for line in self.events() if line["event"] == event]
        return found


@pytest.fixture
def logged() -> Iterator[Lines]:
    """What is logged at the lowest level, as in production; all is set back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    lines = Lines()
    configure_logging("DEBUG", "json", stream=lines)
    # The client of the tests logs what it sends; that is no log of ours.
    logging.getLogger("httpx").disabled = True
    yield lines
    logging.getLogger("httpx").disabled = False
    root.handlers = handlers
    root.setLevel(level)
    for name in SILENT_LOGGERS:
        logging.getLogger(name).disabled = False
    structlog.reset_defaults()


async def test_a_request_is_one_line_of_facts(logged: Lines) -> None:
    """Method, path, status, duration, id and the fields of the schema that ran; nothing that the client made up."""
    async with browsing(toy_app()) as browser:
        response = await browser.ask(f"query {CANARY.replace('-', '_')} {{ a{CANARY[-4:]}: hello }}")
    line = logged.named("request")

    assert set(line) == {
        "event", "level", "timestamp", "correlation_id", "method", "path", "status", "duration_ms", "operation"
    }  # fmt: skip
    assert (line["method"], line["path"], line["status"], line["operation"]) == ("POST", "/graphql", 200, "hello")
    assert line["correlation_id"] == response.headers["x-request-id"]
    assert line["timestamp"].endswith("Z")


async def test_g7_no_secret_reaches_the_log_at_any_level(logged: Lines) -> None:
    """Neither headers nor bodies, neither variables nor the words of an exception; not at DEBUG either."""
    secret_headers = {
        "authorization": f"Bearer {CANARY}",
        "cookie": f"__Host-countersign={CANARY}",
        "user-agent": CANARY,
        "x-request-id": CANARY,
        "origin": f"https://{CANARY}.example",
    }
    async with browsing(toy_app(get_queries=True)) as browser:
        await browser.ask("{ broken }")
        await browser.ask("{ mustNotBeNull oddColour }")
        await browser.ask("mutation ($p: String!) { login(password: $p) }", variables={"p": CANARY})
        await browser.ask("mutation ($p: String!) { login(password: $p) }", variables={"p": [CANARY]})
        await browser.ask(f'mutation {{ login(passwrd: "{CANARY}") }}')
        await browser.ask(f'{{ echo(number: "{CANARY}") }}')
        await browser.ask("{ hello }", headers={k: v for k, v in secret_headers.items() if k != "origin"})
        await browser.ask("{ hello }", headers=secret_headers)
        await browser.send("GET", params={"query": f'{{ echo(text: "{CANARY}") }}'})
        await browser.send(content=f'{{"{CANARY}', headers={"content-type": "application/json"})
    logging.getLogger("strawberry.execution").error(CANARY)
    logging.getLogger("aiosqlite").debug(CANARY)
    logging.getLogger("tortoise.db_client").debug(CANARY)

    assert len(logged.events()) >= 12
    assert CANARY not in logged.getvalue()


async def test_g6_an_unexpected_error_is_one_line_with_its_id_and_its_place(logged: Lines) -> None:
    """Whoever gets the id from a client finds what broke and where, once."""
    async with browsing(toy_app()) as browser:
        response = await browser.ask("{ broken }")
    line = logged.named("internal_error")

    assert line["correlation_id"] == response.json()["errors"][0]["extensions"]["correlationId"]
    assert line["error"] == "RuntimeError"
    assert line["field"] == "broken"
    assert "toy.py" in line["trace"][-1]


async def test_the_last_resort_answers_and_logs(logged: Lines) -> None:
    """Where the view itself breaks, the client still gets a body that it can read, with an id."""
    app = toy_app()
    view: Any = app.routes[0].app  # type: ignore[attr-defined]
    view._env = None  # broken on purpose
    view._trusted_proxies = None
    async with browsing(app) as browser:
        response = await browser.ask("{ hello }")
    (error,) = response.json()["errors"]

    assert response.status_code == 500
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["correlationId"] == logged.named("internal_error")["correlation_id"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("forged", ["a\nb", "a\r\nb", "\x1b[31mred", "\u2028", "\u2029", "\x85", "\x00", "\u202e"])
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_g9_a_line_cannot_be_forged(logged: Lines, forged: str, log_format: str) -> None:
    """Whatever is logged, ours or a library's, stays on its line and colours no terminal."""
    configure_logging("INFO", log_format, stream=logged)
    structlog.get_logger("x").info(f"begin{forged}end", name=f"begin{forged}end")
    logging.getLogger("x").warning("begin%send", forged)
    text = logged.getvalue()

    assert text.count("\n") == 2
    assert len(text.splitlines()) == 2
    assert not any(
        character in text.replace("\n", "") for character in forged if not character.isalnum() and character != "["
    )


def fail(cause: Exception | None = None) -> None:
    """Raise something with a secret in its words."""
    raise ValueError(CANARY) from cause


def test_what_libraries_log_takes_the_same_way(logged: Lines) -> None:
    """One format for all, and of an exception its kind and place without its words."""
    try:
        fail()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke")
    line = logged.named("it broke")

    assert line["level"] == "error"
    assert line["error"] == "ValueError"
    assert CANARY not in logged.getvalue()


def test_a_chain_of_causes_is_named(logged: Lines) -> None:
    """What lay behind an error is told by its kind."""
    try:
        fail(OSError(CANARY))
    except ValueError:
        structlog.get_logger().exception("it broke")

    assert logged.named("it broke")["error"] == "ValueError < OSError"
    assert CANARY not in logged.getvalue()
