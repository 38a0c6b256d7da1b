"""Run the operations of `docs/guide/` in reading order and compare each answer with the guide."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

import models
from tests.contract.docs.markdown import GUIDE_INDEX, CodeBlock, code_blocks, guide_pages
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock

# Strings that clients use in code or show. They must equal the guide. All other strings differ from run to run.
COMPARED_STRINGS = {
    "__typename",
    "message",
    "code",
    "state",
    "kind",
    "role",
    "name",
    "email",
    "note",
    "mimeType",
    "ipAddress",
    "deviceName",
}
ID_OR_TOKEN = re.compile(r"(cs|user|company|session|event|authenticator)_\w+", re.ASCII)
SIX_DIGITS = re.compile(r"[0-9]{6}", re.ASCII)


@pytest.fixture
def now(clock: Clock) -> Callable[[], datetime]:
    """Return a clock that only the test advances."""
    return clock


def _parse(block: CodeBlock) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(block.text)
    except ValueError as error:
        pytest.fail(f"{block.source}: invalid JSON: {error}")


class GuideRunner:
    """Executes the operations of the guide. Replaces the ids, tokens and OTPs of the guide with those of the server."""

    def __init__(self, app: Starlette, clock: Clock) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.9", 40_000))
        headers = {"user-agent": "Acme/4.2 (iPhone)", "accept-language": "en"}
        self.api = Api(httpx.AsyncClient(transport=transport, base_url="https://countersign.test", headers=headers))
        self._clock = clock
        self._authenticator = Authenticator("")
        # Maps each id, token or code of the guide to the value that the server returned.
        self._server_values: dict[str, str] = {}

    async def run_page(self, blocks: list[CodeBlock]) -> None:
        """Execute the operations of one page in order. An operation and its answers must be on the same page."""
        operation: CodeBlock | None = None
        variables: CodeBlock | None = None
        answers = 0
        for block in blocks:
            match block.kind:
                case "graphql":
                    assert operation is None or answers, f"{operation.source}: the operation has no answer"
                    operation, variables, answers = block, None, 0
                case "json variables":
                    assert operation is not None, f"{block.source}: variables without an operation"
                    variables = block
                case "json answer":
                    assert operation is not None, f"{block.source}: an answer without an operation"
                    await self.run(operation, variables, block)
                    variables, answers = None, answers + 1
                case kind:
                    assert kind == "js", f"{block.source}: unknown kind of code block: {kind}"
        assert operation is None or answers, f"{operation.source}: the operation has no answer"
        assert variables is None, f"{variables.source}: the variables have no answer"

    async def run(self, operation: CodeBlock, variables: CodeBlock | None, answer: CodeBlock) -> None:
        """Execute an operation and compare its answer with the guide."""
        self._clock.advance(TIME_STEP)
        expected = _parse(answer)
        sent = self._to_server_values(_parse(variables)) if variables else {}
        actual = await self.api.execute(operation.text, sent)
        self._compare(expected, actual, answer.source)
        assert ("errors" in actual) == ("errors" in expected), f"{answer.source}: {actual}"
        self._remember(expected, actual, answer.source)
        for result in (actual.get("data") or {}).values():
            if isinstance(result, dict) and "sessionToken" in result:
                # If the token is null, the session is in the cookie, and the HTTP client stores it.
                self.api.session_token = result["sessionToken"]
            if isinstance(result, dict) and "otpauthUri" in result:
                self._authenticator = Authenticator.parse(result["otpauthUri"])

    def _to_server_values(self, value: Any, key: str = "") -> Any:  # noqa: ANN401  # any JSON
        if isinstance(value, dict):
            return {name: self._to_server_values(member, name) for name, member in value.items()}
        if key == "otp" and SIX_DIGITS.fullmatch(value):
            return self._authenticator.otp(self._clock.now)
        return self._server_values.get(value, value) if isinstance(value, str) else value

    def _compare(self, expected: Any, actual: Any, source: str, *path: str | int) -> None:  # noqa: ANN401  # any JSON
        message = f"{source}: {'.'.join(map(str, path))}: the server returned {actual!r}"
        assert type(expected) is type(actual), message
        if isinstance(expected, dict):
            assert expected.keys() <= actual.keys(), message
            for name, value in expected.items():
                self._compare(value, actual[name], source, *path, name)
        elif isinstance(expected, list):
            assert len(expected) <= len(actual), message
            for number, (value, other) in enumerate(zip(expected, actual, strict=False)):
                self._compare(value, other, source, *path, number)
        elif not isinstance(expected, str) or path[-1] in COMPARED_STRINGS:
            assert expected == actual, message

    def _remember(self, expected: Any, actual: Any, source: str) -> None:  # noqa: ANN401  # any JSON
        if isinstance(expected, dict):
            for name, value in expected.items():
                self._remember(value, actual[name], source)
        elif isinstance(expected, list):
            for value, other in zip(expected, actual, strict=False):
                self._remember(value, other, source)
        elif isinstance(expected, str) and expected != actual:
            if ID_OR_TOKEN.fullmatch(expected):
                known = self._server_values.get(expected, actual)
                assert known == actual, f"{source}: {expected} stands for two different values"
            self._server_values[expected] = actual


def test_index_lists_every_page_once() -> None:
    """Require that the index of the guide defines a complete reading order."""
    listed = [page.name for page in guide_pages()]
    existing = {page.name for page in GUIDE_INDEX.parent.glob("*.md")} - {GUIDE_INDEX.name}
    missing = sorted(existing.difference(listed))
    repeated = sorted({name for name in listed if listed.count(name) > 1})

    assert not missing, f"{GUIDE_INDEX} does not list {missing}"
    assert not repeated, f"{GUIDE_INDEX} lists {repeated} more than once"


async def test_guide_runs_in_reading_order(
    started: Starlette, member: models.User, admin: models.User, clock: Clock
) -> None:
    """Run all pages as the member and the admin of the guide."""
    assert (member.email, admin.email) == ("mia@acme.example", "ada@acme.example")
    runner = GuideRunner(started, clock)

    for page in guide_pages():
        await runner.run_page(code_blocks(page))

    await runner.api.http.aclose()
