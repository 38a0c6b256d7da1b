"""Race conditions: send requests at the same time from two processes, and check the result.

`python -m tools.attacks.races` makes 10,000 attempts on each database. It prints how many attempts it made, how many
succeeded, and how many violations it found.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from security.constants import BACKUP_CODES_PER_SET
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import DIALECTS, database_of
from tests.support.factories import FactoryUser
from tests.support.operations import DEACTIVATE_TWO_FACTOR, UPDATE_SECURITY_POLICY
from tests.support.scenarios import (
    Request,
    account_state,
    acknowledge_request,
    backup_code_request,
    broken_invariants,
    confirm_request,
    reset_request,
    right_otp_request,
)
from tests.support.users import PASSWORD
from tools.attacks.http_workers import HttpWorkers, http_workers

ROUND_SIZE = 40


@dataclass
class Round:
    """The requests of one round, and the result."""

    user: FactoryUser
    requests: Sequence[Request]
    # The outcome of a successful request.
    success_type: str
    outcomes: Sequence[str] = ()
    # The state of the user's account after the round.
    state: dict[str, Any] = field(default_factory=dict)

    def successes(self) -> int:
        """Return the number of requests that succeeded."""
        return list(self.outcomes).count(self.success_type)


async def one_otp(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Send one OTP for as many challenges as there are requests."""
    user, tokens = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=size)
    return Round(user, [right_otp_request(user, token, clock()) for token in tokens], "LoggedIn")


async def one_backup_code(harness: AppHarness, _clock: Clock, size: int) -> Round:
    """Send one backup code for as many challenges as there are requests."""
    user, tokens = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=size)
    return Round(user, [backup_code_request(user, token, user.backup_code) for token in tokens], "LoggedIn")


