"""Delete expired rows, and fold the changes of user counts. One process does it at a time."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from accounts.lapsed_challenges import delete_lapsed_challenges
from accounts.services import Services
from models import KNOWN_DEVICE, PASSWORD_FACTOR, REAUTHENTICATION, SESSION_FACTOR
from models.database import CLEANUP_LOCK, LockTaken
from models.sql.cleanup import (
    Deleted,
    delete_events_of_unknown_emails,
    delete_expired_activations,
    delete_expired_replacements,
    delete_expired_sessions,
    delete_idle_counts,
    delete_idle_devices,
    delete_idle_sessions,
    delete_sent_emails,
)
from models.sql.user_counts import fold_oldest_changes
from security.constants import (
    IDLE_PASSWORD_COUNTS_KEPT,
    KNOWN_DEVICE_IDLE_LIFETIME,
    SENT_EMAILS_KEPT,
    SESSION_IDLE_LIFETIME,
    SESSION_LIFETIME,
    UNKNOWN_EMAIL_EVENTS_KEPT,
)

# The number of rows that one transaction deletes or folds on each database, so that it does not hold its locks for
# long. It takes about 20 ms of the database's CPU time at most (`make bench-cleanup`).
BATCHES: Mapping[str, int] = {"sqlite": 100, "postgres": 1000}
# The first batch is smaller, and the next ones grow. A new connection of PostgreSQL reads its catalogs first, which
# takes about as long as the deletion of a batch.
FIRST_BATCH_DIVISOR = 100
# No row is older.
BEGINNING = datetime.min.replace(tzinfo=UTC)


class DeleteBatch(Protocol):
    """Deletes the oldest rows that expired between two times."""

    async def __call__(self, since: datetime, until: datetime, /, *, at_most: int) -> Deleted: ...


@dataclass(frozen=True, slots=True)
class ExpiringRows:
    """Rows that are deleted some time after the time in one of their columns."""

    delete_batch: DeleteBatch
    kept: timedelta = timedelta()
    # How many times as much as another row it costs to delete one.
    cost: float = 1

    def batches(self, dialect: str) -> Iterator[int]:
        """Yield the number of rows that each transaction deletes at most."""
        largest = int(BATCHES[dialect] / self.cost)
        batch = max(largest // FIRST_BATCH_DIVISOR, 1)
        while True:
            yield batch
            batch = min(2 * batch, largest)


KINDS: Mapping[str, ExpiringRows] = {
    "expired challenges": ExpiringRows(delete_lapsed_challenges),
    "expired activations": ExpiringRows(delete_expired_activations, cost=1.25),
    "expired replacements of backup codes": ExpiringRows(delete_expired_replacements),
    "expired sessions": ExpiringRows(delete_expired_sessions),
    "idle sessions": ExpiringRows(delete_idle_sessions, SESSION_IDLE_LIFETIME),
    "sent emails": ExpiringRows(delete_sent_emails, SENT_EMAILS_KEPT),
    "idle known devices": ExpiringRows(delete_idle_devices, KNOWN_DEVICE_IDLE_LIFETIME),
    "idle attempt counts of passwords": ExpiringRows(
        partial(delete_idle_counts, PASSWORD_FACTOR), IDLE_PASSWORD_COUNTS_KEPT
    ),
    # No session lives longer than its count, and no known device.
    "idle attempt counts of sessions": ExpiringRows(partial(delete_idle_counts, REAUTHENTICATION), SESSION_LIFETIME),
    "idle attempt counts of second factors in sessions": ExpiringRows(
        partial(delete_idle_counts, SESSION_FACTOR), SESSION_LIFETIME
    ),
    "idle attempt counts of known devices": ExpiringRows(
        partial(delete_idle_counts, KNOWN_DEVICE), KNOWN_DEVICE_IDLE_LIFETIME
    ),
    "events of unknown emails": ExpiringRows(delete_events_of_unknown_emails, UNKNOWN_EMAIL_EVENTS_KEPT),
}


async def clean_up(services: Services) -> AsyncIterator[int]:
    """Delete expired rows, then fold the changes of the number of users. Yield a number after each transaction."""
    for work in (delete_expired_rows, fold_user_counts):
        async for rows in work(services):
            yield rows


async def delete_expired_rows(services: Services) -> AsyncIterator[int]:
    """Delete all expired rows in batches. Yield the number of deleted rows after each transaction.

    If another process deletes expired rows at the same time, stop and leave the rest to it.
    """
    for kind in KINDS.values():
        try:
            async for deleted in delete_expired_rows_of(services, kind):
                yield deleted
        except LockTaken:
            return


async def delete_expired_rows_of(services: Services, kind: ExpiringRows) -> AsyncIterator[int]:
    """Delete all expired rows of one kind in batches. Yield the number of deleted rows after each transaction.

    Raises:
        LockTaken: Another process deletes expired rows.
    """
    since, newest_before, last_at_most = BEGINNING, BEGINNING, 0
    for at_most in kind.batches(services.database.dialect):
        async with services.database.exclusive_transaction(CLEANUP_LOCK):
            rows, newest = await kind.delete_batch(since, services.now() - kind.kept, at_most=at_most)
        yield rows
        # If no larger batch gets further, others have locked the rows. The next cleanup deletes them.
        if newest is None or (not rows and (newest, at_most) == (since, last_at_most)):
            return
        # The next batch starts where this one did, unless others have locked all its rows. Now that the deletion is
        # committed, PostgreSQL marks the index entries of its rows as dead. Otherwise the next cleanup would do that
        # for all entries at once.
        since = newest_before if rows else newest
        newest_before, last_at_most = newest, at_most


async def fold_user_counts(services: Services) -> AsyncIterator[int]:
    """Fold all changes of the number of users into one row for each state. Yield their number after each transaction.

    If another process deletes expired rows or folds changes at the same time, stop and leave the rest to it.
    """
    at_most = folded = BATCHES[services.database.dialect]
    while folded == at_most:
        try:
            async with services.database.exclusive_transaction(CLEANUP_LOCK):
                folded = await fold_oldest_changes(at_most=at_most)
        except LockTaken:
            return
        yield folded
