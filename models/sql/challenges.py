"""Open, find and use challenges."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tortoise.models import Model

from models.challenge import Challenge
from models.company import Company
from models.sql.execution import FOR_UPDATE, columns, execute, insert, model_of, select, select_one, table_of
from models.user import User

LOCK_USER_OF_CHALLENGE = """
    SELECT id FROM user_account WHERE id = (SELECT user_id FROM challenge WHERE token_hash = $1) {for_update}
"""
FIND_CHALLENGE = """
    SELECT {columns} FROM challenge
    JOIN user_account ON user_account.id = challenge.user_id
    JOIN company ON company.id = user_account.company_id
    LEFT JOIN {factor} ON {factor}.user_id = user_account.id AND {in_force}
    WHERE challenge.token_hash = $1 AND challenge.expires_at > $2 AND challenge.created_at <= $3
"""
USE_CHALLENGE = "DELETE FROM challenge WHERE id = $1"
# SQLite accepts an OFFSET only after a LIMIT. No user has this many challenges.
DELETE_OLDEST_CHALLENGES = """
    DELETE FROM challenge
    WHERE id IN (SELECT id FROM challenge WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1000000 OFFSET $2)
"""


async def insert_challenge(**values: object) -> None:
    """Insert a challenge. Give every column."""
    await insert(Challenge, **values)


async def delete_oldest_challenges(user_id: UUID, *, keep: int) -> None:
    """Delete the user's challenges except for the newest ones."""
    await execute(DELETE_OLDEST_CHALLENGES, user_id, keep)


async def lock_user_of_challenge(token_hash: str) -> None:
    """Lock the user that a challenge belongs to, if the challenge exists."""
    await select(LOCK_USER_OF_CHALLENGE.format(for_update=FOR_UPDATE), token_hash)


async def find_challenge(
    token_hash: str, factor: type[Model], *, in_force: str, unexpired_at: datetime, created_before: datetime
) -> tuple[Challenge, User, Company, Sequence[Model]] | None:
    """Return the challenge with this token, its user, their company account and their rows of a factor's table.

    Args:
        token_hash: The hash of the token.
        factor: The table of a factor, with the columns `id` and `user_id`.
        in_force: An SQL condition for its rows.
        unexpired_at: The challenge expires later than this.
        created_before: The challenge was created before this.

    """
    statement = FIND_CHALLENGE.format(
        columns=columns(Challenge, User, Company, factor), factor=table_of(factor), in_force=in_force
    )
    rows = await select(statement, token_hash, unexpired_at, created_before)
    if not rows:
        return None
    first = rows[0]
    owned = [model_of(factor, row) for row in rows if row[f"{table_of(factor)}.id"] is not None]
    return model_of(Challenge, first), model_of(User, first), model_of(Company, first), owned


async def find_device_of_challenge(token_hash: str) -> UUID | None:
    """Return the known device that opened a challenge, or None for a stranger."""
    challenge = await select_one(Challenge, "token_hash = $1", token_hash)
    return challenge.device_id if challenge else None


async def use_challenge(challenge_id: UUID) -> bool:
    """Delete a challenge. Return True for exactly one of all transactions that try."""
    return await execute(USE_CHALLENGE, challenge_id) == 1
