"""The connection to the database: transactions, migrations, and which errors mean that the database is unavailable."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import DBConnectionError, OperationalError, TransactionManagementError
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

from models.after_commit import calling_after_commit
from models.backends.postgres import PostgresClient
from models.database_url import STATEMENT_TIMEOUT_MS, parse_database_url

# The maximum time that a request waits for a free connection.
ACQUIRE_TIMEOUT_S = 5

# On SQLite, the connections for reads outside a transaction. So reads do not wait for the disk, as each commit does,
# and short reads do not wait for a long one.
SQLITE_READERS = tuple(f"sqlite_reader_{number}" for number in range(3))

# The keys of PostgreSQL advisory locks. Any numbers that no other program uses in this database.
MIGRATION_LOCK = 2_026_112_401
CLEANUP_LOCK = 2_026_112_402
REMINDER_LOCK = 2_026_112_403
# With old statistics PostgreSQL would rather read or sort a whole table than use an index.
# Work that a crash undoes is repeated, so the commit does not wait for the disk.
LOCK_AND_SETTINGS = """
    SELECT pg_try_advisory_xact_lock($1) AS has_lock, set_config('synchronous_commit', 'off', true),
        set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true)
"""

APPS = {"models": {"models": ["models"], "migrations": "models.migrations"}}

# For Tortoise's command line (`python -m tortoise makemigrations`), which needs a database.
MIGRATIONS_CONFIG = {
    "connections": {"sqlite": {"engine": "models.backends.sqlite", "credentials": {"file_path": ":memory:"}}},
    "apps": {"models": APPS["models"] | {"default_connection": "sqlite"}},
    "use_tz": True,
}

# The errors of asyncpg that mean: the server is unavailable or cannot run this statement now, and a retry may succeed.
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
    """Raised when the database cannot be used now. The same request may succeed later."""

    # What is overloaded, as `security.errors.OverloadedError` names it.
    source = "database"


class LockTaken(Exception):
    """Raised when another transaction has the lock that a transaction needs. It did nothing."""


class UnknownMigrations(Exception):
    """Raised when a database has migrations that this version does not have. `names` are their names."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"the database has migrations that this version does not know: {', '.join(names)}")
        self.names = names


class MigrationRefused(Exception):
    """Raised when a migration cannot change the rows as they are. The message says what the operator can do."""


