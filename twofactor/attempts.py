"""Budgets of attempts: an attempt is claimed before it is checked, and success gives it back.

Claiming is one conditional statement, so that however many attempts arrive at once, over however many connections,
processes, challenges or addresses, no more of them are looked at than the account has left.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from tortoise.queryset import QuerySet

from models import AttemptBudget, Factor
from models.statements import change, returning
from twofactor.environment import Client, Environment
from twofactor.errors import AttemptRefusedError, SecondFactorLockedError, TooManyAttemptsError
from twofactor.rules.attempts import attempts_remaining, is_locked, retry_at, waits
from twofactor.rules.policy import CLOCK_SLACK, SECOND_FACTOR_FAILURES_ALLOWED

# More failures than there can be: wrong passwords bring waits only.
NEVER_STOPS = 2**31 - 1

RESET_WAIT = "UPDATE attempt_budget SET failures = 0 WHERE subject = $1 AND factor = $2"
GIVE_BACK = """
    UPDATE attempt_budget SET failures = 0, failures_since_sign_in = 0
    WHERE subject = $1 AND (factor = $2 OR failures_since_sign_in < $3)
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """The attempts of one account at one factor. It belongs to the account, so nothing but its success resets it."""

    subject: str
    factor: Factor


def password_budget(env: Environment, email_key: str) -> Budget:
    """The budget of a password: kept by a keyed hash of the email, whether an account has it or not."""
    return Budget(env.key_ring.keyed_hash("password budget", email_key), Factor.PASSWORD)


def second_factor_budget(user_id: UUID, factor: Factor) -> Budget:
    """The budget of a second factor of a user."""
    return Budget(user_id.hex, factor)


async def claim(budget: Budget, now: datetime) -> None:
    """Claim the next attempt. It counts as failed until it is given back.

    Raises:
        SecondFactorLockedError: The factor was wrong too often between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait.
    """
    if not await _claim(budget, now):
        await remaining(budget, now)
        # The wait ended between the two statements: as good as having come that much later.
        raise TooManyAttemptsError(now.replace(microsecond=0) + timedelta(seconds=1))


async def _claim(budget: Budget, now: datetime) -> bool:
    stops_at = NEVER_STOPS if budget.factor is Factor.PASSWORD else SECOND_FACTOR_FAILURES_ALLOWED
    since = (now - wait for _, wait in waits())
    return bool(await returning(_claiming(), budget.subject, budget.factor, now, stops_at, *since, now + CLOCK_SLACK))


@cache
def _claiming() -> str:
    """The statement that claims an attempt, if the wait after the failures so far is over.

    The first one makes the row: that an email was never tried, as that of an account hardly is, must not show in the
    time.
    """
    (fewest, _), *_ = table = waits()
    is_over = [f"attempt_budget.failures < {fewest}"]
    for value, (failures, _) in enumerate(table, 5):
        compared = ">=" if failures == table[-1][0] else "="
        is_over.append(f"attempt_budget.failures {compared} {failures} AND attempt_budget.last_attempt_at <= ${value}")
    is_over.append(f"attempt_budget.last_attempt_at > ${5 + len(table)}")
    return f"""
        INSERT INTO attempt_budget (subject, factor, failures, failures_since_sign_in, last_attempt_at)
        VALUES ($1, $2, 1, 1, $3)
        ON CONFLICT (subject, factor) DO UPDATE
        SET failures = attempt_budget.failures + 1,
            failures_since_sign_in = attempt_budget.failures_since_sign_in + 1,
            last_attempt_at = $3
        WHERE attempt_budget.failures_since_sign_in < $4 AND ({" OR ".join(is_over)})
        RETURNING id
    """  # noqa: S608  # nothing but numbers of ours


async def remaining(budget: Budget, now: datetime) -> int:
    """How many attempts may be wrong before the next wait; for what is refused without being checked.

    Raises:
        SecondFactorLockedError: The factor was wrong too often between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait.
    """
    row = await _rows(budget).first()
    if row is None:
        return attempts_remaining(0)
    if budget.factor is not Factor.PASSWORD and is_locked(row.failures_since_sign_in):
        raise SecondFactorLockedError
    next_attempt_at = retry_at(row.failures, row.last_attempt_at)
    is_believed = row.last_attempt_at <= now + CLOCK_SLACK
    if attempts_remaining(row.failures) == 0 and next_attempt_at > now and is_believed:
        raise TooManyAttemptsError(next_attempt_at)
    return attempts_remaining(row.failures)


async def failures(budget: Budget) -> AttemptBudget:
    """What is counted, after an attempt that was claimed."""
    return await _rows(budget).get()


async def give_back_password(budget: Budget) -> None:
    """The password was right: the wait starts over. Nothing of the second factor is reset by it."""
    await change(RESET_WAIT, budget.subject, budget.factor)


async def give_back_second_factor(user_id: UUID, factor: Factor) -> None:
    """A sign-in was completed with this factor: both start over, but for another factor that is locked."""
    await change(GIVE_BACK, user_id.hex, factor, SECOND_FACTOR_FAILURES_ALLOWED)


async def forget_second_factor(user_id: UUID) -> None:
    """The second factor is gone, and with it what was counted."""
    await AttemptBudget.filter(subject=user_id.hex).delete()


def _rows(budget: Budget) -> QuerySet[AttemptBudget]:
    return AttemptBudget.filter(subject=budget.subject, factor=budget.factor)


@asynccontextmanager
async def counted_by_address(env: Environment, client: Client) -> AsyncIterator[None]:
    """Admit an attempt from an address, and count it there if it was looked at and failed.

    Raises:
        TooManyAttemptsError: Too many attempts from this address failed lately.
    """
    await env.addresses.admit(client.ip_address, env.now())
    try:
        yield
    except AttemptRefusedError as refusal:
        if refusal.was_checked:
            await env.addresses.count_failure(client.ip_address)
        raise
