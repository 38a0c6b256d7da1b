"""Insert and find sessions. Every request with a session runs `find_session`."""

from models.company import Company
from models.session import Session
from models.sql.execution import columns, insert, model_of, select
from models.user import User

FIND_SESSION = """
    SELECT {columns} FROM session
    JOIN user_account ON user_account.id = session.user_id
    JOIN company ON company.id = user_account.company_id
    WHERE session.token_hash = $1
"""


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
