"""The SQLite client. Every transaction starts with BEGIN IMMEDIATE, and a transaction that fails is rolled back.

Tortoise starts transactions with a deferred BEGIN. If two processes read and then write, one of them fails at once with
"database is locked", whatever the busy timeout. With BEGIN IMMEDIATE the second process waits
(https://sqlite.org/lang_transaction.html).

All tasks share one connection. A COMMIT that fails, for example on a full disk, can leave its transaction open. Without
a rollback the next BEGIN of any task fails, and all later ones too.
"""

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from types import TracebackType

import aiosqlite
from tortoise.backends.base.client import ConnectionWrapper, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError
from typing_extensions import override


class ReleasingConnectionWrapper(ConnectionWrapper[aiosqlite.Connection]):
    """Releases the lock on the shared connection if the connection cannot be opened. Tortoise keeps it for ever."""

    @override
    async def __aenter__(self) -> aiosqlite.Connection:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock at BEGIN."""

    @override
    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class ImmediateTransactionContext(SqliteTransactionContext):
    """Rolls back and releases the connection also if BEGIN or COMMIT fails."""

    @override
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            try:
                await self.connection.begin()
            except BaseException:
                # A task that was cancelled while BEGIN waited for the write lock may have got the lock.
                await self.connection.rollback()
                raise
            self.token = get_connections().set(self.connection_name, self.connection)
        except BaseException:
            self._trxlock.release()
            raise
        return self.connection  # type: ignore[no-any-return]  # Tortoise types the connection as Any

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        try:
            if kind is None:
                try:
                    await self.connection.commit()
                except BaseException:
                    await self.connection.rollback()
                    raise
            else:
                await self.connection.rollback()
        finally:
            self._trxlock.release()


class ImmediateSqliteClient(SqliteClient):
    """The SQLite client with `ImmediateTransactionContext`."""

    @override
    async def create_connection(self, with_db: bool) -> None:
        try:
            _create_for_owner_only(Path(self.filename))
            _require_readable_file(Path(self.filename))
            await super().create_connection(with_db)
        except BaseException:
            # A connection without all its PRAGMAs does not check foreign keys.
            await self.close()
            raise

    @override
    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        return ReleasingConnectionWrapper(self._lock, self)

    @override
    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


def _create_for_owner_only(path: Path) -> None:
    """Create the file if it is missing. Other users of the machine cannot read it, nor the files that SQLite adds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _require_readable_file(path: Path) -> None:
    """Raise an error that SQLite would raise too.

    If SQLite raises it, the thread of aiosqlite may outlive the event loop, and then prints a traceback.
    """
    if path.is_dir() or not os.access(path, os.R_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))


# Tortoise looks for this name in the module of an engine.
client_class = ImmediateSqliteClient
