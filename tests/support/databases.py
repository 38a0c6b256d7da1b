"""A database for each test: a copy of one that the migrations made once."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote
from uuid import uuid4

import asyncpg

from models.database import Database


class Template(Protocol):
    """What databases are copied from."""

    def copy(self) -> str:
        """Make a database. Its URL."""

    def drop(self, url: str) -> None:
        """Drop a database that was made."""


class SqliteTemplate:
    """A migrated file, copied."""

    def __init__(self, folder: Path) -> None:
        """Make the template in a folder."""
        self._folder = folder
        asyncio.run(_migrate(f"sqlite://{folder / 'template.sqlite3'}"))

    def copy(self) -> str:
        """Make a database. Its URL."""
        path = self._folder / f"{uuid4().hex}.sqlite3"
        shutil.copyfile(self._folder / "template.sqlite3", path)
        return f"sqlite://{path}"

    def drop(self, url: str) -> None:
        """Drop a database that was made."""
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite://") + suffix).unlink(missing_ok=True)


class PostgresTemplate:
    """A migrated database, copied by the server (`CREATE DATABASE … TEMPLATE`)."""

    def __init__(self, server: SplitResult) -> None:
        """Make the template on a server."""
        self._server = server
        self.url = self.make_empty()
        asyncio.run(_migrate(self.url))

    def make_empty(self) -> str:
        """Make a database without tables. Its URL."""
        return self._make("template0")

    def copy(self) -> str:
        """Make a database. Its URL."""
        return self._make(_name_in(self.url))

    def drop(self, url: str) -> None:
        """Drop a database that was made, also where connections to it are still open."""
        self._execute(f'DROP DATABASE IF EXISTS "{_name_in(url)}" WITH (FORCE)')

    def _make(self, template: str) -> str:
        # Never a name that somebody else's test run on the same server may have taken.
        name = f"countersign_test_{uuid4().hex}"
        # Copying the files is faster than logging every page while databases are this small and fsync is off.
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self._server._replace(path=f"/{name}").geturl()

    def _execute(self, statement: str) -> None:
        asyncio.run(_execute(self._server, statement))


@contextmanager
def postgres_template(server: SplitResult) -> Iterator[PostgresTemplate]:
    """A template that is dropped when the block ends."""
    template = PostgresTemplate(server)
    try:
        yield template
    finally:
        template.drop(template.url)


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.open()
    try:
        await database.migrate()
        if database.dialect == "sqlite":
            # Only the file itself is copied, not the log beside it.
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
