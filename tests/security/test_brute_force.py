"""Guessing the second factor with the right password."""

import asyncio
import random
from datetime import timedelta

import pytest

import models
from accounts import attempt_limits
from accounts.errors import SecondFactorLockedError
from models import SecondFactorMethod, SecurityEventKind
from security.constants import FREE_ATTEMPTS, LONGEST_WAIT, SECOND_FACTOR_FAILURES_ALLOWED
from security.errors import TooManyAttemptsError
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.attempts import set_attempt_count
from tests.support.clock import Clock
from tests.support.factories import FactoryUser
from tests.support.operations import VERIFY_LOGIN
from tests.support.scenarios import (
    backup_code_request,
    login_request,
    otp_request,
    reset_request,
    right_otp_request,
    wrong_otp_request,
)
from tests.support.users import WRONG_BACKUP_CODE
from tools.attacks.brute_force import (
    DAYS,
    START,
    count_guesses,
    daily_logins,
    probability,
    simulate,
    simulated_probability,
)
from tools.attacks.http_workers import http_workers

# A well-known similar product checked this many guesses.
CHALLENGES = 60
REMAINING_FAILURES = 6


async def checked_guesses(harness: AppHarness, user: FactoryUser) -> int:
    """Return the number of guesses that the server checked and found wrong."""
    async with harness.services.database.reading():
        return await models.SecurityEvent.filter(
            user_id=user.user_id, kind=SecurityEventKind.SECOND_FACTOR_FAILED
        ).count()


@pytest.mark.parametrize("factor", [SecondFactorMethod.OTP, SecondFactorMethod.BACKUP_CODE])
async def test_concurrent_guesses_for_many_challenges_share_one_attempt_limit(
    database_url: str, clock: Clock, factor: str
) -> None:
    """Of 60 concurrent guesses the server checks five, and one after each wait. Then the user can log in."""
    settings = Settings(database_url=database_url)
    async with app_harness(settings, clock) as harness:
        user, tokens = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=CHALLENGES)
        is_otp = factor is SecondFactorMethod.OTP
        wrong = user.authenticator.wrong_otp(clock()) if is_otp else WRONG_BACKUP_CODE
        guess = otp_request if is_otp else backup_code_request
        with http_workers(settings) as workers:
            for allowed, wait in ((FREE_ATTEMPTS, 30), (1, 60), (1, 120)):
                before = await checked_guesses(harness, user)
                requests = [guess(user, token, wrong) for token in tokens]
                answers = await asyncio.to_thread(workers.send_concurrently, requests, clock())
                assert answers.count("WrongSecondFactor") == allowed
                assert answers.count("TooManyAttempts") == CHALLENGES - allowed
                assert await checked_guesses(harness, user) == before + allowed
                clock.advance(timedelta(seconds=wait - 1))
                assert await harness.outcome(guess(user, tokens[0], wrong)) == "TooManyAttempts"
                clock.advance(timedelta(seconds=1))
                wrong = user.authenticator.wrong_otp(clock()) if is_otp else WRONG_BACKUP_CODE

        # After the wait the user is not locked out.
        right = user.authenticator.otp(clock()) if is_otp else user.backup_code
        assert await harness.outcome(guess(user, tokens[-1], right)) == "LoggedIn"


