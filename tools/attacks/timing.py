"""Test whether the response time distinguishes requests that get the same result.

`python -m tools.attacks.timing` sends two kinds of requests in random order, 1,000 of each by default. For each pair of
kinds it prints the p-value of a Mann-Whitney test: the probability of a difference at least as large as the measured
one if both kinds take equally long.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from argon2 import PasswordHasher
from scipy.stats import mannwhitneyu

import models
from accounts.response_padding import update_login_padding
from security.constants import CHALLENGE_LIFETIME
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import DIALECTS, database_of
from tests.support.operations import LOGIN
from tests.support.scenarios import Request, backup_code_request, otp_request, wrong_otp_request
from tests.support.users import WRONG_PASSWORD
from transport.logs import configure_logging

# With this threshold, chance alone hardly makes one of the seven pairs significant.
SIGNIFICANCE_LEVEL = 0.001


@dataclass(frozen=True)
class Pair:
    """Two kinds of requests that must take equally long, and the outcome of both."""

    first: str
    second: str
    outcome: str
    prepare: Callable[[AppHarness, Clock], Awaitable[tuple[Request, Request]]]


# Of another system. It takes about three times as long as a hash of this product.
IMPORTED_HASH = PasswordHasher(time_cost=3, memory_cost=40_000, parallelism=1).hash(WRONG_PASSWORD[::-1])
Durations: TypeAlias = dict[int, list[float]]


async def _unknown_email_and_wrong_password(harness: AppHarness, _clock: Clock) -> tuple[Request, Request]:
    user = await harness.factory.logged_in_member(await harness.factory.company())
    unknown_email = f"{user.email.removesuffix('example')}invalid"
    unknown, known = (
        Request(LOGIN, {"email": email, "password": WRONG_PASSWORD}, "", user) for email in (unknown_email, user.email)
    )
    return unknown, known


async def _unknown_email_and_imported_hash(harness: AppHarness, _clock: Clock) -> tuple[Request, Request]:
    unknown, known = await _unknown_email_and_wrong_password(harness, _clock)
    async with harness.services.database.transaction():
        await models.User.filter(id=known.affected_user.user_id).update(password_hash=IMPORTED_HASH)
    # Each server does this every few seconds.
    await update_login_padding(harness.services)
    return unknown, known


async def _wrong_and_replayed(harness: AppHarness, clock: Clock) -> tuple[Request, Request]:
    user, (token, used) = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=2)
    right = user.authenticator.otp(clock())
    assert await harness.outcome(otp_request(user, used, right)) == "LoggedIn"
    return wrong_otp_request(user, token, clock()), otp_request(user, token, right)


async def _wrong_and_other_users(harness: AppHarness, clock: Clock) -> tuple[Request, Request]:
    company = await harness.factory.company()
    user, (token,) = await harness.factory.member_with_2fa(company)
    other_user, _ = await harness.factory.member_with_2fa(company)
    other_otp = other_user.authenticator.otp(clock())
    return wrong_otp_request(user, token, clock()), otp_request(user, token, other_otp)


async def _wrong_and_expired(harness: AppHarness, clock: Clock) -> tuple[Request, Request]:
    user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
    expired = user.authenticator.otp(clock() - timedelta(minutes=2))
    return wrong_otp_request(user, token, clock()), otp_request(user, token, expired)


async def _wrong_and_used_code(harness: AppHarness, _clock: Clock) -> tuple[Request, Request]:
    user, (token, used) = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=2)
    assert await harness.outcome(backup_code_request(user, used, user.backup_code)) == "LoggedIn"
    return backup_code_request(user, token, "ZZZZZZZZZZ"), backup_code_request(user, token, user.backup_code)


async def _wrong_and_disabled_code(harness: AppHarness, _clock: Clock) -> tuple[Request, Request]:
    first, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
    second, (other_token,) = await harness.factory.member_with_2fa(
        await harness.factory.company(backup_codes_enabled=False)
    )
    return backup_code_request(first, token, "ZZZZZZZZZZ"), backup_code_request(second, other_token, "ZZZZZZZZZZ")


PAIRS = (
    Pair("unknown email", "wrong password", "WrongEmailOrPassword", _unknown_email_and_wrong_password),
    Pair("unknown email", "wrong password, imported hash", "WrongEmailOrPassword", _unknown_email_and_imported_hash),
    Pair("wrong OTP", "replayed OTP", "WrongSecondFactor", _wrong_and_replayed),
    Pair("wrong OTP", "OTP of another user", "WrongSecondFactor", _wrong_and_other_users),
    Pair("wrong OTP", "expired OTP", "WrongSecondFactor", _wrong_and_expired),
    Pair("wrong backup code", "used backup code", "WrongSecondFactor", _wrong_and_used_code),
    Pair("wrong backup code", "code while backup codes are off", "WrongSecondFactor", _wrong_and_disabled_code),
)


async def measure(harness: AppHarness, clock: Clock, pair: Pair, times: int, rng: random.Random) -> Durations:
    """Return the durations of both kinds in seconds. The order within each two requests is random."""
    requests = await pair.prepare(harness, clock)
    durations: Durations = {0: [], 1: []}
    for _ in range(times):
        for kind in rng.sample((0, 1), 2):
            await reset_attempts(harness)
            began = time.perf_counter()
            outcome = await harness.outcome(requests[kind])
            durations[kind].append(time.perf_counter() - began)
            assert outcome == pair.outcome, outcome
    return durations


async def reset_attempts(harness: AppHarness) -> None:
    """Reset failed attempts and delete audit events. No attempt has to wait, and the tables do not grow."""
    async with harness.services.database.transaction():
        await models.AttemptCount.all().update(failures=0, failures_since_sign_in=0)
        await models.SecurityEvent.all().delete()


async def _run(database_url: str, times: int, rng: random.Random) -> int:
    significant = 0
    clock = Clock()
    async with app_harness(
        Settings(database_url=database_url, failures_per_address=1_000_000, strangers_per_address=1_000_000), clock
    ) as harness:
        for pair in PAIRS:
            durations = await measure(harness, clock, pair, times, rng)
            p = mannwhitneyu(durations[0], durations[1]).pvalue
            first, second = (statistics.median(durations[kind]) * 1000 for kind in (0, 1))
            significant += p < SIGNIFICANCE_LEVEL
            print(
                f"  {pair.first:<17} {first:>7.2f} ms   {pair.second:<30} {second:>7.2f} ms   {times:>5} each   "
                f"p = {p:.3f}",
                flush=True,
            )
            clock.advance(CHALLENGE_LIFETIME)
    return significant


def main() -> None:
    """Measure, and print the p-values."""
    # Do not measure the request log.
    configure_logging("ERROR", "text", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=1_000, help="requests of each kind (1,000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random order (1)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to test; both by default")
    given = parser.parse_args()
    significant = 0
    for dialect in given.database or DIALECTS:
        print(f"{dialect}, medians:")
        with database_of(dialect) as url:
            significant += asyncio.run(_run(url, given.times, random.Random(given.seed)))
    print(f"{significant} of the pairs differ significantly (p < {SIGNIFICANCE_LEVEL}).")


if __name__ == "__main__":
    main()
