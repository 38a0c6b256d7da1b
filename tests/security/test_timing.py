"""The requests that `make attack-timing` measures."""

import logging
import random
from collections.abc import Iterator

import pytest

from security.constants import RESPONSE_PADDING_S
from settings import Settings
from tests.support.app_harness import app_harness
from tests.support.clock import Clock
from tools.attacks.timing import PAIRS, Pair, measure, reset_attempts


@pytest.mark.attack("G1", "G3")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first} and {pair.second}")
async def test_both_kinds_of_a_pair_have_the_same_outcome(database_url: str, clock: Clock, pair: Pair) -> None:
    """`make attack-timing` measures requests with the same outcome, as many of each kind."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        durations = await measure(harness, clock, pair, 3, random.Random(1))

    assert [len(durations[kind]) for kind in (0, 1)] == [3, 3]


class _StatementLog(logging.Handler):
    """Collects the SQL statements."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.statements: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = str(record.args[0] if isinstance(record.args, tuple) and record.args else record.msg)
        # The driver also reports that it opened a connection.
        if not text.startswith("<"):
            self.statements.append(text)


@pytest.fixture
def statement_log() -> Iterator[_StatementLog]:
    """Return a log of the SQL statements."""
    handler, logger = _StatementLog(), logging.getLogger("tortoise.db_client")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.mark.attack("G1", "G3")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first} and {pair.second}")
async def test_both_kinds_of_a_pair_execute_the_same_statements(
    database_url: str, clock: Clock, pair: Pair, statement_log: _StatementLog
) -> None:
    """A different number of round trips would make the largest difference in time."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        executed = []
        requests = await pair.prepare(harness, clock)
        # Twice, since the first attempt at an account or email must not differ from later ones.
        for request in (*requests, *requests):
            await reset_attempts(harness)
            statement_log.statements.clear()
            assert await harness.outcome(request) == pair.outcome
            executed.append(list(statement_log.statements))

    assert len(executed[0]) >= 5
    assert executed[1:] == executed[:1] * 3


@pytest.mark.attack("G1", "G3")
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first} and {pair.second}")
async def test_rejected_logins_get_response_time_padding(database_url: str, clock: Clock, pair: Pair) -> None:
    """No response is sent before the padding ends, so smaller differences do not show."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        durations = await measure(harness, clock, pair, 1, random.Random(1))

    assert min(durations[0] + durations[1]) >= RESPONSE_PADDING_S
