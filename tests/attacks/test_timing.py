"""The rank test behind `make attack-timing`: attacks G1 and G3. Nothing here is timed."""

import logging
import random
from collections.abc import Iterator

import pytest

from attacks.served import served
from attacks.timing import PAIRS, Pair, begin_anew, mann_whitney, measure
from settings import Settings
from tests.support.clock import Clock
from twofactor.rules.policy import REFUSAL_TICK_S


def test_times_of_one_kind_are_not_told_apart() -> None:
    """Of draws from one distribution no more than their share look different: the p-value is what it says."""
    rng = random.Random(1)
    p_values = [
        mann_whitney([rng.gauss(0, 1) for _ in range(40)], [rng.gauss(0, 1) for _ in range(40)]) for _ in range(1000)
    ]

    assert 30 <= sum(p < 0.05 for p in p_values) <= 70
    assert 440 <= sum(p < 0.5 for p in p_values) <= 560


def test_times_that_differ_by_little_are_told_apart() -> None:
    """A shift by a fifth of the spread shows in a thousand of each."""
    rng = random.Random(1)

    assert mann_whitney([rng.gauss(0, 1) for _ in range(1000)], [rng.gauss(0.2, 1) for _ in range(1000)]) < 0.001


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        # Computed by scipy.stats.mannwhitneyu(..., method="asymptotic").
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 0.012185780355344818),
        ([1, 2, 2, 3, 9], [2, 2, 4, 5, 6, 7], 0.4003939489033802),
        ([1, 1, 1], [1, 1, 1], 1.0),
    ],
)
def test_the_p_value_is_that_of_the_known_test(one: list[float], other: list[float], p: float) -> None:
    """Ties and continuity are corrected for, and the order of the two does not matter."""
    assert mann_whitney(one, other) == pytest.approx(p)
    assert mann_whitney(other, one) == pytest.approx(p)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one} and {pair.other}")
async def test_g1_g3_both_kinds_of_a_pair_are_answered_alike(database_url: str, clock: Clock, pair: Pair) -> None:
    """What the command measures are requests that get one and the same answer, each as often as the other."""
    async with served(Settings(database_url=database_url), clock) as service:
        timed = await measure(service, clock, pair, 3, random.Random(1))

    assert [len(timed[kind]) for kind in (0, 1)] == [3, 3]


class _Echo(logging.Handler):
    """Keeps the statements."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.statements: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.statements.append(str(record.args[0] if isinstance(record.args, tuple) and record.args else record.msg))


@pytest.fixture
def echo() -> Iterator[_Echo]:
    """What is asked of the database."""
    echo, statements = _Echo(), logging.getLogger("tortoise.db_client")
    statements.addHandler(echo)
    statements.setLevel(logging.DEBUG)
    yield echo
    statements.removeHandler(echo)
    statements.setLevel(logging.NOTSET)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one} and {pair.other}")
async def test_g1_g3_both_kinds_of_a_pair_ask_the_same_of_the_database(
    database_url: str, clock: Clock, pair: Pair, echo: _Echo
) -> None:
    """Statement by statement: a round trip more or less is what shows most."""
    async with served(Settings(database_url=database_url), clock) as service:
        asked = []
        requests = await pair.prepare(service, clock)
        # Twice: an account or an email that was never tried is not to be told from one that was.
        for request in (*requests, *requests):
            await begin_anew(service)
            echo.statements.clear()
            assert await service.answer(request) == pair.answer
            asked.append(list(echo.statements))

    assert len(asked[0]) >= 5
    assert asked[1:] == asked[:1] * 3


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.one} and {pair.other}")
async def test_g1_g3_a_refusal_waits_for_the_tick(database_url: str, clock: Clock, pair: Pair) -> None:
    """However fast it was found out, nothing is told before; what differs by less than a tick does not show."""
    async with served(Settings(database_url=database_url), clock) as service:
        timed = await measure(service, clock, pair, 1, random.Random(1))

    assert min(timed[0] + timed[1]) >= REFUSAL_TICK_S
