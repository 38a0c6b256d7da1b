"""Wrong clocks, and an unreachable store of the IP rate limiter."""

from datetime import timedelta

import pytest

from security.constants import CHALLENGE_LIFETIME, CLOCK_SLACK, FREE_ATTEMPTS, LONGEST_WAIT, SESSION_LIFETIME
from settings import Settings
from tests.support.api import Api
from tests.support.api_users import is_logged_in
from tests.support.app_harness import app_harness
from tests.support.clock import TIME_STEP, Clock
from tests.support.scenarios import (
    acknowledge_request,
    right_otp_request,
    wrong_otp_request,
)

YEAR = timedelta(days=365)


@pytest.mark.attack("A11")
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=1), YEAR, 50 * YEAR], ids=str)
async def test_clock_jump_forward_expires_sessions_and_locks_out_no_user(
    database_url: str, clock: Clock, ahead: timedelta
) -> None:
    """Sessions and challenges expire, a login works at the new time, and no time overflows."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
        clock.advance(ahead)
        assert await is_logged_in(Api(harness.http, user.session_token)) is (ahead < timedelta(days=7))
        assert await harness.outcome(right_otp_request(user, token, clock())) == "ChallengeExpired"
        new_token = await harness.start_login(user)
        assert await harness.outcome(right_otp_request(user, new_token, clock())) == "LoggedIn"


@pytest.mark.attack("A10")
async def test_rows_from_a_future_clock_are_not_valid(database_url: str, clock: Clock) -> None:
    """After a clock was a year ahead, no session, challenge, activation or wait lasts a year."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        company = await harness.factory.company()
        clock.advance(YEAR)
        early = await harness.factory.member_activating_2fa(company, confirmed=True)
        user, tokens = await harness.factory.member_with_2fa(company, challenges=FREE_ATTEMPTS + 1)
        for token in tokens[:-1]:
            assert await harness.outcome(wrong_otp_request(user, token, clock())) == "WrongSecondFactor"
        assert await harness.outcome(right_otp_request(user, tokens[-1], clock())) == "TooManyAttempts"

        clock.advance(-YEAR)
        assert not await is_logged_in(Api(harness.http, user.session_token))
        assert await harness.outcome(right_otp_request(user, tokens[-1], clock())) == "ChallengeExpired"
        assert await harness.outcome(acknowledge_request(early)) == "UNAUTHENTICATED"

        # The wait has ended, but the next wrong OTP starts a wait at the right time, so the server checks only one
        # attempt. Used time steps stay used. The factory set the last used step a year ahead, so no OTP is valid here.
        late = await harness.start_login(user)
        assert await harness.outcome(wrong_otp_request(user, late, clock())) == "WrongSecondFactor"
        assert await harness.outcome(wrong_otp_request(user, late, clock())) == "TooManyAttempts"


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
            assert await harness.outcome(wrong_otp_request(user, token, clock())) == "WrongSecondFactor"

        clock.advance(-back)
        assert await is_logged_in(Api(harness.http, user.session_token))
        assert await harness.outcome(right_otp_request(user, tokens[-1], clock())) == "TooManyAttempts"

        clock.advance(back + CHALLENGE_LIFETIME)
        assert await harness.outcome(right_otp_request(user, tokens[-1], clock())) == "ChallengeExpired"
        assert await harness.outcome(right_otp_request(user, await harness.start_login(user), clock())) == "LoggedIn"
        clock.advance(SESSION_LIFETIME)
        assert not await is_logged_in(Api(harness.http, user.session_token))


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
                token = await harness.start_login(user)
                await harness.outcome(wrong_otp_request(user, token, clock()))
            assert len(tokens) == FREE_ATTEMPTS
            clock.advance(-ahead + LONGEST_WAIT + CLOCK_SLACK)
            late = await harness.start_login(user)
            assert await harness.outcome(right_otp_request(user, late, clock())) == "LoggedIn"


@pytest.mark.attack("B11")
async def test_attempt_limits_hold_while_the_rate_limiter_store_is_down(database_url: str, clock: Clock) -> None:
    """No user is locked out, and no attacker gets more attempts at an account."""
    # No server listens on this port.
    settings = Settings(database_url=database_url, address_store_url="redis://127.0.0.1:1/0")
    async with app_harness(settings, clock) as harness:
        user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
        guess = wrong_otp_request(user, token, clock())
        assert [await harness.outcome(guess) for _ in range(FREE_ATTEMPTS + 1)] == [
            *["WrongSecondFactor"] * FREE_ATTEMPTS,
            "TooManyAttempts",
        ]
        clock.advance(TIME_STEP)
        assert await harness.outcome(right_otp_request(user, token, clock())) == "LoggedIn"