async def one_challenge(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Send an OTP and a backup code, both correct, for one challenge."""
    user, (token,) = await harness.factory.member_with_2fa(await harness.factory.company())
    both = [right_otp_request(user, token, clock()), backup_code_request(user, token, user.backup_code)]
    return Round(user, [both[number // 2 % 2] for number in range(size)], "LoggedIn")


async def one_activation(harness: AppHarness, _clock: Clock, size: int) -> Round:
    """Acknowledge one confirmed activation with all requests."""
    user = await harness.factory.member_activating_2fa(await harness.factory.company(), confirmed=True)
    return Round(user, [acknowledge_request(user)] * size, "TwoFactorActivated")


async def one_confirmation(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Confirm one activation with all requests and the same OTP."""
    user = await harness.factory.member_activating_2fa(await harness.factory.company(), confirmed=False)
    return Round(user, [confirm_request(user, clock())] * size, "BackupCodesIssued")


async def deactivation_during_verify(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Let the user deactivate 2FA while other requests complete logins with an OTP."""
    user, tokens = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=size - 2)
    other_request = Request(DEACTIVATE_TWO_FACTOR, {"password": PASSWORD}, user.session_token, user)
    return Round(
        user,
        _insert_twice([right_otp_request(user, token, clock()) for token in tokens], other_request),
        "TwoFactorDeactivated",
    )


async def reset_during_verify(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Let an admin reset the user's 2FA while other requests complete logins with an OTP."""
    company = await harness.factory.company()
    admin = await harness.factory.logged_in_admin(company)
    user, tokens = await harness.factory.member_with_2fa(company, challenges=size - 2)
    other_request = reset_request(admin, user)
    return Round(
        user,
        _insert_twice([right_otp_request(user, token, clock()) for token in tokens], other_request),
        "TwoFactorReset",
    )


async def policy_change_during_confirm(harness: AppHarness, clock: Clock, size: int) -> Round:
    """Let an admin disable backup codes while other requests confirm an activation."""
    company = await harness.factory.company()
    admin = await harness.factory.logged_in_admin(company)
    user = await harness.factory.member_activating_2fa(company, confirmed=False)
    variables = {"password": PASSWORD, "backupCodesEnabled": False}
    other_request = Request(UPDATE_SECURITY_POLICY, variables, admin.session_token, user)
    confirmations = [confirm_request(user, clock())] * (size - 2)
    return Round(user, _insert_twice(confirmations, other_request), "SecurityPolicyUpdated")


def _insert_twice(requests: Sequence[Request], other: Request) -> list[Request]:
    """Return the requests with another request twice in the middle: once for each of the two processes."""
    middle = len(requests) // 2
    return [*requests[:middle], other, other, *requests[middle:]]


def _one_session(round_: Round) -> list[str]:
    """Check that exactly one login succeeded."""
    # The user already had one session.
    return _violation_unless(
        round_.successes() == 1 and round_.state["sessions"] == 2, "not exactly one login succeeded"
    )


def _one_session_by_otp(round_: Round) -> list[str]:
    return _one_session(round_) + _violation_unless(round_.state["used codes"] == 0, "a backup code was used")


def _one_session_by_code(round_: Round) -> list[str]:
    used = (round_.state["used codes"], round_.state["remaining codes"])
    emails = round_.state["emails"].count("backup_code_used")
    return (
        _one_session(round_)
        + _violation_unless(used == (1, BACKUP_CODES_PER_SET - 1), "not exactly one backup code was used")
        + _violation_unless(emails == 1, "not exactly one email was queued")
    )


def _one_session_by_either_factor(round_: Round) -> list[str]:
    used, emails = round_.state["used codes"], round_.state["emails"].count("backup_code_used")
    # If the OTP completed the login, the backup code stays unused.
    return _one_session(round_) + _violation_unless(used == emails <= 1, "a backup code was used without a login")


def _activated_once(round_: Round) -> list[str]:
    once = ("TWO_FACTOR_ACTIVATED", "two_factor_activated")
    counts = Counter([*round_.state["events"], *round_.state["emails"]])
    return _violation_unless(round_.state["active"], "2FA is not active") + _violation_unless(
        all(counts[each] == 1 for each in once), "not exactly one activation event and email"
    )


def _confirmed_once(round_: Round) -> list[str]:
    # Each request gets the same codes.
    return _violation_unless(
        round_.successes() == len(round_.requests), "the right OTP lost to its own duplicate"
    ) + _violation_unless(
        len(round_.state["code sets"]) == round_.state["events"].count("BACKUP_CODES_ISSUED") == 1,
        "not exactly one set of codes",
    )


def _deactivated_once(round_: Round, *, sessions: int) -> list[str]:
    return (
        _violation_unless(round_.successes() == 1, "not deactivated exactly once")
        + _violation_unless(not round_.state["active"], "2FA is active")
        + _violation_unless(round_.state["sessions"] == sessions, "wrong number of sessions")
    )


def _confirmed_under_one_policy(round_: Round) -> list[str]:
    activated, issued = (round_.outcomes.count(each) for each in ("TwoFactorActivated", "BackupCodesIssued"))
    # A retry of the call that activated 2FA returns `TwoFactorActivated` again.
    return (
        _violation_unless(round_.successes() == 2, "the policy was not changed")
        + _violation_unless(not (issued and activated), "confirmed under both policies")
        + _violation_unless(
            round_.state["active"] is (activated > 0), "the state and the result of the activation differ"
        )
        + _violation_unless(round_.state["events"].count("TWO_FACTOR_ACTIVATED") <= 1, "activated twice")
    )


def _violation_unless(holds: object, broken: str) -> list[str]:
    return [] if holds else [broken]


# Each confirmation reserves ten turns in the hashing queue. With a larger round, a turn may not come in time.
SMALL_ROUND_SIZE = 8
ROUND_SIZES = {"one activation, confirmed": SMALL_ROUND_SIZE, "policy change during confirmOtp": SMALL_ROUND_SIZE + 2}

PrepareRound: TypeAlias = Callable[[AppHarness, Clock, int], Awaitable[Round]]
RACES: dict[str, tuple[PrepareRound, Callable[[Round], list[str]]]] = {
    "one OTP, many challenges": (one_otp, _one_session_by_otp),
    "one backup code, many challenges": (one_backup_code, _one_session_by_code),
    "one challenge, OTP and backup code": (one_challenge, _one_session_by_either_factor),
    "one activation, acknowledged": (one_activation, _activated_once),
    "one activation, confirmed": (one_confirmation, _confirmed_once),
    "deactivation during verifyLogin": (
        deactivation_during_verify,
        lambda round_: _deactivated_once(round_, sessions=1),
    ),
    "admin reset during verifyLogin": (reset_during_verify, lambda round_: _deactivated_once(round_, sessions=0)),
    "policy change during confirmOtp": (policy_change_during_confirm, _confirmed_under_one_policy),
}


@dataclass
class RaceRunner:
    """A database, the application that checks it, and two worker processes that send the requests."""

    harness: AppHarness
    clock: Clock
    http_workers: HttpWorkers

    async def run_round(self, name: str) -> tuple[Round, list[str]]:
        """Run one round. Return the round and its violations."""
        prepare, check = RACES[name]
        round_ = await prepare(self.harness, self.clock, ROUND_SIZES.get(name, ROUND_SIZE))
        outcomes = await asyncio.to_thread(self.http_workers.send_concurrently, round_.requests, self.clock())
        async with self.harness.services.database.transaction():
            broken = await broken_invariants(round_.user)
            round_ = replace(round_, outcomes=outcomes, state=await account_state(round_.user))
        return round_, broken + check(round_)


@asynccontextmanager
async def race_runner(database_url: str) -> AsyncIterator[RaceRunner]:
    """Provide a `RaceRunner` until the block ends."""
    # All requests come from one IP address. The IP rate limit must not reject them.
    clock, settings = (
        Clock(),
        Settings(database_url=database_url, failures_per_address=1_000_000, strangers_per_address=1_000_000),
    )
    with http_workers(settings) as workers:
        async with app_harness(settings, clock) as harness:
            yield RaceRunner(harness, clock, workers)


async def _run(dialect: str, database_url: str, attempts: int) -> int:
    total_violations, total_attempts = 0, 0
    async with race_runner(database_url) as runner:
        print(
            f"\n{dialect:<38} {'attempts':>8} {'succeeded':>9} {'rejected':>8} {'unavailable':>11} {'violations':>10}"
        )
        for name in RACES:
            successes, unavailable, violations = 0, 0, list[str]()
            rounds = -(-attempts // (ROUND_SIZES.get(name, ROUND_SIZE) * len(RACES)))
            for _ in range(rounds):
                round_, broken = await runner.run_round(name)
                successes += round_.successes()
                unavailable += list(round_.outcomes).count("SERVICE_UNAVAILABLE")
                violations += broken
            tried = rounds * ROUND_SIZES.get(name, ROUND_SIZE)
            total_attempts += tried
            rejected = tried - successes - unavailable
            print(
                f"  {name:<36} {tried:>8} {successes:>9} {rejected:>8} {unavailable:>11} {len(violations):>10}",
                flush=True,
            )
            for violation, times in Counter(violations).items():
                print(f"    {times} times: {violation}")
            total_violations += len(violations)
    print(f"  {'total':<36} {total_attempts:>8} {total_violations:>41}", flush=True)
    return total_violations


def main() -> None:
    """Run the races and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--attempts", type=int, default=10_000, help="attempts on each database (10,000)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to test; both by default")
    given = parser.parse_args()
    violations = 0
    for dialect in given.database or DIALECTS:
        with database_of(dialect) as url:
            violations += asyncio.run(_run(dialect, url, given.attempts))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
