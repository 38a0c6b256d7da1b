"""A short run of `make attack-races`. One request succeeds, and no invariant breaks."""

from uuid import UUID

import pytest

from tests.support.factories import FactoryUser
from tests.support.scenarios import otp_request
from tools.attacks.races import RACES, Round, race_runner


@pytest.mark.attack("A3", "D5", "E1", "E2", "I7")
@pytest.mark.parametrize("name", RACES)
async def test_concurrent_requests_from_two_processes_keep_the_invariants(database_url: str, name: str) -> None:
    """Each process has its own application. The result is that of some sequential order."""
    async with race_runner(database_url) as runner:
        for _ in range(2):
            _, broken = await runner.run_round(name)
            assert broken == []


@pytest.mark.parametrize(("successes", "sessions"), [(0, 1), (2, 3), (1, 3), (2, 2)])
def test_check_detects_a_double_spend(successes: int, sessions: int) -> None:
    """The check of the race for one OTP reports two logins, no login and a surplus session."""
    user = FactoryUser(UUID(int=1), "member@acme.example")
    outcomes = ["LoggedIn"] * successes + ["WrongSecondFactor"] * (4 - successes)
    state = {"sessions": sessions, "used codes": 0}
    round_ = Round(user, [otp_request(user, "", "")] * 4, "LoggedIn", outcomes, state)

    assert RACES["one OTP, many challenges"][1](round_) == ["not exactly one login succeeded"]
