"""`docs/guide.md` runs from its first operation to its last, and each answer has the form that it shows."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

import models
from tests.docs.blocks import GUIDE, Block, blocks_of
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock

STEP = timedelta(seconds=30)
# Texts that clients go by or show, so that they have to be the very same. All others differ from run to run.
SAME = {"__typename", "message", "code", "state", "kind", "role", "name", "email", "note", "mimeType", "ipAddress"}
ID_OR_TOKEN = re.compile(r"(cs|user|company|session|event)_\w+", re.ASCII)
SIX_DIGITS = re.compile(r"[0-9]{6}", re.ASCII)


@pytest.fixture
def now(clock: Clock) -> Callable[[], datetime]:
    """A clock that stands still, so that the reader has time to read."""
    return clock


class Reader:
    """Runs the operations as somebody who follows the guide would, with the real values in place of the shown ones."""

    def __init__(self, app: Starlette, clock: Clock) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.9", 40_000))
        headers = {"user-agent": "Acme/4.2 (iPhone)", "accept-language": "en"}
        self.api = Api(httpx.AsyncClient(transport=transport, base_url="https://countersign.test", headers=headers))
        self._clock = clock
        self._app = Authenticator("")
        # From each id, token or code that the guide shows to what the server gave.
        self._real: dict[str, str] = {}

    async def follow(self, operation: Block, variables: Block | None, answer: Block) -> None:
        """Run an operation, and compare its answer."""
        self._clock.advance(STEP)
        shown = json.loads(answer.text)
        sent = self._with_real_values(json.loads(variables.text)) if variables else {}
        actual = await self.api.execute(operation.text, sent)
        self._compare(shown, actual, f"docs/guide.md:{answer.line}")
        assert ("errors" in actual) == ("errors" in shown), actual
        self._remember(shown, actual)
        for given in (actual.get("data") or {}).values():
            if isinstance(given, dict) and "sessionToken" in given:
                # Null where the session is in the cookie, which the client has kept.
                self.api.session_token = given["sessionToken"]
            if isinstance(given, dict) and "otpauthUri" in given:
                self._app = Authenticator.parse(given["otpauthUri"])

    def _with_real_values(self, shown: Any, key: str = "") -> Any:  # noqa: ANN401  # any JSON
        if isinstance(shown, dict):
            return {name: self._with_real_values(value, name) for name, value in shown.items()}
        if key == "otp" and SIX_DIGITS.fullmatch(shown):
            return self._app.otp(self._clock.now)
        return self._real.get(shown, shown) if isinstance(shown, str) else shown

    def _compare(self, shown: Any, actual: Any, place: str) -> None:  # noqa: ANN401  # any JSON
        assert type(shown) is type(actual), f"{place}: {actual!r}"
        if isinstance(shown, dict):
            assert shown.keys() <= actual.keys(), place
            for name, value in shown.items():
                self._compare(value, actual[name], f"{place} {name}")
        elif isinstance(shown, list):
            assert len(shown) <= len(actual), place
            for number, (value, other) in enumerate(zip(shown, actual, strict=False)):
                self._compare(value, other, f"{place} {number}")
        elif not isinstance(shown, str) or place.rpartition(" ")[2] in SAME:
            assert shown == actual, place

    def _remember(self, shown: Any, actual: Any) -> None:  # noqa: ANN401  # any JSON
        if isinstance(shown, dict):
            for name, value in shown.items():
                self._remember(value, actual[name])
        elif isinstance(shown, list):
            for value, other in zip(shown, actual, strict=False):
                self._remember(value, other)
        elif isinstance(shown, str) and shown != actual:
            # An id or token stands for one thing wherever the guide shows it.
            assert not ID_OR_TOKEN.fullmatch(shown) or self._real.get(shown, actual) == actual, shown
            self._real[shown] = actual


async def test_runs_from_beginning_to_end(
    started: Starlette, member: models.User, admin: models.User, clock: Clock
) -> None:
    """Mia and Ada do what the guide says, in its order."""
    assert (member.email, admin.email) == ("mia@acme.example", "ada@acme.example")
    reader = Reader(started, clock)
    operation = variables = None
    answers = 0

    for block in blocks_of(GUIDE):
        match block.kind:
            case "graphql":
                assert operation is None or answers, f"{block.line}: the operation before has no answer"
                operation, variables, answers = block, None, 0
            case "json variables":
                variables = block
            case "json answer":
                assert operation is not None
                await reader.follow(operation, variables, block)
                variables, answers = None, answers + 1
            case kind:
                assert kind == "js", f"{block.line}: a block of an unknown kind"
    assert answers
    await reader.api.http.aclose()
