"""Find, remember and forget known devices."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.known_device import KnownDevice
from models.sql.execution import columns, execute, execute_returning, insert, model_of, select

FIND_DEVICES = """
    SELECT {columns} FROM known_device JOIN user_account ON user_account.id = known_device.user_id
    WHERE known_device.token_hash IN ({token_hashes}) AND user_account.email_key = $1
        AND known_device.last_seen_at > $2 AND known_device.last_seen_at <= $3
    LIMIT 1
"""
FIND_GOOD_TOKENS = "SELECT token_hash FROM known_device WHERE token_hash IN ({token_hashes}) AND last_seen_at > $1"
RECORD_SIGN_IN = """
    UPDATE known_device SET last_seen_at = $3, user_agent = $4 WHERE id = $1 AND user_id = $2 RETURNING token_hash
"""
# SQLite accepts an OFFSET only after a LIMIT. No user has this many devices.
DELETE_LEAST_USED_DEVICES = """
    DELETE FROM known_device WHERE id IN (
        SELECT id FROM known_device WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC LIMIT 1000000 OFFSET $2
    )
"""


async def find_device(
    token_hashes: Sequence[str], email_key: str, *, used_after: datetime, used_before: datetime
) -> KnownDevice | None:
    """Return the device of the user with this email that has one of these tokens."""
    statement = FIND_DEVICES.format(columns=columns(KnownDevice), token_hashes=_parameters(token_hashes, start=4))
    rows = await select(statement, email_key, used_after, used_before, *token_hashes)
    return model_of(KnownDevice, rows[0]) if rows else None


async def find_good_tokens(token_hashes: Sequence[str], *, used_after: datetime) -> set[str]:
    """Return those of these hashes that belong to a known device of any user."""
    statement = FIND_GOOD_TOKENS.format(token_hashes=_parameters(token_hashes, start=2))
    return {row["token_hash"] for row in await select(statement, used_after, *token_hashes)}


async def record_sign_in_on_device(device_id: UUID, user_id: UUID, now: datetime, user_agent: str | None) -> str | None:
    """Record a completed sign-in. Return the hash of the device's token, or None if the device was forgotten."""
    rows = await execute_returning(RECORD_SIGN_IN, device_id, user_id, now, user_agent)
    return rows[0]["token_hash"] if rows else None


async def insert_device(**values: object) -> None:
    """Insert a device. Give every column."""
    await insert(KnownDevice, **values)


async def delete_least_used_devices(user_id: UUID, *, keep: int) -> None:
    """Delete the user's devices except for the most recently used ones."""
    await execute(DELETE_LEAST_USED_DEVICES, user_id, keep)


def _parameters(values: Sequence[object], *, start: int) -> str:
    return ", ".join(f"${number}" for number, _ in enumerate(values, start))
