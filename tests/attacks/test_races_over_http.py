"""A short run of `make attack-races`: attacks A3, D5, E1, E2, I7 and V5. One wins, and no invariant breaks."""

from uuid import UUID

import pytest

from attacks.deeds import VERIFY, Request
from attacks.races import RACES, Round, arena
from attacks.scenes import Person


@pytest.mark.parametrize("name", RACES)
async def test_a3_d5_e1_e2_i7_requests_at_the_same_moment_from_two_processes(database_url: str, name: str) -> None:
    """Over HTTP, each process with an application of its own: the outcome is that of one order or another."""
    async with arena(database_url) as there:
        for _ in range(2):
            _, broken = await there.race(name)
            assert broken == []


@pytest.mark.parametrize(("winners", "sessions"), [(0, 1), (2, 3), (1, 3), (2, 2)])
def test_a_double_spend_would_be_told(winners: int, sessions: int) -> None:
    """The judge of a race for one OTP finds two winners, none, and a session too many."""
    person = Person(UUID(int=1), "mia@acme.example")
    answers = ["LoggedIn"] * winners + ["WrongSecondFactor"] * (4 - winners)
    after = {"sessions": sessions, "codes used": 0}
    race = Round(person, [Request(VERIFY, {}, "", person)] * 4, "LoggedIn", answers, after)

    assert RACES["one OTP, many challenges"][1](race) == ["not exactly one signed in"]
