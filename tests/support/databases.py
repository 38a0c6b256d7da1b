"""Databases for tests. Each one is a copy of a template, which is migrated once."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote
from uuid import uuid4

import asyncpg

from models.database import Database
from tests.support.postgres import OPTIONS, postgres_server


class DatabaseTemplate(Protocol):
    """A migrated database that tests copy."""

    def copy(self) -> str:
        """Create a database, and return its URL."""

    def drop(self, url: str) -> None:
        """Delete a database that `copy` created."""


class SqliteTemplate:
    """A migrated SQLite file. A copy is a copy of the file."""

    def __init__(self, folder: Path) -> None:
        """Create the template in a folder."""
        self._folder = folder
        asyncio.run(_migrate(f"sqlite://{folder / 'template.sqlite3'}"))

    def copy(self) -> str:
        """Create a database, and return its URL."""
        path = self._folder / f"{uuid4().hex}.sqlite3"
        shutil.copyfile(self._folder / "template.sqlite3", path)
        return f"sqlite://{path}"

    def drop(self, url: str) -> None:
        """Delete a database that `copy` created."""
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite://") + suffix).unlink(missing_ok=True)


class PostgresTemplate:
    """A migrated PostgreSQL database. The server copies it with `CREATE DATABASE … TEMPLATE`."""

    def __init__(self, server: SplitResult) -> None:
        """Create the template on a server."""
        self._server = server
        self.url = self.make_empty()
        asyncio.run(_migrate(self.url))

    def make_empty(self) -> str:
        """Create a database without tables, and return its URL."""
        return self._make("template0")

    def copy(self) -> str:
        """Create a database, and return its URL."""
        return self._make(_database_name(self.url))

    def drop(self, url: str) -> None:
        """Delete a database, even if there are open connections to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{_database_name(url)}" WITH (FORCE)')

    def _make(self, template: str) -> str:
        # Random, since other test runs can use the same server.
        name = f"countersign_test_{uuid4().hex}"
        # For small databases without fsync, `file_copy` is faster than `wal_log`, which logs every page.
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self._server._replace(path=f"/{name}").geturl()

    def _execute(self, statement: str) -> None:
        asyncio.run(_execute(self._server, statement))


@contextmanager
def postgres_template(server: SplitResult) -> Iterator[PostgresTemplate]:
    """Yield a template, and delete it afterwards."""
    template = PostgresTemplate(server)
    try:
        yield template
    finally:
        template.drop(template.url)


def _database_name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.open()
    try:
        await database.migrate()
        if database.dialect == "sqlite":
            # `copy` copies only the file itself, not the write-ahead log.
            await database.connection.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await database.close()


async def _execute(server: SplitResult, statement: str) -> None:
    connection = await asyncpg.connect(
        host=parse_qs(server.query).get("host", [server.hostname])[0],
        port=server.port or 5432,
        user=unquote(server.username or "postgres"),
        password=unquote(server.password) if server.password else None,
        database=server.path.removeprefix("/") or "postgres",
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


DIALECTS = ("sqlite", "postgres")


@contextmanager
def database_of(dialect: str, postgres_options: Sequence[str] = OPTIONS) -> Iterator[str]:
    """Yield the URL of a migrated, empty database, and delete the database afterwards."""
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
            yield SqliteTemplate(Path(folder)).copy()
        return
    with postgres_server(postgres_options) as server, postgres_template(server) as template:
        url = template.copy()
        try:
            yield url
        finally:
            template.drop(url)
