"""Clocks that are wrong: attacks A10 and A11, and a limiter of addresses whose store is down: attack B11."""

from datetime import timedelta

import pytest

from attacks.deeds import BY_NAME, LOGIN, VERIFY, Request, otp, wrong_otp
from attacks.scenes import PASSWORD, Person
from attacks.served import Served, served
from settings import Settings
from tests.support.clock import Clock
from twofactor.rules.policy import CHALLENGE_LIFETIME, CLOCK_SLACK, FREE_ATTEMPTS, LONGEST_WAIT, SESSION_LIFETIME

YEAR = timedelta(days=365)
VIEWER = "{ viewer { id sessions { id } } }"


def by_otp(person: Person, token: str, digits: str) -> Request:
    """A second step."""
    return Request(VERIFY, {"token": token, "factor": {"otp": digits}}, "", person)


async def is_signed_in(service: Served, token: str) -> bool:
    """Whether a session token is good."""
    response = await service.http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})
    return response.json()["data"]["viewer"] is not None


async def challenge(service: Served, person: Person) -> str:
    """A new challenge, by the right password."""
    response = await service.post(Request(LOGIN, {"email": person.email, "password": PASSWORD}, "", person))
    return str(response.json()["data"]["login"]["challengeToken"])


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=1), YEAR, 50 * YEAR], ids=str)
async def test_a11_a_clock_that_jumps_forward_ends_sessions_and_challenges_and_locks_nobody_out(
    database_url: str, clock: Clock, ahead: timedelta
) -> None:
    """What has a lifetime is over, the second factor works with the time of the day, and nothing overflows."""
    async with served(Settings(database_url=database_url), clock) as service:
        person, (token,) = await service.scene.enrolled(await service.scene.company())
        clock.advance(ahead)
        assert await is_signed_in(service, person.session_token) is (ahead < timedelta(days=7))
        assert await service.answer(by_otp(person, token, otp(person, clock()))) == "ChallengeExpired"
        again = await challenge(service, person)
        assert await service.answer(by_otp(person, again, otp(person, clock()))) == "LoggedIn"


async def test_a10_a_clock_that_was_ahead_for_a_while_leaves_nothing_that_lives_too_long(
    database_url: str, clock: Clock
) -> None:
    """What was begun a year ahead is not good for a year once the clock is right, nor does a wait last that long."""
    async with served(Settings(database_url=database_url), clock) as service:
        company = await service.scene.company()
        clock.advance(YEAR)
        early = await service.scene.activating(company, confirmed=True)
        person, tokens = await service.scene.enrolled(company, challenges=FREE_ATTEMPTS + 1)
        for token in tokens[:-1]:
            assert await service.answer(by_otp(person, token, wrong_otp(person, clock()))) == "WrongSecondFactor"
        assert await service.answer(by_otp(person, tokens[-1], otp(person, clock()))) == "TooManyAttempts"

        clock.advance(-YEAR)
        assert not await is_signed_in(service, person.session_token)
        assert await service.answer(by_otp(person, tokens[-1], otp(person, clock()))) == "ChallengeExpired"
        acknowledge = BY_NAME["acknowledgeBackupCodes"]
        request = await acknowledge.prepare(service.scene, clock())
        too_early = Request(request.query, {"activation": early.activation_token}, early.session_token, early)
        assert await service.answer(too_early) == "UNAUTHENTICATED"

        # The wait is over, but a wrong OTP starts a right one: one attempt was let in, not many. The steps that were
        # used while the clock was ahead stay used, which the codes of this account, seeded a year ahead, all are.
        late = await challenge(service, person)
        assert await service.answer(by_otp(person, late, wrong_otp(person, clock()))) == "WrongSecondFactor"
        assert await service.answer(by_otp(person, late, wrong_otp(person, clock()))) == "TooManyAttempts"


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(minutes=10), CLOCK_SLACK], ids=str)
async def test_a10_a_clock_that_is_set_back_a_little_signs_nobody_out_and_lengthens_nothing_without_bound(
    database_url: str, clock: Clock, back: timedelta
) -> None:
    """Sessions, challenges and waits go on, and end when the clock has made up for it and their time is over."""
    async with served(Settings(database_url=database_url), clock) as service:
        person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=FREE_ATTEMPTS + 1)
        for token in tokens[:-1]:
            assert await service.answer(by_otp(person, token, wrong_otp(person, clock()))) == "WrongSecondFactor"

        clock.advance(-back)
        assert await is_signed_in(service, person.session_token)
        assert await service.answer(by_otp(person, tokens[-1], otp(person, clock()))) == "TooManyAttempts"

        clock.advance(back + CHALLENGE_LIFETIME)
        assert await service.answer(by_otp(person, tokens[-1], otp(person, clock()))) == "ChallengeExpired"
        assert (
            await service.answer(by_otp(person, await challenge(service, person), otp(person, clock()))) == "LoggedIn"
        )
        clock.advance(SESSION_LIFETIME)
        assert not await is_signed_in(service, person.session_token)


async def test_a10_no_wait_is_longer_than_an_hour_and_the_slack_however_the_clock_jumps(
    database_url: str, clock: Clock
) -> None:
    """From whatever instant the last attempt is said to be, the owner comes in within that time."""
    for ahead in (timedelta(minutes=59), CLOCK_SLACK, CLOCK_SLACK + timedelta(seconds=1), YEAR):
        async with served(Settings(database_url=database_url), clock) as service:
            person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=FREE_ATTEMPTS)
            clock.advance(ahead)
            for _ in range(FREE_ATTEMPTS):
                token = await challenge(service, person)
                await service.answer(by_otp(person, token, wrong_otp(person, clock())))
            assert len(tokens) == FREE_ATTEMPTS
            clock.advance(-ahead + LONGEST_WAIT + CLOCK_SLACK)
            late = await challenge(service, person)
            assert await service.answer(by_otp(person, late, otp(person, clock()))) == "LoggedIn"


async def test_b11_where_the_store_of_addresses_is_down_the_budgets_of_the_accounts_hold(
    database_url: str, clock: Clock
) -> None:
    """Nobody is kept out by it, and nobody gets more attempts at an account."""
    # Nobody listens on this port.
    settings = Settings(database_url=database_url, address_store_url="redis://127.0.0.1:1/0")
    async with served(settings, clock) as service:
        person, (token,) = await service.scene.enrolled(await service.scene.company())
        guess = by_otp(person, token, wrong_otp(person, clock()))
        assert [await service.answer(guess) for _ in range(FREE_ATTEMPTS + 1)] == [
            *["WrongSecondFactor"] * FREE_ATTEMPTS,
            "TooManyAttempts",
        ]
        clock.advance(timedelta(seconds=30))
        assert await service.answer(by_otp(person, token, otp(person, clock()))) == "LoggedIn"
