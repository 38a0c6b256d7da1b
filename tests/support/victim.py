"""A process that does one deed and is killed at a chosen point of it.

It is forked from a server that has imported everything already, so that many can be killed in little time.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from tortoise.backends.asyncpg.client import TransactionWrapper

from attacks.deeds import Request
from attacks.served import served
from models.sqlite import ImmediateTransaction
from settings import Settings

STATEMENT, COMMITTING, COMMITTED = "statement", "before the commit", "after the commit"

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class _Points(logging.Handler):
    """Counts the points that are passed, and ends the process at one of them."""

    def __init__(self, die_at: int | None) -> None:
        super().__init__(logging.DEBUG)
        self.passed: list[str] = []
        self._die_at = die_at

    def emit(self, _record: logging.LogRecord) -> None:
        self.pass_point(STATEMENT)

    def pass_point(self, name: str) -> None:
        if len(self.passed) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(name)

    def watch(self, commit: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def watched(transaction: Any) -> None:  # noqa: ANN401  # of either database
            self.pass_point(COMMITTING)
            await commit(transaction)
            self.pass_point(COMMITTED)

        return watched


def do(database_url: str, now: datetime, request: Request, die_at: int | None) -> tuple[int, list[str]]:
    """Do a deed in a process of its own, killed at the point of this number if one is given.

    Returns:
        How the process ended, as `subprocess` has it, and the points that it passed where it was not killed.

    """
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_live, args=(database_url, now, request, die_at, theirs), daemon=True)
    process.start()
    theirs.close()
    process.join()
    assert process.exitcode is not None
    points = ours.recv() if process.exitcode == 0 else []
    ours.close()
    return process.exitcode, points


def _live(database_url: str, now: datetime, request: Request, die_at: int | None, told: Connection) -> None:
    points = _Points(die_at)
    asyncio.run(_do(Settings(database_url=database_url), now, request, points))
    told.send(points.passed)


async def _do(settings: Settings, now: datetime, request: Request, points: _Points) -> None:
    # In this process, which ends with it.
    for kind in (ImmediateTransaction, TransactionWrapper):
        setattr(kind, "commit", points.watch(kind.commit))  # noqa: B010  # mypy lets no method be assigned
    async with served(settings, lambda: now) as service:
        statements = logging.getLogger("tortoise.db_client")
        statements.addHandler(points)
        statements.setLevel(logging.DEBUG)
        await service.answer(request)
        statements.removeHandler(points)
