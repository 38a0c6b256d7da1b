"""Wrong clocks, and an unreachable store of the IP rate limiter."""

from datetime import timedelta

import pytest

from security.constants import CHALLENGE_LIFETIME, CLOCK_SLACK, FREE_ATTEMPTS, LONGEST_WAIT, SESSION_LIFETIME
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.factories import PASSWORD, FactoryUser
from tests.support.scenarios import LOGIN, SCENARIO_BY_NAME, VERIFY_LOGIN, Request, otp, wrong_otp

YEAR = timedelta(days=365)
VIEWER = "{ viewer { id sessions { id } } }"


def otp_request(user: FactoryUser, token: str, value: str) -> Request:
    """Return a `verifyLogin` request with an OTP."""
    return Request(VERIFY_LOGIN, {"token": token, "factor": {"otp": value}}, "", user)


async def is_logged_in(harness: AppHarness, token: str) -> bool:
    """Return whether a session token is valid."""
    response = await harness.http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})
    return response.json()["data"]["viewer"] is not None


async def start_login(harness: AppHarness, user: FactoryUser) -> str:
    """Take the first step of a login with the right password. Return the challenge token."""
    response = await harness.post(Request(LOGIN, {"email": user.email, "password": PASSWORD}, "", user))
    return str(response.json()["data"]["login"]["challengeToken"])


@pytest.mark.attack("A11")
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=1), YEAR, 50 * YEAR], ids=str)
async def test_clock_jump_forward_expires_sessions_and_locks_out_no_user(
    database_url: str, clock: Clock, ahead: timedelta
) -> None:
    """Sessions and challenges expire, a login works at the new time, and no time overflows."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
        clock.advance(ahead)
        assert await is_logged_in(harness, user.session_token) is (ahead < timedelta(days=7))
        assert await harness.outcome(otp_request(user, token, otp(user, clock()))) == "ChallengeExpired"
        new_token = await start_login(harness, user)
        assert await harness.outcome(otp_request(user, new_token, otp(user, clock()))) == "LoggedIn"


@pytest.mark.attack("A10")
async def test_rows_from_a_future_clock_are_not_valid(database_url: str, clock: Clock) -> None:
    """After a clock was a year ahead, no session, challenge, activation or wait lasts a year."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        company = await harness.factory.company()
        clock.advance(YEAR)
        early = await harness.factory.member_activating_2fa(company, confirmed=True)
        user, tokens = await harness.factory.member_with_2fa(company, challenges=FREE_ATTEMPTS + 1)
        for token in tokens[:-1]:
            assert await harness.outcome(otp_request(user, token, wrong_otp(user, clock()))) == "WrongSecondFactor"
        assert await harness.outcome(otp_request(user, tokens[-1], otp(user, clock()))) == "TooManyAttempts"

        clock.advance(-YEAR)
        assert not await is_logged_in(harness, user.session_token)
        assert await harness.outcome(otp_request(user, tokens[-1], otp(user, clock()))) == "ChallengeExpired"
        acknowledge = SCENARIO_BY_NAME["acknowledgeBackupCodes"]
        request = await acknowledge.prepare(harness.factory, clock())
        too_early = Request(request.query, {"activation": early.activation_token}, early.session_token, early)
        assert await harness.outcome(too_early) == "UNAUTHENTICATED"

        # The wait has ended, but the next wrong OTP starts a wait at the right time, so the server checks only one
        # attempt. Used time steps stay used. The factory set the last used step a year ahead, so no OTP is valid here.
        late = await start_login(harness, user)
        assert await harness.outcome(otp_request(user, late, wrong_otp(user, clock()))) == "WrongSecondFactor"
        assert await harness.outcome(otp_request(user, late, wrong_otp(user, clock()))) == "TooManyAttempts"


@pytest.mark.attack("A10")
@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(minutes=10), CLOCK_SLACK], ids=str)
async def test_small_clock_correction_keeps_sessions_and_waits(
    database_url: str, clock: Clock, back: timedelta
) -> None:
    """Sessions, challenges and waits continue. They end when the clock reaches their original end."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, tokens = await harness.factory.member_with_2fa(
            await harness.factory.company(), challenges=FREE_ATTEMPTS + 1
        )
        for token in tokens[:-1]:
            assert await harness.outcome(otp_request(user, token, wrong_otp(user, clock()))) == "WrongSecondFactor"

        clock.advance(-back)
        assert await is_logged_in(harness, user.session_token)
        assert await harness.outcome(otp_request(user, tokens[-1], otp(user, clock()))) == "TooManyAttempts"

        clock.advance(back + CHALLENGE_LIFETIME)
        assert await harness.outcome(otp_request(user, tokens[-1], otp(user, clock()))) == "ChallengeExpired"
        assert (
            await harness.outcome(otp_request(user, await start_login(harness, user), otp(user, clock()))) == "LoggedIn"
        )
        clock.advance(SESSION_LIFETIME)
        assert not await is_logged_in(harness, user.session_token)


@pytest.mark.attack("A10")
async def test_clock_jump_extends_no_wait_beyond_an_hour_and_the_slack(database_url: str, clock: Clock) -> None:
    """For any time of the last attempt, the user can log in after this time."""
    for ahead in (timedelta(minutes=59), CLOCK_SLACK, CLOCK_SLACK + timedelta(seconds=1), YEAR):
        async with app_harness(Settings(database_url=database_url), clock) as harness:
            user, tokens = await harness.factory.member_with_2fa(
                await harness.factory.company(), challenges=FREE_ATTEMPTS
            )
            clock.advance(ahead)
            for _ in range(FREE_ATTEMPTS):
                token = await start_login(harness, user)
                await harness.outcome(otp_request(user, token, wrong_otp(user, clock())))
            assert len(tokens) == FREE_ATTEMPTS
            clock.advance(-ahead + LONGEST_WAIT + CLOCK_SLACK)
            late = await start_login(harness, user)
            assert await harness.outcome(otp_request(user, late, otp(user, clock()))) == "LoggedIn"


@pytest.mark.attack("B11")
async def test_attempt_limits_hold_while_the_rate_limiter_store_is_down(database_url: str, clock: Clock) -> None:
    """No user is locked out, and no attacker gets more attempts at an account."""
    # No server listens on this port.
    settings = Settings(database_url=database_url, address_store_url="redis://127.0.0.1:1/0")
    async with app_harness(settings, clock) as harness:
        user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
        guess = otp_request(user, token, wrong_otp(user, clock()))
        assert [await harness.outcome(guess) for _ in range(FREE_ATTEMPTS + 1)] == [
            *["WrongSecondFactor"] * FREE_ATTEMPTS,
            "TooManyAttempts",
        ]
        clock.advance(timedelta(seconds=30))
        assert await harness.outcome(otp_request(user, token, otp(user, clock()))) == "LoggedIn"
