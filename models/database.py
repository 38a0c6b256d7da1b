"""The database: how it is reached, what a transaction is, and when it counts as out of reach."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError, OperationalError, TransactionManagementError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

# How long anything may wait in the database. Longer than any healthy statement, shorter than a client's patience.
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 3
# How long a request waits for a free connection before it is told to come back.
ACQUIRE_TIMEOUT_S = 5

# Any number will do that nobody else uses as an advisory lock in this database.
MIGRATION_LOCK = 2_026_112_401

APPS = {"models": {"models": ["models"], "migrations": "models.migrations"}}

# For Tortoise's own command line (`python -m tortoise makemigrations`), which needs some database to compare with.
MIGRATIONS_CONFIG = {
    "connections": {"sqlite": {"engine": "models.sqlite", "credentials": {"file_path": ":memory:"}}},
    "apps": {"models": APPS["models"] | {"default_connection": "sqlite"}},
    "use_tz": True,
}

# What asyncpg raises when the server is away, going away, or cannot serve this statement now: worth another try.
POSTGRES_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
SQLITE_UNAVAILABLE = ("locked", "busy", "full", "readonly", "unable to open", "disk i/o")


class DatabaseUnavailable(Exception):
    """The database cannot be used now; the same request may succeed later."""


class CommitAndRaise(Exception):
    """Ends a transaction by committing what it wrote, then raising `error` outside it.

    For a refusal that must leave a trace: an exception that simply left the transaction would take the trace with it.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Database:
    """A database and its connections, shared by everything in the process."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        """Reach the database at `url`: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.

        Raises:
            ValueError: The URL is of neither form. The message never repeats it, for it may hold a password.
        """
        self._credentials = _credentials(url, pool_size)
        self.dialect = "sqlite" if self._credentials["engine"] == "models.sqlite" else "postgres"
        # Tortoise's own queues wait for ever; this one gives up in time. SQLite has one connection for all.
        self._connections = asyncio.Semaphore(1 if self.dialect == "sqlite" else pool_size)

    @property
    def config(self) -> dict[str, Any]:
        """What Tortoise is started with. The connection bears the dialect's name: Tortoise caches SQL by it."""
        return {
            "connections": {self.dialect: self._credentials},
            "apps": {"models": APPS["models"] | {"default_connection": self.dialect}},
            "use_tz": True,
            "timezone": "UTC",
        }

    async def open(self) -> None:
        """Make the database known to the models. Connections are made when they are first needed."""
        if self.dialect == "sqlite":
            Path(self._credentials["credentials"]["file_path"]).parent.mkdir(parents=True, exist_ok=True)
        await Tortoise.init(config=self.config, _enable_global_fallback=True)

    async def close(self) -> None:
        """Close every connection."""
        await Tortoise.close_connections()

    @property
    def connection(self) -> BaseDBAsyncClient:
        """The connection for statements that the models cannot say: that of the transaction under way, if any."""
        return get_connection(self.dialect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing. On SQLite it holds the write lock from the start.

        Raises:
            DatabaseUnavailable: The database is out of reach, or too busy.
        """
        committed_refusal: CommitAndRaise | None = None
        async with self._slot(), in_transaction(self.dialect):
            try:
                yield
            except CommitAndRaise as refusal:
                committed_refusal = refusal
        if committed_refusal:
            raise committed_refusal.error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Statements that change nothing together, each on its own.

        Raises:
            DatabaseUnavailable: The database is out of reach, or too busy.
        """
        async with self._slot():
            yield

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                await self._connections.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable from error
        try:
            yield
        except (DBConnectionError, OSError, *POSTGRES_UNAVAILABLE) as error:
            raise DatabaseUnavailable from error
        except (OperationalError, TransactionManagementError, sqlite3.OperationalError) as error:
            # Tortoise takes what happens after a failover, such as 25006, for a mistake of ours.
            is_away = isinstance(error.__cause__, POSTGRES_UNAVAILABLE)
            if is_away or any(word in str(error).lower() for word in SQLITE_UNAVAILABLE):
                raise DatabaseUnavailable from error
            raise
        finally:
            self._connections.release()

    async def migrate(self, progress: Callable[[str, str, str], object] | None = None) -> None:
        """Bring the tables up to date. Safe to call from many processes at once: they take turns.

        `progress` is told of each step: `apply_start` or `apply_done`, the app, and the name of the migration.
        """
        async with self._migration_lock():
            await MigrationExecutor(self.connection, self.config["apps"]).migrate(progress=progress)

    @asynccontextmanager
    async def _migration_lock(self) -> AsyncIterator[None]:
        if self.dialect == "sqlite":
            yield
            return
        credentials = self._credentials["credentials"]
        lock = await asyncpg.connect(
            **{key: credentials[key] for key in ("host", "port", "user", "password", "database", "ssl")}
        )
        try:
            await lock.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            yield
        finally:
            await lock.close()

    async def is_current(self) -> bool:
        """Whether every migration has been applied.

        Raises:
            DatabaseUnavailable: The database is out of reach.
        """
        async with self.reading():
            # Tortoise takes a database that does not answer for one without tables.
            await self.connection.execute_query("SELECT 1")
            try:
                return not await MigrationExecutor(self.connection, self.config["apps"]).plan()
            except OperationalError as error:
                if "no such table" in str(error) or "does not exist" in str(error):
                    return False
                raise


async def _leave_as_it_is(_connection: object) -> None:
    """Spare each use of a connection one more round trip to reset it.

    asyncpg itself rolls back what is open; nothing of ours sets a variable, listens, or takes a lock that outlives its
    transaction.
    """


def _credentials(url: str, pool_size: int) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and (path := url.removeprefix("sqlite://")):
        return {
            "engine": "models.sqlite",
            # NORMAL would lose the newest commits in a power cut: a spent code would be unspent again.
            "credentials": {"file_path": path, "synchronous": "FULL", "busy_timeout": STATEMENT_TIMEOUT_MS},
        }
    if parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1:
        options = dict(parse_qsl(parts.query))
        return {
            "engine": "models.postgres",
            "credentials": {
                "host": options.get("host") or parts.hostname or "127.0.0.1",
                "port": parts.port or 5432,
                "user": unquote(parts.username or "postgres"),
                "password": unquote(parts.password) if parts.password else None,
                "database": unquote(parts.path[1:]),
                "ssl": options.get("sslmode", "prefer"),
                "minsize": 1,
                "maxsize": pool_size,
                "reset": _leave_as_it_is,
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": STATEMENT_TIMEOUT_MS / 1000 + 1,
                "server_settings": {
                    "application_name": "countersign",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(2 * STATEMENT_TIMEOUT_MS),
                },
            },
        }
    message = "the database URL must be sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
    raise ValueError(message)
