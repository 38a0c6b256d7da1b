"""Insert and find sessions. Every request with a session runs `find_session`."""

from datetime import datetime
from uuid import UUID

from models.company import Company
from models.session import Session
from models.sql.execution import FOR_KEY_SHARE, columns, execute, insert, model_of, select
from models.user import User

# A replaced token works until its time has passed. A time too far in the future comes from a wrong clock.
HAS_TOKEN = """(
    session.token_hash = $1
    OR session.previous_token_hash = $1 AND session.previous_valid_until > $2 AND session.previous_valid_until <= $3
)"""
# A row whose replaced token is no longer valid is found too. Several logins can have replaced the same token.
FIND_SESSION = """
    SELECT {columns}, {has_token} AS has_token FROM session
    JOIN user_account ON user_account.id = session.user_id
    JOIN company ON company.id = user_account.company_id
    WHERE session.token_hash = $1 OR session.previous_token_hash = $1
    ORDER BY has_token DESC LIMIT 1
"""
KEEP_OWNER = """
    SELECT {columns} FROM user_account WHERE id = (SELECT user_id FROM session WHERE {has_token}) {for_key_share}
"""
DELETE_LIVE_SESSION = "DELETE FROM session WHERE {has_token} AND expires_at > $2 AND last_seen_at > $4"
REPLACE_TOKEN = """
    UPDATE session SET
        token_hash = $4,
        token_salt = $5,
        previous_token_hash = $1,
        previous_valid_until = CASE WHEN token_hash = $1 THEN $6 ELSE previous_valid_until END
    WHERE {has_token} AND id = $7
"""
END_PREVIOUS_TOKEN = """
    UPDATE session SET previous_valid_until = NULL, token_salt = NULL
    WHERE id = $1 AND token_hash = $2
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


async def find_session(
    token_hash: str, now: datetime, *, latest: datetime
) -> tuple[Session, User, Company, bool] | None:
    """Return the session with this token, its user and their company account, in one statement.

    The last value is whether the token is valid: a replaced token is valid `now` if its time has not passed and is not
    after `latest`.
    """
    statement = FIND_SESSION.format(columns=columns(Session, User, Company), has_token=HAS_TOKEN)
    rows = await select(statement, token_hash, now, latest)
    if not rows:
        return None
    (row,) = rows
    return model_of(Session, row), model_of(User, row), model_of(Company, row), bool(row["has_token"])


async def replace_token(  # noqa: PLR0913  # each is a value of the statement
    session_id: UUID,
    token_hash: str,
    now: datetime,
    *,
    latest: datetime,
    new_token_hash: str,
    salt: bytes,
    valid_until: datetime,
) -> bool:
    """Give a session a new token. Return False if the old one is no longer valid, as in `find_session`.

    The old token stays valid until a time. If it was replaced before, that time does not change.
    """
    statement = REPLACE_TOKEN.format(has_token=HAS_TOKEN)
    values = (token_hash, now, latest, new_token_hash, salt, valid_until, session_id)
    return await execute(statement, *values) == 1


async def end_previous_token(session_id: UUID, token_hash: str) -> None:
    """Invalidate the replaced token of a session whose present token is this one."""
    await execute(END_PREVIOUS_TOKEN, session_id, token_hash)


async def keep_owner_of_session(token_hash: str, now: datetime, *, latest: datetime) -> User | None:
    """Return the user of the session with this token, and let nobody delete the user during this transaction.

    The lock waits for no other change of the user. So a transaction that has locked another user cannot deadlock.
    """
    statement = KEEP_OWNER.format(columns=columns(User), has_token=HAS_TOKEN, for_key_share=FOR_KEY_SHARE)
    rows = await select(statement, token_hash, now, latest)
    return model_of(User, rows[0]) if rows else None


async def delete_live_session(token_hash: str, now: datetime, *, latest: datetime, idle_since: datetime) -> bool:
    """Delete the session with this token. Return False if it has ended or expired."""
    statement = DELETE_LIVE_SESSION.format(has_token=HAS_TOKEN)
    return await execute(statement, token_hash, now, latest, idle_since) == 1
