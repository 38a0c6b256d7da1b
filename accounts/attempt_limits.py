"""Attempt limits. The server reserves an attempt before it checks a password or code, and releases it after success.

One conditional statement reserves an attempt. So the limit holds for any number of simultaneous attempts, over any
number of connections, processes, challenges and IP addresses.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.queryset import QuerySet

from accounts.attempt_waits import attempts_remaining, is_locked, retry_at, waits
from accounts.errors import FailedAttemptError, SecondFactorLockedError
from accounts.services import Client, Services
from models import PASSWORD_FACTOR, AttemptCount
from models.sql import attempt_counts
from security.constants import CLOCK_SLACK, SECOND_FACTOR_FAILURES_ALLOWED
from security.errors import TooManyAttemptsError

# Wrong passwords cause waits but never a lock. No count reaches this number.
NEVER_LOCKED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """The attempt limit of one account for one factor. Only a success of this account resets it."""

    subject: str
    factor: str


def password_limit(services: Services, email_key: str) -> AttemptLimit:
    """Return the limit for the password of an email, whether a user has the email or not.

    The database stores a keyed hash of the email with it, not the email.
    """
    return AttemptLimit(services.key_ring.keyed_hash("password attempts", email_key), PASSWORD_FACTOR)


def second_factor_limit(user_id: UUID, factor: str) -> AttemptLimit:
    """Return the limit for a second factor of a user."""
    return AttemptLimit(user_id.hex, factor)


async def reserve_attempt(limit: AttemptLimit, now: datetime) -> None:
    """Reserve the next attempt. It counts as a failure until it is released.

    Raises:
        SecondFactorLockedError: The factor had too many failures between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait.
    """
    is_reserved = await attempt_counts.reserve_attempt(
        limit.subject,
        limit.factor,
        now,
        waits=waits(),
        locked_at=NEVER_LOCKED if limit.factor == PASSWORD_FACTOR else SECOND_FACTOR_FAILURES_ALLOWED,
        trusted_until=now + CLOCK_SLACK,
    )
    if not is_reserved:
        await remaining_attempts(limit, now)
        # The wait ended between the two statements. Answer as if the attempt came just before.
        raise TooManyAttemptsError(now.replace(microsecond=0) + timedelta(seconds=1))


async def remaining_attempts(limit: AttemptLimit, now: datetime) -> int:
    """Return the number of attempts before the next wait, for input that is rejected without a check.

    Raises:
        SecondFactorLockedError: The factor had too many failures between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait.
    """
    row = await _rows(limit).first()
    if row is None:
        return attempts_remaining(0)
    if limit.factor != PASSWORD_FACTOR and is_locked(row.failures_since_sign_in):
        raise SecondFactorLockedError
    next_attempt_at = retry_at(row.failures, row.last_attempt_at)
    is_trusted = row.last_attempt_at <= now + CLOCK_SLACK
    if attempts_remaining(row.failures) == 0 and next_attempt_at > now and is_trusted:
        raise TooManyAttemptsError(next_attempt_at)
    return attempts_remaining(row.failures)


async def count_of(limit: AttemptLimit) -> AttemptCount:
    """Return the count of a limit for which an attempt was reserved."""
    return await _rows(limit).get()


async def release_password_attempt(limit: AttemptLimit) -> None:
    """Reset the wait of a password after a right one. The limits of the second factors do not change."""
    await attempt_counts.reset_wait(limit.subject, limit.factor)


async def release_second_factor_attempts(user_id: UUID, factor: str) -> None:
    """Reset the counts of all second factors after a completed sign-in, except for another factor that is locked."""
    await attempt_counts.reset_unlocked_factors(user_id.hex, factor, locked_at=SECOND_FACTOR_FAILURES_ALLOWED)


async def delete_second_factor_counts(user_id: UUID) -> None:
    """Delete the counts of a user whose second factor is removed."""
    await AttemptCount.filter(subject=user_id.hex).delete()


def _rows(limit: AttemptLimit) -> QuerySet[AttemptCount]:
    return AttemptCount.filter(subject=limit.subject, factor=limit.factor)


@asynccontextmanager
async def ip_rate_limited(services: Services, client: Client) -> AsyncIterator[None]:
    """Run an attempt under the IP rate limit. Count it if the server checked it and it failed.

    Raises:
        TooManyAttemptsError: The IP address had too many failures within ten minutes. The server checked nothing.
    """
    await services.ip_rate_limiter.require_allowed(client.ip_address, services.now())
    try:
        yield
    except FailedAttemptError as error:
        if error.was_checked:
            await services.ip_rate_limiter.record_failure(client.ip_address)
        raise
