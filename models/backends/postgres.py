"""The PostgreSQL client. If a transaction cannot begin or end, its task does not keep the connection.

Tortoise assigns a connection to the task before BEGIN is answered, and removes it after it has released the connection
to the pool. If the server fails at either moment, the task keeps the dead connection. In a long-running task, such as
the email worker, every later transaction then fails.

If a task is cancelled, for example by Ctrl-C, its transaction ends with CancelledError. An error of the rollback does
not replace it. Otherwise the caller would report an unavailable database.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from types import TracebackType

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from typing_extensions import override

CONNECTION_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class ReleasingTransactionContext(TransactionContextPooled):
    """Releases the connection and removes it from the task, whatever the result of BEGIN and COMMIT."""

    client: TransactionWrapper

    @override
    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        self.client._connection = await self._pool.acquire()  # noqa: SLF001  # Tortoise does the same
        try:
            with self._closing_if_cancelled():
                await self.client.begin()
        except BaseException:
            await self._release()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        try:
            with self._closing_if_cancelled():
                if kind is None:
                    await self.client.commit()
                else:
                    await self._rollback(error)
        finally:
            await self._release()

    async def _rollback(self, error: BaseException | None) -> None:
        try:
            await self.client.rollback()
        except CONNECTION_ERRORS:
            # The server rolls back when the connection ends.
            if not isinstance(error, asyncio.CancelledError):
                raise

    @contextlib.contextmanager
    def _closing_if_cancelled(self) -> Iterator[None]:
        """Close the connection if BEGIN, COMMIT or ROLLBACK is cancelled.

        The server may or may not have executed the statement. If the connection returned to the pool, asyncpg would log
        an error about an open transaction.
        """
        try:
            yield
        except asyncio.CancelledError:
            self.client._connection.terminate()  # noqa: SLF001  # Tortoise has no public name for it
            raise

    @property
    def _pool(self) -> asyncpg.Pool:
        return self.client._parent._pool  # noqa: SLF001  # Tortoise does the same

    async def _release(self) -> None:
        # If the connection breaks here, the commit is not affected, and asyncpg closes the connection.
        with contextlib.suppress(*CONNECTION_ERRORS):
            await self._pool.release(self.client._connection)  # noqa: SLF001  # Tortoise does the same


class PostgresClient(AsyncpgDBClient):
    """The PostgreSQL client with `ReleasingTransactionContext`."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return ReleasingTransactionContext(TransactionWrapper(self), self._pool_init_lock)


# Tortoise looks for this name in the module of an engine.
client_class = PostgresClient
