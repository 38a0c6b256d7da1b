"""Find factors, and use OTPs and backup codes once. Each use is one conditional UPDATE with a row count."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.sql.execution import ModelT, columns, execute, model_of, select, table_of

USE_TIME_STEP = "UPDATE authenticator SET last_step = $2 WHERE id = $1 AND last_step < $2"
# No row has the nil UUID (RFC 9562 §5.9), and no time step is older.
NO_AUTHENTICATOR = UUID(int=0)
NO_TIME_STEP = -1
USE_BACKUP_CODE = """
    UPDATE backup_code SET used_at = $3 WHERE code_set_id = $1 AND code_hash = $2 AND used_at IS NULL
"""
NO_CODE_SET = UUID(int=0)


async def use_time_step(authenticator_id: UUID, time_step: int) -> bool:
    """Accept a time step of an authenticator if it is newer than every accepted one (RFC 6238 §5.2)."""
    return await execute(USE_TIME_STEP, authenticator_id, time_step) == 1


async def use_backup_code(code_set_id: UUID | None, code_hash: str, now: datetime) -> bool:
    """Use a code of this set, if the set has it and it is unused. Return False for no set.

    For None the function runs the same statement. Otherwise the response time would show that there are no codes.
    """
    return await execute(USE_BACKUP_CODE, code_set_id or NO_CODE_SET, code_hash, now) == 1


async def rows_in_force(factor: type[ModelT], in_force: str, user_id: UUID) -> Sequence[ModelT]:
    """Return the user's rows of a factor's table that meet an SQL condition."""
    statement = f"SELECT {columns(factor)} FROM {table_of(factor)} WHERE user_id = $1 AND {in_force}"  # noqa: S608  # our names
    return [model_of(factor, row) for row in await select(statement, user_id)]
