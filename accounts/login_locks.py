"""Until when strangers have to wait at the login of users, for these users and their admins to see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts import security_policy
from accounts.attempt_limits import password_limit
from accounts.attempt_waits import is_locked, is_waiting, retry_at
from accounts.entities import User
from accounts.identity import email_key
from accounts.services import Services
from models import PASSWORD_FACTOR, AttemptCount, SecondFactorMethod
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


def _lock(rows: Iterable[AttemptCount], now: datetime) -> LoginLock:
    ends, locked = [], []
    for row in rows:
        if row.factor != PASSWORD_FACTOR and is_locked(row.failures_since_sign_in):
            locked.append(row.factor)
        elif is_waiting(row.failures, row.last_attempt_at, now):
            ends.append(retry_at(row.failures, row.last_attempt_at))
    return LoginLock(max(ends, default=None), tuple(sorted(locked)))
