"""SQLite as we run it: every transaction begins IMMEDIATE.

Tortoise begins transactions deferred. Two processes that read and then write would then fail at once with "database is
locked", whatever the busy timeout; beginning IMMEDIATE makes the second one wait for its turn instead
(https://sqlite.org/lang_transaction.html).
"""

import sqlite3

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
    """Gives the connection back also where the transaction cannot begin."""

    @override
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
            self.token = get_connections().set(self.connection_name, self.connection)
        except BaseException:
            self._trxlock.release()
            raise
        return self.connection  # type: ignore[no-any-return]  # Tortoise types the connection as Any


class ImmediateSqliteClient(SqliteClient):
    """The SQLite client whose transactions begin IMMEDIATE."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


# The name by which Tortoise finds the client of an engine.
client_class = ImmediateSqliteClient