@pytest.mark.attack("B8")
async def test_backup_code_completes_the_login_while_the_otp_waits(database_url: str, clock: Clock) -> None:
    """Guesses at the OTP do not lock out a user who has a backup code."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, tokens = await harness.factory.member_with_2fa(
            await harness.factory.company(), challenges=FREE_ATTEMPTS + 2
        )
        for token in tokens[:FREE_ATTEMPTS]:
            await harness.outcome(wrong_otp_request(user, token, clock()))
        assert await harness.outcome(right_otp_request(user, tokens[-1], clock())) == "TooManyAttempts"
        assert await harness.outcome(backup_code_request(user, tokens[-1], user.backup_code)) == "LoggedIn"
        # The login also ends the wait of the OTP.
        assert await harness.outcome(right_otp_request(user, tokens[-2], clock())) == "LoggedIn"


@pytest.mark.attack("B4", "B6", "B7")
@pytest.mark.parametrize("factor", [SecondFactorMethod.OTP, SecondFactorMethod.BACKUP_CODE])
async def test_a_hundred_failures_lock_the_factor(database_url: str, clock: Clock, factor: str) -> None:
    """Neither long waits nor new challenges nor a second process let the attacker make more guesses."""
    settings = Settings(database_url=database_url)
    async with app_harness(settings, clock) as harness:
        company = await harness.factory.company()
        admin = await harness.factory.logged_in_admin(company)
        user, _ = await harness.factory.member_with_2fa(company, challenges=0)
        is_otp = factor is SecondFactorMethod.OTP
        guess = otp_request if is_otp else backup_code_request
        # Start close to the limit of 100 failures.
        failures = SECOND_FACTOR_FAILURES_ALLOWED - REMAINING_FAILURES
        await set_attempt_count(
            harness.services.database,
            user.user_id,
            factor,
            failures=failures,
            since_sign_in=failures,
            last=clock(),
        )
        with http_workers(settings) as workers:
            for _ in range(REMAINING_FAILURES + 1):
                clock.advance(LONGEST_WAIT)
                wrong = user.authenticator.wrong_otp(clock()) if is_otp else WRONG_BACKUP_CODE
                token = await harness.start_login(user)
                await asyncio.to_thread(workers.send_concurrently, [guess(user, token, wrong)] * 3, clock())
        assert await checked_guesses(harness, user) == REMAINING_FAILURES
        clock.advance(timedelta(days=365))
        right = user.authenticator.otp(clock()) if is_otp else user.backup_code
        assert await harness.outcome(guess(user, await harness.start_login(user), right)) == "SecondFactorLocked"

        # The user can log in with the other factor. This does not unlock the locked factor.
        other = backup_code_request if is_otp else otp_request
        right = user.backup_code if is_otp else user.authenticator.otp(clock())
        assert await harness.outcome(other(user, await harness.start_login(user), right)) == "LoggedIn"
        right = user.authenticator.otp(clock()) if is_otp else user.backup_code
        assert await harness.outcome(guess(user, await harness.start_login(user), right)) == "SecondFactorLocked"
        assert await checked_guesses(harness, user) == REMAINING_FAILURES

        # After an admin's reset, the user logs in with the password alone.
        clock.advance(-timedelta(days=365))
        assert await harness.outcome(reset_request(admin, user)) == "TwoFactorReset"
        assert await harness.outcome(login_request(user)) == "LoggedIn"


MULTIPLE_GUESSES = """
mutation ($challengeToken: String!, $secondFactor: SecondFactorInput!) {{ {fields} }} {fragments}
"""
FIELD = "g{}: verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {{ __typename }}"
DOCUMENTS = {
    "aliases": MULTIPLE_GUESSES.format(fields=" ".join(FIELD.format(number) for number in range(50)), fragments=""),
    "fragments": MULTIPLE_GUESSES.format(
        fields="...a ...b",
        fragments=" ".join(f"fragment {name} on Mutation {{ {FIELD.format(name)} }}" for name in "ab"),
    ),
    "nested fragments": MULTIPLE_GUESSES.format(
        fields="...a",
        fragments=f"fragment a on Mutation {{ {FIELD.format(1)} ...b }} fragment b on Mutation {{ {FIELD.format(2)} }}",
    ),
    "inline fragments": MULTIPLE_GUESSES.format(
        fields=f"... {{ {FIELD.format(1)} }} ... {{ {FIELD.format(2)} }}", fragments=""
    ),
}


@pytest.mark.attack("B1", "B2")
@pytest.mark.parametrize("name", [*DOCUMENTS, "batch"])
async def test_request_with_several_guesses_is_rejected(database_url: str, clock: Clock, name: str) -> None:
    """Aliases, fragments and batches: the server executes nothing and counts no attempt."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
        variables = wrong_otp_request(user, token, clock()).variables
        body: object = {"query": DOCUMENTS.get(name, VERIFY_LOGIN), "variables": dict(variables)}
        if name == "batch":
            body = [body] * 50
        response = await harness.http.post("/graphql", json=body)
        assert "data" not in response.json()
        assert await checked_guesses(harness, user) == 0
        async with harness.services.database.reading():
            assert await models.AttemptCount.all().count() == 0


async def test_simulation_makes_as_many_guesses_as_the_product_allows(database_url: str, clock: Clock) -> None:
    """The attempt limit of the product allows as many guesses in a day, and in total if the user never logs in."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        user, _ = await harness.factory.member_with_2fa(await harness.factory.company())
        limit = attempt_limits.second_factor_limit(user.user_id, SecondFactorMethod.OTP)
        count, in_a_day, is_locked = 0, 0, False
        now = START
        while not is_locked:
            try:
                async with harness.services.database.transaction():
                    await attempt_limits.reserve_attempt(limit, now)
                    await attempt_limits.record_failure(limit)
                count += 1
            except TooManyAttemptsError as error:
                now = error.retry_at
            except SecondFactorLockedError:
                is_locked = True
            if now < START + timedelta(days=1):
                in_a_day = count
        assert in_a_day == count_guesses(iter(()), START + timedelta(days=1))
        assert count == count_guesses(iter(()), START + timedelta(days=DAYS)) == SECOND_FACTOR_FAILURES_ALLOWED


@pytest.mark.attack("B7", "B14")
def test_daily_sign_ins_on_known_devices_give_no_new_guesses() -> None:
    """In ten years, somebody who has the password guesses an OTP with a probability below 1 in 1,000."""
    (owner,) = [each for each in simulate(random.Random(1)) if each.user == "logs in daily, known device"]
    assert owner.otp_guesses == SECOND_FACTOR_FAILURES_ALLOWED
    assert owner.otp_probability < 1e-3


def test_simulated_probability_matches_the_formula() -> None:
    """If the user never logs in, an attacker succeeds with a probability below 1 in 1,000."""
    rng = random.Random(1)
    for each in simulate(rng):
        assert abs(simulated_probability(each.otp_guesses, 3e-6, 20_000, rng) - each.otp_probability) < 0.02
    assert probability(count_guesses(iter(()), START + timedelta(days=DAYS)), 3e-6) < 1e-3
    # A daily login resets the limit. This allows at most 35 guesses a day.
    assert count_guesses(daily_logins(), START + timedelta(days=DAYS)) <= 35 * DAYS
