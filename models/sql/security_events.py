"""Insert audit events, and list the newest ones of several users."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from models.security_event import SecurityEvent
from models.sql.execution import columns, insert, model_of, select

NEWEST_OF_USER = """
    SELECT * FROM (
        SELECT {columns} FROM security_event
        WHERE company_id = $1 AND user_id = ${user} {after}
        ORDER BY occurred_at DESC, id DESC LIMIT $2
    ) AS newest
"""


async def insert_event(**values: object) -> None:
    """Insert an audit event. Give every column."""
    await insert(SecurityEvent, **values)


async def newest_events_of_users(
    company_id: UUID, user_ids: Sequence[UUID], *, limit: int, after: tuple[datetime, UUID] | None
) -> Sequence[Mapping[str, Any]]:
    """Return the rows of each user's newest events after a position in their list, in one statement.

    Each user's SELECT reads only its events from the index. A window function would read all events of all users, and
    Tortoise has no UNION.
    """
    if not user_ids:
        return []
    values: list[object] = [company_id, limit]
    condition = ""
    if after is not None:
        condition = "AND (occurred_at, id) < ($3, $4)"
        values += after
    selects = []
    for user_id in user_ids:
        values.append(user_id)
        selects.append(NEWEST_OF_USER.format(columns=columns(SecurityEvent), user=len(values), after=condition))
    return await select(" UNION ALL ".join(selects), *values)


def event_of_row(row: Mapping[str, Any]) -> SecurityEvent:
    """Build the event of a row of `newest_events_of_users`."""
    return model_of(SecurityEvent, row)
