"""Attempt limits. The server reserves an attempt before it checks a password or code, and releases it after success.

One conditional statement reserves an attempt. So the limit holds for any number of simultaneous attempts, over any
number of connections, processes, challenges and IP addresses.

Who asks determines the limit: a live session, a known device, or a stranger. So no stranger can make an owner wait.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

import models
from accounts.attempt_waits import attempts_remaining, is_locked, is_waiting, retry_at, waits
from accounts.errors import FailedAttemptError, SecondFactorLockedError
from accounts.services import Client, Services
from models import (
    KNOWN_DEVICE,
    PASSWORD_FACTOR,
    REAUTHENTICATION,
    SESSION_FACTOR,
    VOUCHER_FACTOR,
    AttemptCount,
)
from models.sql import attempt_counts
from security.constants import CLOCK_SLACK, DEVICE_FAILURES_ALLOWED, FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED
from security.errors import DomainError, TooManyAttemptsError
from security.password_hashing import Hasher

ResultT = TypeVar("ResultT")

# Wrong passwords cause waits but never a lock. No count reaches this number.
NEVER_LOCKED = 2**31 - 1
# A check takes less, also if it has to wait for its turn in the hashing queue.
LONGEST_CHECK = timedelta(minutes=1)
# How long an attempt waits for the results of simultaneous ones, two seconds in all.
WAITS_FOR_RESULTS_S = (0.05, 0.1, 0.2, 0.4, 0.6, 0.65)


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """The attempt limit of one account for one factor and one kind of asker. Only a success of this kind resets it."""

    subject: str
    factor: str
    # The number of failures between two completed sign-ins after which the factor is locked.
    failures_allowed: int = NEVER_LOCKED


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures under a limit after one more. Attempts that the server still checks count as failures."""

    in_a_row: int
    since_sign_in: int
    undecided: int
    # The end of the wait before the next attempt. None if there is no wait, or if the factor is locked.
    next_attempt_at: datetime | None = None

    @property
    def attempts_remaining(self) -> int:
        """The number of attempts before the next wait."""
        return attempts_remaining(self.in_a_row)


class UndecidedAttemptsError(DomainError):
    """Raised when the next attempt has to wait for the results of attempts that the server still checks."""

    def __init__(self, if_they_fail: DomainError) -> None:
        super().__init__()
        self.if_they_fail = if_they_fail


def password_limit(services: Services, email_key: str) -> AttemptLimit:
    """Return the limit of strangers for the password of an email, whether a user has the email or not.

    The database stores a keyed hash of the email with it, not the email.
    """
    return AttemptLimit(services.key_ring.keyed_hash("password attempts", email_key), PASSWORD_FACTOR)


def second_factor_limit(user_id: UUID, factor: str) -> AttemptLimit:
    """Return the limit of strangers for a second factor of a user."""
    return AttemptLimit(user_id.hex, factor, SECOND_FACTOR_FAILURES_ALLOWED)


def known_device_limit(device_id: UUID) -> AttemptLimit:
    """Return the limit of a known device for password and second factors together."""
    return AttemptLimit(device_id.hex, KNOWN_DEVICE, DEVICE_FAILURES_ALLOWED)


def reauthentication_limit(session_id: UUID) -> AttemptLimit:
    """Return the limit of a live session for the password."""
    return AttemptLimit(session_id.hex, REAUTHENTICATION)


def second_factor_of_session_limit(session_id: UUID) -> AttemptLimit:
    """Return the limit of a live session for second factors, which changes can require."""
    return AttemptLimit(session_id.hex, SESSION_FACTOR)


def voucher_limit(user_id: UUID) -> AttemptLimit:
    """Return the limit for the voucher of a user, in all their sessions together."""
    return AttemptLimit(_subject_of_voucher(user_id), VOUCHER_FACTOR, SECOND_FACTOR_FAILURES_ALLOWED)


