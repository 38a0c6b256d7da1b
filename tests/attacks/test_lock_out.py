"""Locking others out, B5 and B8, and getting round the limit by address."""

import pytest

import models
from tests.attacks.steps import NEW_PASSWORD, WRONG_PASSWORD, Person, attempt, outcome, verify
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock
from twofactor import accounts
from twofactor.addresses import AddressLimiter
from twofactor.environment import Environment
from twofactor.errors import TooManyAttemptsError


async def test_a_stranger_locks_the_owner_out(api: Api, enrolled: Person, env: Environment, clock: Clock) -> None:
    """B8, ASVS 6.1.1: wrong passwords bring a wait and no more: sessions live on, and the operator can end the wait."""
    answers = [await outcome(api, "login", email=enrolled.user.email, password=WRONG_PASSWORD) for _ in range(6)]
    assert answers == ["WrongEmailOrPassword"] * 5 + ["TooManyAttempts"]
    assert await outcome(api, "login", email=enrolled.user.email, password=PASSWORD) == "TooManyAttempts"
    assert (await enrolled.api.data("{ viewer { id } }"))["viewer"] == {"id": enrolled.id}

    await accounts.set_password(env, enrolled.user.id, NEW_PASSWORD)

    challenge = await attempt(api, "login", email=enrolled.user.email, password=NEW_PASSWORD)
    signed = await verify(api, challenge["challengeToken"], otp=enrolled.app.otp(clock.now))
    assert signed["__typename"] == "LoggedIn"


async def test_a_stranger_waits_for_the_second_factor(api: Api, enrolled: Person, env: Environment) -> None:
    """B8: without the password nothing of the second factor can be made to wait: counting starts after it."""
    for token in ("", "cs_challenge_" + "A" * 43):
        for _ in range(6):
            answer = await verify(api, token, otp="000000")
            assert answer["__typename"] == "ChallengeExpired"
    for _ in range(6):
        await outcome(api, "login", email=enrolled.user.email, password=WRONG_PASSWORD)

    async with env.database.reading():
        assert await models.AttemptBudget.filter(subject=enrolled.user.id.hex, failures__gt=0).count() == 0


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
async def test_one_subscriber_tries_from_many_addresses(clock: Clock, one: str, other: str, *, share: bool) -> None:
    """B5, B12: in IPv6 a whole /64 is counted as one, for a single subscriber has 2⁶⁴ addresses."""
    limiter = AddressLimiter(failures_allowed=1)
    await limiter.count_failure(one)

    if share:
        with pytest.raises(TooManyAttemptsError):
            await limiter.admit(other, clock.now)
    else:
        await limiter.admit(other, clock.now)
