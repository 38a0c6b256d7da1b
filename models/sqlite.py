"""SQLite as we run it: every transaction begins IMMEDIATE, and leaves nothing behind where it cannot begin or end.

Tortoise begins transactions deferred. Two processes that read and then write would then fail at once with "database is
locked", whatever the busy timeout; beginning IMMEDIATE makes the second one wait for its turn instead
(https://sqlite.org/lang_transaction.html).

All tasks share one connection. A COMMIT that fails, as on a full disk, can leave its transaction open; the next BEGIN
of whichever task would then fail, and so on for ever, if it were not rolled back.
"""

import sqlite3
from types import TracebackType

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError
from typing_extensions import override


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock when it begins."""

    @override
    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class ImmediateTransactionContext(SqliteTransactionContext):
    """Rolls back and gives the connection back also where the transaction cannot begin or end."""

    @override
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            try:
                await self.connection.begin()
            except BaseException:
                # Whoever was cancelled while BEGIN waited for the write lock may get it all the same.
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
    """The SQLite client whose transactions begin IMMEDIATE."""

    @override
    async def create_connection(self, with_db: bool) -> None:
        try:
            await super().create_connection(with_db)
        except BaseException:
            # Without all its PRAGMAs it would check no foreign keys.
            await self.close()
            raise

    @override
    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


# The name by which Tortoise finds the client of an engine.
client_class = ImmediateSqliteClient
