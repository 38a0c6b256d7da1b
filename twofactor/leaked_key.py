"""After a leak of an encryption key: reset the 2FA of each user whose TOTP secret somebody else may have decrypted.

Rotation does not help. It encrypts the same secrets again, and somebody with the old key and a copy of the database has
decrypted them already.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import models
from accounts.services import Client, Services
from models.sql.users import company_of, lock_user
from twofactor.key_rotation import tables_with_secrets
from twofactor.removal import normalise_reason, remove_two_factor, reset_locked_user

# The number of users that one SELECT finds.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Leak:
    """Whose secrets have leaked: those that the key encrypts now, and those of everybody who had 2FA at a time.

    The time is for a key that a rotation has replaced since, and for an old copy of the database.
    """

    key_id: str
    activated_before: datetime | None = None


async def count_affected_users(services: Services, leak: Leak) -> int:
    """Return the number of users whose secrets have leaked."""
    async with services.database.reading():
        return len(await _affected_users(leak))


async def reset_affected_users(services: Services, leak: Leak, reason: str | None) -> AsyncIterator[int]:
    """Reset the 2FA of each affected user, and delete their activations, in batches. Yield the size of each batch.

    The reset of each user is a transaction of its own, with the audit event and the email of a reset by the operator.
    So the function may run while the server runs, and an operator may stop and repeat it at any time.

    Raises:
        InvalidInputError: The reason is longer than 500 characters, or is not plain text.
    """
    reason = normalise_reason(reason)
    while True:
        async with services.database.reading():
            user_ids = await _affected_users(leak, at_most=BATCH)
        for user_id in user_ids:
            await _reset_if_affected(services, leak, user_id, reason)
        if not user_ids:
            break
        yield len(user_ids)


async def _reset_if_affected(services: Services, leak: Leak, user_id: UUID, reason: str | None) -> None:
    async with services.database.transaction():
        user = await lock_user(user_id)
        # Check again under the lock. The user may have set up 2FA again in the meantime, under another key.
        if user is None or not await _is_affected(leak, user):
            return
        if user.two_factor_activated_at is None:
            await remove_two_factor(user)
        else:
            company = await company_of(user)
            # Nobody gets a voucher for each of so many users. If they need one, an admin resets them again.
            await reset_locked_user(Client(), user, company, services.now(), by=None, reason=reason, new=None)


async def _is_affected(leak: Leak, user: models.User) -> bool:
    if leak.activated_before and user.two_factor_activated_at and user.two_factor_activated_at < leak.activated_before:
        return True
    tables = tables_with_secrets()
    return any([await table.filter(user_id=user.id, key_id=leak.key_id).exists() for table in tables])


async def _affected_users(leak: Leak, *, at_most: int | None = None) -> set[UUID]:
    """Return the ids of affected users. With `at_most`, return some of them if there are any."""
    found: set[UUID] = set()
    for table in tables_with_secrets():
        rows = table.filter(key_id=leak.key_id)
        limited = rows.limit(at_most) if at_most else rows
        found.update(user_id for (user_id,) in await limited.values_list("user_id"))
    if leak.activated_before is not None:
        users = models.User.filter(two_factor_activated_at__lt=leak.activated_before)
        some = users.limit(at_most) if at_most else users
        found.update(user_id for (user_id,) in await some.values_list("id"))
    return found