def _subject_of_voucher(user_id: UUID) -> str:
    # Other than that of the second factors, with which a login locks: nobody enters a voucher at a login.
    return f"voucher:{user_id.hex}"


async def reserve_attempt(limit: AttemptLimit, now: datetime) -> None:
    """Reserve the next attempt. It counts as a failure until it is released.

    Raises:
        SecondFactorLockedError: There were too many failures between two completed sign-ins.
        UndecidedAttemptsError: The next attempt has to wait for the results of attempts that the server still checks.
        TooManyAttemptsError: The next attempt has to wait.
    """
    is_reserved = await attempt_counts.reserve_attempt(
        limit.subject,
        limit.factor,
        now,
        waits=waits(),
        locked_at=limit.failures_allowed,
        trusted_until=now + CLOCK_SLACK,
    )
    if not is_reserved:
        row = await _rows(limit).first()
        refusal = (row and _refusal(limit, row, now)) or _just_before(now)
        raise UndecidedAttemptsError(refusal) if row and _has_undecided_attempts(row, now) else refusal


def _has_undecided_attempts(row: AttemptCount, now: datetime) -> bool:
    """Return whether the server still checks attempts. A process that died has left others, which count as failures."""
    return row.undecided > 0 and row.last_attempt_at > now - LONGEST_CHECK


async def reserve_when_decided(reserve: Callable[[], Awaitable[ResultT]], hasher: Hasher | None = None) -> ResultT:
    """Call a function that reserves an attempt, in a transaction. Wait while simultaneous attempts have all places.

    Otherwise several right passwords at the same time would make each other wait for 30 seconds. The place in the
    hashing queue is free for others during the wait.
    """
    for wait_s in WAITS_FOR_RESULTS_S:
        try:
            return await reserve()
        except UndecidedAttemptsError:
            if hasher is not None:
                hasher.end_turn()
            await asyncio.sleep(wait_s)
    try:
        return await reserve()
    except UndecidedAttemptsError as error:
        raise error.if_they_fail from None


async def remaining_attempts(limit: AttemptLimit, now: datetime) -> int:
    """Return the number of attempts before the next wait, for input that is rejected without a check.

    Raises:
        SecondFactorLockedError: There were too many failures between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait.
    """
    return _remaining_attempts(limit, await _rows(limit).first(), now)


async def attempts_left(limit: AttemptLimit, now: datetime) -> tuple[int, datetime | None]:
    """Return the number of attempts before the next wait, and the end of the wait if it has started."""
    try:
        return await remaining_attempts(limit, now), None
    except TooManyAttemptsError as error:
        return 0, error.retry_at
    except SecondFactorLockedError:
        return 0, None


def _remaining_attempts(limit: AttemptLimit, row: AttemptCount | None, now: datetime) -> int:
    if row is None:
        return attempts_remaining(0)
    if refusal := _refusal(limit, row, now):
        raise refusal
    return attempts_remaining(row.failures)


def _refusal(limit: AttemptLimit, row: AttemptCount, now: datetime) -> DomainError | None:
    if row.failures_since_sign_in >= limit.failures_allowed:
        return SecondFactorLockedError()
    if is_waiting(row.failures, row.last_attempt_at, now):
        return TooManyAttemptsError(retry_at(row.failures, row.last_attempt_at))
    return None


def _just_before(now: datetime) -> DomainError:
    """Return the answer to an attempt whose wait ended between two statements: as if it came just before."""
    return TooManyAttemptsError(now.replace(microsecond=0) + timedelta(seconds=1))


async def record_failure(limit: AttemptLimit, user_of_email: UUID | None = None) -> Failures:
    """Record that the attempt failed that was reserved under a limit, and which user has the email of the attempt."""
    row = await attempt_counts.record_failure(limit.subject, limit.factor, user_of_email)
    if row is None:
        # The count was deleted after the attempt was reserved, for example together with the second factor.
        return Failures(1, 1, 0)
    may_wait = attempts_remaining(row.failures) == 0 and row.failures_since_sign_in < limit.failures_allowed
    next_attempt_at = retry_at(row.failures, row.last_attempt_at) if may_wait else None
    return Failures(row.failures, row.failures_since_sign_in, row.undecided, next_attempt_at)


