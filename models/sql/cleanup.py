"""Delete expired rows, a batch at a time.

Each statement reads its rows in the order of one index, so that it reads no other rows. On PostgreSQL it skips rows
that another transaction has locked. So a cleanup waits for nobody, and cannot deadlock.

Each function deletes the oldest rows between two times and returns the times of the deleted rows. Give the newest of
them to the next call: the index of PostgreSQL still has the entries of deleted rows, and the next call would read them.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from models.outbox_email import EmailState
from models.security_event import SecurityEventKind
from models.sql.execution import FOR_UPDATE, dialect, execute, execute_returning, select

DELETE = {
    "sqlite": """
        DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE {expired} ORDER BY {index} LIMIT {at_most}
        )
        RETURNING {time} AS time
    """,
    # An array, because PostgreSQL may run a subquery of IN several times, and then lock other rows each time. The
    # DELETE repeats the condition, so that a row that was renewed in the meantime stays. `IS TRUE` keeps PostgreSQL
    # from using the index a second time instead of the places of the rows.
    "postgres": """
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(
            SELECT {table}.ctid FROM {table} {join} WHERE {expired} ORDER BY {index} LIMIT {at_most}
            {for_update} SKIP LOCKED
        )) AND ({expired}) IS TRUE
        RETURNING {time} AS time
    """,
}

# With old statistics PostgreSQL would estimate that it is cheaper to read the whole table, or to sort all expired rows.
# A cleanup that a crash undoes is repeated, so the commit does not wait for the disk.
SET_UP_POSTGRES = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true)
"""


EXPIRED_CHALLENGES = """
    SELECT challenge.id, challenge.user_id, challenge.created_at, challenge.expires_at, challenge.ip_address,
        challenge.user_agent, challenge.device_id, user_account.warnings_sent
    FROM challenge JOIN user_account ON user_account.id = challenge.user_id
    WHERE challenge.expires_at >= $1 AND challenge.expires_at <= $2
    ORDER BY challenge.expires_at LIMIT {at_most} {lock}
"""
# A client that loads the page again opens another challenge, and the first one expires.
CHALLENGES_OF_CLIENTS_THAT_LOGGED_IN = """
    SELECT id FROM challenge WHERE {with_ids} AND EXISTS (
        SELECT 1 FROM security_event
        WHERE security_event.user_id = challenge.user_id AND occurred_at >= challenge.created_at AND kind = '{login}'
            AND COALESCE(security_event.ip_address, '') = COALESCE(challenge.ip_address, '')
            AND COALESCE(security_event.user_agent, '') = COALESCE(challenge.user_agent, '')
    )
"""
DELETE_CHALLENGES = "DELETE FROM challenge WHERE {with_ids}"
WITH_IDS = {"sqlite": "id IN (SELECT value FROM json_each($1))", "postgres": "id = ANY ($1)"}


class ExpiredChallenge(NamedTuple):
    """What the cleanup has to know about an expired challenge and its user."""

    id: UUID
    user_id: UUID
    created_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    is_of_known_device: bool
    warnings_sent: dict[str, str] | None


async def lock_expired_challenges(since: datetime, until: datetime, *, at_most: int) -> Sequence[ExpiredChallenge]:
    """Lock the oldest challenges that expired between two times, and return them. The users' rows are not locked."""
    await _avoid_other_plans()
    lock = f"{FOR_UPDATE} OF challenge SKIP LOCKED" if dialect() == "postgres" else ""
    rows = await select(EXPIRED_CHALLENGES.format(at_most=at_most, lock=lock), since, until)
    return [
        ExpiredChallenge(
            _uuid(row["id"]),
            _uuid(row["user_id"]),
            _time(row["created_at"]),
            _time(row["expires_at"]),
            row["ip_address"],
            row["user_agent"],
            row["device_id"] is not None,
            json.loads(row["warnings_sent"]) if row["warnings_sent"] else None,
        )
        for row in rows
    ]


async def challenges_of_clients_that_logged_in(ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the challenges whose client has logged in as the same user after it opened the challenge."""
    statement = CHALLENGES_OF_CLIENTS_THAT_LOGGED_IN.format(
        with_ids=WITH_IDS[dialect()], login=SecurityEventKind.LOGIN_SUCCEEDED
    )
    return {_uuid(row["id"]) for row in await select(statement, _array(ids))}


async def delete_challenges(ids: Sequence[UUID]) -> None:
    """Delete challenges that `lock_expired_challenges` has locked."""
    await execute(DELETE_CHALLENGES.format(with_ids=WITH_IDS[dialect()]), _array(ids))


async def delete_expired_activations(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete activations that expired between two times, with their backup codes.

    The users' rows are locked too, as in every change of an account. Otherwise a change that locks the backup codes
    before the activation could deadlock with the deletion, which locks the activation first.
    """
    join = "JOIN user_account ON user_account.id = activation.user_id"
    return await _delete("activation", "expires_at", since, until, at_most=at_most, join=join)


async def delete_expired_sessions(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete sessions that expired between two times."""
    return await _delete("session", "expires_at", since, until, at_most=at_most)


async def delete_idle_sessions(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete sessions that were last used between two times."""
    return await _delete("session", "last_seen_at", since, until, at_most=at_most)


async def delete_sent_emails(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete emails that were sent between two times.

    The index has `next_try_at`. In a sent email it is the end of the last lease, which is about the time of sending.
    """
    condition = f"state = '{EmailState.SENT}' AND sent_at <= $2"
    return await _delete(
        "email_outbox", "next_try_at", since, until, at_most=at_most, condition=condition, index="state, next_try_at"
    )


async def delete_idle_devices(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete known devices that were last used between two times."""
    return await _delete("known_device", "last_seen_at", since, until, at_most=at_most)


async def delete_idle_counts(factor: str, since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete attempt counts of a factor whose last attempt was between two times."""
    condition = f"factor = '{factor}'"
    return await _delete(
        "attempt_count",
        "last_attempt_at",
        since,
        until,
        at_most=at_most,
        condition=condition,
        index="factor, last_attempt_at",
    )


async def delete_events_of_unknown_emails(since: datetime, until: datetime, *, at_most: int) -> Sequence[datetime]:
    """Delete audit events of unknown emails that occurred between two times."""
    condition = "company_id IS NULL"
    return await _delete(
        "security_event",
        "occurred_at",
        since,
        until,
        at_most=at_most,
        condition=condition,
        index="company_id, occurred_at",
    )


async def _delete(  # noqa: PLR0913  # each is a part of the statement
    table: str,
    time: str,
    since: datetime,
    until: datetime,
    *,
    at_most: int,
    condition: str = "true",
    index: str | None = None,
    join: str = "",
) -> Sequence[datetime]:
    statement = DELETE[dialect()].format(
        table=table,
        time=time,
        expired=f"{condition} AND {time} >= $1 AND {time} <= $2",
        index=index or time,
        at_most=at_most,
        join=join,
        for_update=FOR_UPDATE,
    )
    await _avoid_other_plans()
    return [_time(row["time"]) for row in await execute_returning(statement, since, until)]


async def _avoid_other_plans() -> None:
    if dialect() == "postgres":
        await select(SET_UP_POSTGRES)


def _array(ids: Sequence[UUID]) -> object:
    return json.dumps([str(each) for each in ids]) if dialect() == "sqlite" else ids


# SQLite returns text.
def _time(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _uuid(value: UUID | str) -> UUID:
    return UUID(value) if isinstance(value, str) else value
