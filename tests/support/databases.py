"""Databases for tests. Each one is a copy of a template, which is migrated once."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from uuid import uuid4

import asyncpg

from models.database import Database
from tests.support.postgres import OPTIONS, postgres_server

# Deleted rows stay in the tables and indexes until then.
MAX_USES = 50
# Everything that a test can change besides rows: relations, columns, constraints, migrations, settings and statistics.
SCHEMA = """
    SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
        SELECT concat_ws('.', relname, relkind, attname, atttypid, atttypmod, attnotnull, attisdropped) AS part
            FROM pg_class LEFT JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws('.', conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT concat_ws('.', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws('.', app, name) FROM tortoise_migrations
        UNION ALL SELECT concat_ws('.', relname, relacl::text) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
            WHERE datname = current_database()
        UNION ALL SELECT concat_ws('.', schemaname, tablename, attname) FROM pg_stats WHERE schemaname = 'public'
    ) AS parts
"""
CLOSE_OTHER_CONNECTIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Without triggers, so without foreign keys: the order does not matter.
DELETE_ALL_ROWS = """
    SET session_replication_role = replica;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations'
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
    END $$
"""


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
    """A migrated PostgreSQL database. The server copies it with `CREATE DATABASE … TEMPLATE`.

    That takes much longer than most tests. So a copy is emptied after its test, and the next test gets it.
    """

    def __init__(self, server: SplitResult) -> None:
        """Create the template on a server."""
        self._server = server
        self.url = self.make_empty()
        asyncio.run(_migrate(self.url))
        self._schema = asyncio.run(_schema(self.url))
        self._empty_copies: list[str] = []
        self._uses: Counter[str] = Counter()

    def make_empty(self) -> str:
        """Create a database without tables, and return its URL."""
        return self._make("template0")

    def copy(self) -> str:
        """Return the URL of an empty database."""
        url = self._empty_copies.pop() if self._empty_copies else self._make(_database_name(self.url))
        self._uses[url] += 1
        return url

    def drop(self, url: str) -> None:
        """Close all connections to a database, and empty or delete it."""
        if self._uses[url] in range(1, MAX_USES) and asyncio.run(_empty(url, self._schema)):
            self._empty_copies.append(url)
        else:
            self.delete(url)

    def delete(self, url: str) -> None:
        """Delete a database, even if there are open connections to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{_database_name(url)}" WITH (FORCE)')

    def delete_all(self) -> None:
        """Delete the template and its empty copies."""
        for url in (*self._empty_copies, self.url):
            self.delete(url)

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
        template.delete_all()


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
    async with _connection(server) as connection:
        await connection.execute(statement)


async def _schema(url: str) -> str:
    async with _connection(urlsplit(url)) as connection:
        return str(await connection.fetchval(SCHEMA))


async def _empty(url: str, schema: str) -> bool:
    """Close the other connections to a database and delete all rows. Return False if it has another schema."""
    async with _connection(urlsplit(url)) as connection:
        while await connection.fetchval(CLOSE_OTHER_CONNECTIONS):
            pass
        if await connection.fetchval(SCHEMA) != schema:
            return False
        await connection.execute(DELETE_ALL_ROWS)
    return True


@asynccontextmanager
async def _connection(url: SplitResult) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=parse_qs(url.query).get("host", [url.hostname])[0],
        port=url.port or 5432,
        user=unquote(url.username or "postgres"),
        password=unquote(url.password) if url.password else None,
        database=url.path.removeprefix("/") or "postgres",
    )
    try:
        yield connection
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