async def release_attempt(limit: AttemptLimit) -> None:
    """Take back the attempt that was reserved under a limit. The failures before it still count."""
    await attempt_counts.release(limit.subject, limit.factor)


async def reset_wait(limit: AttemptLimit) -> None:
    """Start the failures in a row over, after a success. The failures since the last sign-in still count."""
    await attempt_counts.reset_wait(limit.subject, limit.factor)


async def reset_known_device_limit(device_id: UUID) -> None:
    """Start all failures of a known device over, after a sign-in that was completed on it."""
    await attempt_counts.reset_unlocked_factors(device_id.hex, KNOWN_DEVICE, locked_at=DEVICE_FAILURES_ALLOWED)


async def locked_second_factors(user_id: UUID) -> set[str]:
    """Return the second factors of a user that are locked for strangers."""
    rows = await AttemptCount.filter(subject=user_id.hex)
    return {row.factor for row in rows if is_locked(row.failures_since_sign_in)}


async def reset_second_factor_limits(user_id: UUID, factor: str) -> None:
    """Reset all limits of strangers for second factors of a user after a sign-in that a stranger completed.

    Another factor that is locked stays locked.
    """
    await attempt_counts.reset_unlocked_factors(user_id.hex, factor, locked_at=SECOND_FACTOR_FAILURES_ALLOWED)


async def delete_second_factor_counts(user_id: UUID) -> None:
    """Delete the counts of a user whose second factor is removed, and those of their voucher."""
    await AttemptCount.filter(subject__in=[user_id.hex, _subject_of_voucher(user_id)]).delete()


async def delete_voucher_count(user_id: UUID) -> None:
    """Delete the count of a voucher that is no longer needed."""
    await _rows(voucher_limit(user_id)).delete()


async def end_locks_of_strangers(services: Services, user: models.User) -> bool:
    """Delete the counts after which strangers have to wait, or a second factor is locked. Return whether there was any.

    A wait that is over counts too: its count would make the wait after the next failure longer.
    """
    password, factors = password_limit(services, user.email_key).subject, user.id.hex
    waiting = Q(subject__in=[password, factors], failures__gte=FREE_ATTEMPTS)
    # Only second factors are locked.
    locked = Q(subject=factors, failures_since_sign_in__gte=SECOND_FACTOR_FAILURES_ALLOWED)
    return await AttemptCount.filter(waiting | locked).delete() > 0


def _rows(limit: AttemptLimit) -> QuerySet[AttemptCount]:
    return AttemptCount.filter(subject=limit.subject, factor=limit.factor)


@dataclass(slots=True)
class IpRateLimit:
    """The IP rate limit of an attempt. Require it of strangers: many people may share the address of a known device."""

    retry_at: datetime | None
    is_required: bool = False

    def require_allowed(self) -> None:
        """Allow the attempt, unless the IP address had too many failures within ten minutes.

        Raises:
            TooManyAttemptsError: It had. The server checked nothing.
        """
        self.is_required = True
        if self.retry_at is not None:
            raise TooManyAttemptsError(self.retry_at)


@asynccontextmanager
async def ip_rate_limited(services: Services, client: Client) -> AsyncIterator[IpRateLimit]:
    """Run an attempt that the block requires to be allowed. Count it if the server checked it and it failed."""
    limit = IpRateLimit(await services.ip_rate_limiter.retry_at(client.ip_address, services.now()))
    try:
        yield limit
    except FailedAttemptError as error:
        if error.was_checked:
            await services.ip_rate_limiter.record_failure(client.ip_address)
        if limit.is_required:
            error.add_wait(await services.ip_rate_limiter.retry_at(client.ip_address, services.now()))
        raise
