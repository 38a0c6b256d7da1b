"""Delete expired rows, a batch at a time.

Each statement reads its rows in the order of one index, so that it reads no other rows. On PostgreSQL it skips rows
that another transaction has locked. So a cleanup waits for nobody, and cannot deadlock.

Each function deletes the oldest rows between two times. Begin the next call near the newest row of the last one: the
index of PostgreSQL still has the entries of all deleted rows, and the call would read them.

Call these functions in a `Database.exclusive_transaction`, which makes PostgreSQL use the indexes. PostgreSQL returns
its rows in one row. To send and to read a thousand of them would take longer than to delete them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from models.outbox_email import EmailState
from models.security_event import SecurityEventKind
from models.sql.execution import FOR_UPDATE, dialect, execute, execute_returning, select

DELETE = {
    "sqlite": """
        DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE {expired} ORDER BY {index} LIMIT {at_most}
        )
        RETURNING 1 AS rows, {time} AS newest
    """,
    # An array, because PostgreSQL may run a subquery of IN several times, and then lock other rows each time. The
    # DELETE repeats the condition, so that a row that was renewed in the meantime stays. `IS TRUE` keeps PostgreSQL
    # from using the index a second time instead of the places of the rows.
    "postgres": """
        WITH deleted AS (
            DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM {table} WHERE {expired} ORDER BY {index} LIMIT {at_most}
                {for_update} SKIP LOCKED
            )) AND ({expired}) IS TRUE
            RETURNING {time} AS time
        )
        SELECT count(*) AS rows, max(time) AS newest FROM deleted
    """,
}

# The users of the other challenges need no warning: a known device opened the challenge, or they got the warning.
OLDEST_CHALLENGES = """
    SELECT {place} AS place, expires_at, device_id IS NULL AND (
        SELECT {warned_at} BETWEEN $3 AND $4 FROM user_account WHERE user_account.id = challenge.user_id
    ) IS NOT TRUE AS is_suspicious
    FROM challenge WHERE expires_at >= $1 AND expires_at <= $2 ORDER BY expires_at LIMIT {at_most}
"""
# SQLite has `->>` since version 3.38 only. Its path starts with a `$`, which would be taken for a parameter.
WARNED_AT = {"sqlite": "json_extract(warnings_sent, char(36) || '.' || $5)", "postgres": "warnings_sent ->> $5"}
# A client that loads the page again opens another challenge, and the first one expires.
CHALLENGES_WITHOUT_A_LOGIN = """
    SELECT challenge.{place} AS place, challenge.user_id, challenge.created_at, challenge.expires_at,
        challenge.ip_address, challenge.user_agent, user_account.warnings_sent
    FROM challenge JOIN user_account ON user_account.id = challenge.user_id
    WHERE challenge.{in_places} AND NOT EXISTS (
        SELECT 1 FROM security_event
        WHERE security_event.user_id = challenge.user_id AND occurred_at >= challenge.created_at AND kind = '{login}'
            AND COALESCE(security_event.ip_address, '') = COALESCE(challenge.ip_address, '')
            AND COALESCE(security_event.user_agent, '') = COALESCE(challenge.user_agent, '')
    )
"""
DELETE_UNSUSPICIOUS_CHALLENGES = f"""
    WITH oldest AS ({OLDEST_CHALLENGES} {{for_update}} SKIP LOCKED), deleted AS (
        DELETE FROM challenge WHERE ctid = ANY (ARRAY(SELECT place FROM oldest WHERE NOT is_suspicious)) RETURNING 1
    )
    SELECT (SELECT count(*) FROM deleted) AS rows, max(expires_at) AS newest,
        array_agg(place) FILTER (WHERE is_suspicious) AS suspicious
    FROM oldest
