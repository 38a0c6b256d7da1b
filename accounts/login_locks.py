"""Until when strangers have to wait at the login of users, for these users and their admins to see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q

from accounts import security_policy
from accounts.attempt_limits import password_limit
from accounts.attempt_waits import is_locked, is_waiting, retry_at, waits
from accounts.entities import Company, User
from accounts.identity import email_key
from accounts.services import Services
from models import PASSWORD_FACTOR, AttemptCount, SecondFactorMethod
from models.locked_users import LockedUsers
from security.constants import CLOCK_SLACK, SECOND_FACTOR_FAILURES_ALLOWED
from security.time_slices import map_in_slices


@dataclass(frozen=True, slots=True)
class LoginLock:
    """What strangers have to wait for. Known devices have limits of their own, and do not wait with them."""

    # The end of the longest wait, or None if no attempt has to wait.
    until: datetime | None
    # The second factors of which the server checks no more attempts.
    second_factors: tuple[str, ...]


async def find_login_locks(services: Services, users: Sequence[User]) -> list[LoginLock]:
    """Return what strangers have to wait for at the login of each user, in one SQL statement."""
    distinct = list({user.id: user for user in users}.values())
    # Each takes a keyed hash.
    subjects = await map_in_slices(lambda user: password_limit(services, email_key(user.email) or "").subject, distinct)
    user_of = dict(zip(subjects, distinct, strict=True)) | {user.id.hex: user for user in distinct}
    async with services.database.reading():
        rows = await AttemptCount.filter(subject__in=list(user_of))
    rows_of: dict[UUID, list[AttemptCount]] = {user.id: [] for user in distinct}
    for row in rows:
        user = user_of[row.subject]
        if row.factor != SecondFactorMethod.BACKUP_CODE or security_policy.backup_codes_enabled(user.company):
            rows_of[user.id].append(row)
    now = services.now()
    return [_lock(rows_of[user.id], now) for user in users]


def locked_users(company: Company, now: datetime) -> Q:
    """Return the condition for the users of a company account for whom `find_login_locks` finds a lock."""
    # The end of a wait is rounded up to a whole second.
    whole_second = now.replace(microsecond=0)
    return LockedUsers(
        {failures: whole_second - wait for failures, wait in waits()},
        trusted_until=now + CLOCK_SLACK,
        locked_at=SECOND_FACTOR_FAILURES_ALLOWED,
        ignored_factor=None if security_policy.backup_codes_enabled(company) else SecondFactorMethod.BACKUP_CODE,
    )


def _lock(rows: Iterable[AttemptCount], now: datetime) -> LoginLock:
    ends, locked = [], []
    for row in rows:
        if row.factor != PASSWORD_FACTOR and is_locked(row.failures_since_sign_in):
            locked.append(row.factor)
        elif is_waiting(row.failures, row.last_attempt_at, now):
            ends.append(retry_at(row.failures, row.last_attempt_at))
    return LoginLock(max(ends, default=None), tuple(sorted(locked)))
