"""Which statements wait for others and which do not, and what runs after a commit."""

import asyncio

import pytest
from tortoise.backends.asyncpg.client import TransactionWrapper

from accounts.services import Services
from models import Company
from models.after_commit import after_commit
from models.backends.sqlite import ImmediateTransaction
from models.database import (
    CLEANUP_LOCK,
    CommitAndRaise,
    DatabaseUnavailable,
    one_connection_at_a_time,
)


async def test_read_does_not_wait_for_a_transaction(services: Services) -> None:
    """A transaction can take long: on SQLite each commit waits for the disk."""
    has_written = asyncio.Event()

    async def read() -> set[str]:
        await has_written.wait()
        return await _names(services)

    # Start it here. In the block, the new task would share the transaction.
    reading = asyncio.create_task(read())
    async with services.database.transaction():
        await Company.create(name="not committed", created_at=services.now())
        has_written.set()

        assert "not committed" not in await asyncio.wait_for(reading, 5)

    assert "not committed" in await _names(services)


async def test_read_after_a_commit_sees_the_change(services: Services) -> None:
    """Also on SQLite, where reads have their own connections."""
    for number in range(10):
        async with services.database.transaction():
            await Company.create(name=f"company {number}", created_at=services.now())

        assert f"company {number}" in await _names(services)


async def test_reads_of_one_operation_run_one_after_the_other(services: Services) -> None:
    """Otherwise an operation with many fields could use all connections, and others would wait for all its reads."""
    running, most = 0, 0

    async def read() -> None:
        nonlocal running, most
        async with services.database.reading():
            running += 1
            most = max(most, running)
            await Company.all().count()
            running -= 1

    with one_connection_at_a_time():
        await asyncio.gather(*(read() for _ in range(10)))
    assert most == 1

    await asyncio.gather(*(read() for _ in range(10)))
    assert most > 1


class SomeError(Exception):
    """Raised in a transaction."""


async def test_calls_after_the_commit_and_not_after_a_rollback(services: Services) -> None:
    """A call sees what was committed. `CommitAndRaise` commits too."""
    calls: list[str] = []

    async with services.database.transaction():
        after_commit(lambda: calls.append("committed"))
        assert calls == []
    for error in (SomeError(), CommitAndRaise(SomeError())):
        with pytest.raises(SomeError):
            await _raise_in_transaction(services, error, calls)
    async with services.database.exclusive_transaction(CLEANUP_LOCK):
        after_commit(lambda: calls.append("committed exclusively"))

    assert calls == ["committed", "CommitAndRaise", "committed exclusively"]


async def _raise_in_transaction(services: Services, error: Exception, calls: list[str]) -> None:
    async with services.database.transaction():
        after_commit(lambda: calls.append(type(error).__name__))
        raise error


async def test_calls_nothing_if_the_commit_fails(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may be unavailable at the commit."""
    calls: list[str] = []

    async def fail(_transaction: object) -> None:
        raise OSError

    monkeypatch.setattr(ImmediateTransaction, "commit", fail)
    monkeypatch.setattr(TransactionWrapper, "commit", fail)
    with pytest.raises(DatabaseUnavailable):
        async with services.database.transaction():
            after_commit(lambda: calls.append("committed"))

    assert calls == []


async def _names(services: Services) -> set[str]:
    async with services.database.reading():
        return {company.name for company in await Company.all()}