"""  # noqa: S608  # ours
DELETE_CHALLENGES = "DELETE FROM challenge WHERE {in_places}"
PLACE = {"sqlite": "rowid", "postgres": "ctid"}
IN_PLACES = {"sqlite": "rowid IN (SELECT value FROM json_each($1))", "postgres": "ctid = ANY ($1)"}


# Where a row is: a ctid of PostgreSQL, or a rowid of SQLite. To read it there is faster than by its id.
Place = tuple[int, int] | int


class Deleted(NamedTuple):
    """How many rows were deleted, and when the newest row expired that it looked at. Without any row it is None."""

    rows: int
    newest: datetime | None


class UnsuspiciousDeleted(NamedTuple):
    """How many challenges were deleted, when the newest one expired that it looked at, and which ones are left."""

    rows: int
    newest: datetime | None
    # Those whose users may need a warning, the oldest first. This transaction has locked them.
    suspicious: Sequence[Place]


class LapsedChallenge(NamedTuple):
    """What a warning about a challenge has to know."""

    user_id: UUID
    created_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    warnings_sent: dict[str, str] | None


async def delete_unsuspicious_challenges(
    since: datetime, until: datetime, *, at_most: int, warning: str, warned: tuple[datetime, datetime]
) -> UnsuspiciousDeleted:
    """Delete those of the oldest challenges that expired between two times and need no warning.

    A challenge needs none if a known device opened it, or if the user got the `warning` between two other times.
    """
    values = (since, until, *(each.isoformat() for each in warned), warning)
    names = {"place": PLACE[dialect()], "warned_at": WARNED_AT[dialect()], "at_most": at_most}
    if dialect() == "postgres":
        (row,) = await execute_returning(DELETE_UNSUSPICIOUS_CHALLENGES.format(for_update=FOR_UPDATE, **names), *values)
        return UnsuspiciousDeleted(row["rows"], row["newest"], row["suspicious"] or ())
    rows = await select(OLDEST_CHALLENGES.format(**names), *values)
    newest = _time(rows[-1]["expires_at"]) if rows else None
    suspicious = [row["place"] for row in rows if row["is_suspicious"]]
    await delete_challenges([row["place"] for row in rows if not row["is_suspicious"]])
    return UnsuspiciousDeleted(len(rows) - len(suspicious), newest, suspicious)


async def challenges_without_a_login(places: Sequence[Place]) -> Mapping[Place, LapsedChallenge]:
    """Return those challenges whose client has not logged in as the same user since it opened the challenge."""
    statement = CHALLENGES_WITHOUT_A_LOGIN.format(
        place=PLACE[dialect()], in_places=IN_PLACES[dialect()], login=SecurityEventKind.LOGIN_SUCCEEDED
    )
    return {
        row["place"]: LapsedChallenge(
            _uuid(row["user_id"]),
            _time(row["created_at"]),
            _time(row["expires_at"]),
            row["ip_address"],
            row["user_agent"],
            json.loads(row["warnings_sent"]) if row["warnings_sent"] else None,
        )
        for row in await select(statement, _array(places))
    }


async def delete_challenges(places: Sequence[Place]) -> int:
    """Delete the challenges in these places, which this transaction has locked. Return their number."""
    if not places:
        return 0
    return await execute(DELETE_CHALLENGES.format(in_places=IN_PLACES[dialect()]), _array(places))


async def delete_expired_activations(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete activations that expired between two times, with their backup codes.

    Changes of an account lock the activation before its backup codes, as the deletion does. So none of them can
    deadlock with it.
    """
    return await _delete("activation", "expires_at", since, until, at_most=at_most)


async def delete_expired_replacements(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete new backup codes that expired between two times, before the user acknowledged them."""
    return await _delete("backup_code_replacement", "expires_at", since, until, at_most=at_most)


async def delete_expired_sessions(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete sessions that expired between two times."""
    return await _delete("session", "expires_at", since, until, at_most=at_most)


async def delete_idle_sessions(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete sessions that were last used between two times."""
    return await _delete("session", "last_seen_at", since, until, at_most=at_most)


async def delete_sent_emails(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete emails that were sent between two times.

    The index has `next_try_at`. In a sent email it is the end of the last lease, which is about the time of sending.
    """
    condition = f"state = '{EmailState.SENT}' AND sent_at <= $2"
    return await _delete(
        "email_outbox", "next_try_at", since, until, at_most=at_most, condition=condition, index="state, next_try_at"
    )


async def delete_idle_devices(since: datetime, until: datetime, *, at_most: int) -> Deleted:
    """Delete known devices that were last used between two times."""
    return await _delete("known_device", "last_seen_at", since, until, at_most=at_most)


async def delete_idle_counts(factor: str, since: datetime, until: datetime, *, at_most: int) -> Deleted:
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


async def delete_events_of_unknown_emails(since: datetime, until: datetime, *, at_most: int) -> Deleted:
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
) -> Deleted:
    statement = DELETE[dialect()].format(
        table=table,
        time=time,
        expired=f"{condition} AND {time} >= $1 AND {time} <= $2",
        index=index or time,
        at_most=at_most,
        for_update=FOR_UPDATE,
    )
    rows = await execute_returning(statement, since, until)
    return Deleted(sum(row["rows"] for row in rows), _newest(rows))


def _array(places: Sequence[Place]) -> object:
    return json.dumps(places) if dialect() == "sqlite" else places


def _newest(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    return max((_time(row["newest"]) for row in rows if row["newest"]), default=None)


# SQLite returns text.
def _time(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _uuid(value: UUID | str) -> UUID:
    return UUID(value) if isinstance(value, str) else value
