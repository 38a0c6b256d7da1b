"""Find and lock the rows of a user."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tortoise.models import Model

from models.company import Company
from models.sql.execution import FOR_UPDATE, columns, execute, model_of, select, select_one, table_of
from models.user import User

RECORD_SIGN_IN = """
    UPDATE user_account
    SET last_login_at = $2, locale = $3, two_factor_last_used_at = $4, backup_codes_remaining = $5
    WHERE id = $1
"""


async def find_user_by_email_key(email_key: str) -> User | None:
    """Return the user with this email, without a lock."""
    return await select_one(User, "email_key = $1", email_key)


async def lock_user(user_id: UUID) -> User | None:
    """Lock the user's row for this transaction and return it as it is now."""
    return await select_one(User, f"id = $1 {FOR_UPDATE}", user_id)


async def company_of(user: User) -> Company:
    """Return the company account of a user."""
    company = await select_one(Company, "id = $1", user.company_id)
    assert company is not None  # noqa: S101  # the foreign key guarantees it
    return company


async def company_and_factors_of(
    user: User, factors: Mapping[str, tuple[type[Model], str]]
) -> tuple[Company, set[str]]:
    """Return the company account of a user, and the kinds of factor of which the user has rows in force.

    `factors` has the table of each kind, and an SQL condition for its rows in force.
    """
    kinds = ", ".join(
        f'EXISTS (SELECT 1 FROM {table_of(table)} WHERE user_id = $2 AND {in_force}) AS "{kind}"'  # noqa: S608  # our names
        for kind, (table, in_force) in factors.items()
    )
    statement = f"SELECT {columns(Company)}, {kinds} FROM company WHERE id = $1"  # noqa: S608  # our names
    (row,) = await select(statement, user.company_id, user.id)
    return model_of(Company, row), {kind for kind in factors if row[kind]}


async def record_sign_in(
    user_id: UUID,
    *,
    last_login_at: datetime,
    locale: str | None,
    two_factor_last_used_at: datetime | None,
    backup_codes_remaining: int,
) -> None:
    """Update what a completed sign-in changes in the user's row."""
    await execute(RECORD_SIGN_IN, user_id, last_login_at, locale, two_factor_last_used_at, backup_codes_remaining)
