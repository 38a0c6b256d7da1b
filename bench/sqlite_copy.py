"""The people of a small PostgreSQL database, copied into SQLite, so that both are measured with the same people."""

import contextlib
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

PATIENCE_S = 30


async def copy_tables(connection: Any, path: Path, tables: Iterable[str]) -> None:  # noqa: ANN401  # asyncpg has no types
    """Replace all rows of some tables, as the product would have written them."""
    copies = {table: await connection.fetch(f'SELECT * FROM "{table}"') for table in tables}  # noqa: S608  # our own names
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as file, file:
        for table, rows in copies.items():
            file.execute(f'DELETE FROM "{table}"')  # noqa: S608  # our own names
            if rows:
                names = ", ".join(rows[0].keys())
                marks = ", ".join("?" for _ in rows[0])
                file.executemany(
                    f'INSERT INTO "{table}" ({names}) VALUES ({marks})',  # noqa: S608  # our own names
                    ([_kept(value) for value in row.values()] for row in rows),
                )


def _kept(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value
