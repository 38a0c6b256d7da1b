"""PostgreSQL as we run it: a transaction that cannot begin or end leaves nothing behind in the task that wanted it.

Tortoise makes a connection the task's own before BEGIN has been answered, and takes it back after the connection has
been given back to the pool. Where the server goes away at either moment, the task would keep the dead connection: every
later transaction of a task that lives on, as the one that sends letters, would fail for good.
"""

import contextlib
from types import TracebackType

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from typing_extensions import override


class TidyTransactionContext(TransactionContextPooled):
    """Gives the connection back, and lets the task forget it, however BEGIN and COMMIT go."""

    client: TransactionWrapper

    @override
    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        self.client._connection = await self._pool.acquire()  # noqa: SLF001  # as Tortoise does it
        try:
            await self.client.begin()
        except BaseException:
            await self._give_back()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        try:
            if kind is None:
                await self.client.commit()
            else:
                await self.client.rollback()
        finally:
            await self._give_back()

    @property
    def _pool(self) -> asyncpg.Pool:
        return self.client._parent._pool  # noqa: SLF001  # as Tortoise does it

    async def _give_back(self) -> None:
        # What is committed stays committed, even if the connection breaks while it is tidied up: asyncpg ends it then.
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await self._pool.release(self.client._connection)  # noqa: SLF001  # as Tortoise does it


class TidyPostgresClient(AsyncpgDBClient):
    """The PostgreSQL client whose transactions leave nothing behind."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return TidyTransactionContext(TransactionWrapper(self), self._pool_init_lock)


# The name by which Tortoise finds the client of an engine.
client_class = TidyPostgresClient
