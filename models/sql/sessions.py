"""Insert and find sessions. Every request with a session runs `find_session`."""

from uuid import UUID

from models.company import Company
from models.session import Session
from models.sql.execution import columns, execute, insert, model_of, select
from models.user import User

FIND_SESSION = """
    SELECT {columns} FROM session
    JOIN user_account ON user_account.id = session.user_id
    JOIN company ON company.id = user_account.company_id
    WHERE session.token_hash = $1
"""
# SQLite accepts an OFFSET only after a LIMIT. No user has this many sessions.
DELETE_LEAST_USED_SESSIONS = """
    DELETE FROM session WHERE id IN (
        SELECT id FROM session WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC LIMIT 1000000 OFFSET $2
    )
"""


async def delete_least_used_sessions(user_id: UUID, *, keep: int) -> None:
    """Delete the user's sessions except for the most recently used ones."""
    await execute(DELETE_LEAST_USED_SESSIONS, user_id, keep)


async def insert_session(**values: object) -> None:
    """Insert a session. Give every column."""
    await insert(Session, **values)


async def find_session(token_hash: str) -> tuple[Session, User, Company] | None:
    """Return the session with this token, its user and their company account, in one statement."""
    rows = await select(FIND_SESSION.format(columns=columns(Session, User, Company)), token_hash)
    if not rows:
        return None
    (row,) = rows
    return model_of(Session, row), model_of(User, row), model_of(Company, row)
