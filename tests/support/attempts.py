"""Failed attempts in the database."""

from datetime import datetime
from uuid import UUID

import models
from models.database import Database


async def attempt_counts(database: Database) -> dict[str, int]:
    """Return the number of failed attempts for each factor."""
    async with database.reading():
        rows = await models.AttemptCount.filter(failures__gt=0)
    return {row.factor: row.failures for row in rows}


async def set_attempt_count(
    database: Database, user_id: UUID, factor: str, *, failures: int, since_sign_in: int, last: datetime
) -> None:
    """Set the number of failures of a second factor."""
    async with database.transaction():
        await models.AttemptCount.update_or_create(
            {"failures": failures, "failures_since_sign_in": since_sign_in, "last_attempt_at": last},
            subject=user_id.hex,
            factor=factor,
        )


async def end_waits(database: Database, last_attempt_at: datetime) -> None:
    """End all waits. The failures since the last login stay."""
    async with database.transaction():
        await models.AttemptCount.all().update(failures=0, last_attempt_at=last_attempt_at)
