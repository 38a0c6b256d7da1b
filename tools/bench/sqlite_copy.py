"""Copy tables of a PostgreSQL database into SQLite, so that both databases are measured with the same data."""

import contextlib
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

LOCK_TIMEOUT_S = 30


async def copy_tables(connection: Any, path: Path, tables: Iterable[str]) -> None:  # noqa: ANN401  # asyncpg has no types
    """Replace all rows of these SQLite tables, in the format that the product writes."""
    rows_by_table = {table: await connection.fetch(f'SELECT * FROM "{table}"') for table in tables}  # noqa: S608  # fixed names
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)) as file, file:
        for table, rows in rows_by_table.items():
            file.execute(f'DELETE FROM "{table}"')  # noqa: S608  # fixed names
            if rows:
                names = ", ".join(rows[0].keys())
                placeholders = ", ".join("?" for _ in rows[0])
                file.executemany(
                    f'INSERT INTO "{table}" ({names}) VALUES ({placeholders})',  # noqa: S608  # fixed names
                    ([_to_sqlite(value) for value in row.values()] for row in rows),
                )


def _to_sqlite(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value