class CommitAndRaise(Exception):
    """Commit the transaction, then raise `error` outside it.

    For an error that must leave an audit event. Any other exception that leaves the transaction rolls the event back.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


# The lock of the current request, see `one_connection_at_a_time`.
_request_lock: ContextVar[asyncio.Lock | None] = ContextVar("request_lock", default=None)


@contextmanager
def one_connection_at_a_time() -> Iterator[None]:
    """Let the block and the tasks that it starts use one connection at a time.

    Otherwise a request with many fields could use all connections, and others would wait for all its statements.
    """
    token = _request_lock.set(asyncio.Lock())
    try:
        yield
    finally:
        _request_lock.reset(token)


class Database:
    """A database and the connections of this process."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        """Use the database at `url`: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.

        Raises:
            ValueError: The URL has another form. The message never contains it, since it may hold a password.
        """
        self._credentials = parse_database_url(url, pool_size)
        self.dialect = "sqlite" if self._credentials["engine"] == "models.backends.sqlite" else "postgres"
        # Tortoise's own queue for connections has no timeout. On SQLite there is one connection for all transactions.
        is_sqlite = self.dialect == "sqlite"
        self._connections = asyncio.Semaphore(1 if is_sqlite else pool_size)
        self._readers = asyncio.Semaphore(len(SQLITE_READERS)) if is_sqlite else self._connections
        self._free_readers = list(SQLITE_READERS)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of Tortoise. Tortoise caches SQL by connection name, so the name is the dialect."""
        aliases = (self.dialect, *SQLITE_READERS) if self.dialect == "sqlite" else (self.dialect,)
        return {
            "connections": dict.fromkeys(aliases, self._credentials),
            "apps": {"models": APPS["models"] | {"default_connection": self.dialect}},
            "use_tz": True,
            "timezone": "UTC",
        }

    async def open(self) -> None:
        """Initialise Tortoise. It opens connections when they are first used."""
        await Tortoise.init(config=self.config, _enable_global_fallback=True)
        if self.dialect == "sqlite":
            # Create the clients here. A client that a task creates is not known to other tasks.
            for alias in SQLITE_READERS:
                get_connections().get(alias)

    async def close(self) -> None:
        """Close every connection."""
        await Tortoise.close_connections()

    @property
    def connection(self) -> BaseDBAsyncClient:
        """The connection of the current transaction, or one without a transaction."""
        return get_connection(self.dialect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Run the block in a transaction. On SQLite it holds the write lock from the start.

        Raises:
            DatabaseUnavailable: The database is unavailable or overloaded.
        """
        committed_error: CommitAndRaise | None = None
        with calling_after_commit():
            async with self._slot(self._connections), in_transaction(self.dialect):
                try:
                    yield
                except CommitAndRaise as signal:
                    committed_error = signal
        if committed_error:
            raise committed_error.error

    @asynccontextmanager
    async def exclusive_transaction(self, lock: int) -> AsyncIterator[None]:
        """Run work of the background while no other process runs a transaction with this lock. Never wait for the lock.

        On SQLite the lock is the write lock, which every transaction takes. On PostgreSQL statements use indexes.

        Raises:
            LockTaken: Another process has the lock.
            DatabaseUnavailable: The database is unavailable or overloaded.
        """
        with calling_after_commit():
            async with self._slot(self._connections), AsyncExitStack() as transaction:
                if self.dialect == "sqlite":
                    await self._begin_without_waiting(transaction)
                else:
                    await transaction.enter_async_context(in_transaction(self.dialect))
                    (row,) = await self.connection.execute_query_dict(LOCK_AND_SETTINGS, [lock])
                    if not row["has_lock"]:
                        raise LockTaken
                yield

    async def _begin_without_waiting(self, transaction: AsyncExitStack) -> None:
        # All tasks of this process share the connection, so they would wait too.
        await self.connection.execute_query("PRAGMA busy_timeout = 0")
        try:
            await transaction.enter_async_context(in_transaction(self.dialect))
        except OperationalError as error:
            if "locked" in str(error):
                raise LockTaken from error
            raise
        finally:
            await self.connection.execute_query(f"PRAGMA busy_timeout = {STATEMENT_TIMEOUT_MS}")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Run the statements of the block without a transaction.

        Raises:
            DatabaseUnavailable: The database is unavailable or overloaded.
        """
        async with self._slot(self._readers):
            if self.dialect == "postgres":
                yield
                return
            connections = get_connections()
            alias = self._free_readers.pop()
            token = connections.set(self.dialect, connections.get(alias))
            try:
                yield
            finally:
                connections.reset(token)
                self._free_readers.append(alias)

    @asynccontextmanager
    async def _slot(self, connections: asyncio.Semaphore) -> AsyncIterator[None]:
        async with _request_lock.get() or nullcontext(), self._acquired(connections):
            yield

    @staticmethod
    @asynccontextmanager
    async def _acquired(connections: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                await connections.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable from error
        try:
            yield
        except (DBConnectionError, OSError, *POSTGRES_UNAVAILABLE) as error:
            raise DatabaseUnavailable from error
        except (OperationalError, TransactionManagementError, sqlite3.OperationalError) as error:
            # Tortoise maps errors after a failover, such as 25006, to errors of the program.
            is_away = isinstance(error.__cause__, POSTGRES_UNAVAILABLE)
            if is_away or any(word in str(error).lower() for word in SQLITE_UNAVAILABLE):
                raise DatabaseUnavailable from error
            raise
        finally:
            connections.release()

    async def migrate(self, progress: Callable[[str, str, str], object] | None = None) -> None:
        """Apply all migrations. Many processes may call it at the same time: a lock makes them run one after the other.

        The function calls `progress` with `apply_start` or `apply_done`, the app, and the name of the migration.

        Raises:
            UnknownMigrations: The database is from before the first release, or from a newer version.
            MigrationRefused: A migration cannot change the rows as they are. It changed nothing.
            DatabaseUnavailable: The database is unavailable.
        """
        async with (
            self._slot(self._connections),
            self._migration_lock(),
            self._migration_connection() as connection,
        ):
            executor = MigrationExecutor(connection, self.config["apps"])
            executor.loader.load_disk()
            applied = set(await executor.recorder.applied_migrations())
            if unknown := applied - set(executor.loader.disk_migrations):
                raise UnknownMigrations(sorted(key.name for key in unknown))
            await executor.migrate(progress=progress)

    @asynccontextmanager
    async def _migration_connection(self) -> AsyncIterator[BaseDBAsyncClient]:
        """Connect to PostgreSQL without a limit on the time of a statement. A migration of a large table takes long."""
        if self.dialect == "sqlite":
            yield self.connection
            return
        credentials = self._credentials["credentials"]
        settings = credentials["server_settings"] | {"statement_timeout": "0"}
        client = PostgresClient(
            **credentials | {"maxsize": 1, "command_timeout": None, "server_settings": settings},
            connection_name=self.dialect,
        )
        connections = get_connections()
        token = connections.set(self.dialect, client)
        try:
            await client.create_connection(with_db=True)
            yield client
        finally:
            connections.reset(token)
            await client.close()

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

    async def is_writable(self) -> bool:
        """Return whether transactions can write. After a failover PostgreSQL can be read-only.

        Raises:
            DatabaseUnavailable: The database is unavailable or overloaded.
        """
        async with self.transaction():
            if self.dialect == "sqlite":
                # BEGIN IMMEDIATE has succeeded, which fails for a read-only file.
                return True
            rows = await self.connection.execute_query_dict("SELECT current_setting('transaction_read_only') AS value")
            return bool(rows[0]["value"] == "off")

    async def is_current(self) -> bool:
        """Return whether all migrations are applied.

        Raises:
            DatabaseUnavailable: The database is unavailable.
        """
        async with self.reading():
            # Otherwise Tortoise treats an unavailable database like one without tables.
            await self.connection.execute_query("SELECT 1")
            try:
                return not await MigrationExecutor(self.connection, self.config["apps"]).plan()
            except OperationalError as error:
                if "no such table" in str(error) or "does not exist" in str(error):
                    return False
                raise
