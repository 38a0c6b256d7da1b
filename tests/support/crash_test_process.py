"""Run one request in a child process that is killed at a chosen point.

The child process is forked from a fork server that has imported the modules, so that a start takes little time.
"""

from tests.support import cheap_hashes  # noqa: F401  # before the modules that read the parameters

# isort: split
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

from models.backends.sqlite import ImmediateTransaction
from settings import Settings
from tests.support.app_harness import app_harness
from tests.support.scenarios import Request

STATEMENT, BEFORE_COMMIT, AFTER_COMMIT = "statement", "before the commit", "after the commit"

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class _KillPoints(logging.Handler):
    """Records the points that the process reaches, and kills the process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        super().__init__(logging.DEBUG)
        self.reached: list[str] = []
        self._kill_at = kill_at

    def emit(self, _record: logging.LogRecord) -> None:
        self.reach(STATEMENT)

    def reach(self, point: str) -> None:
        if len(self.reached) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.reached.append(point)

    def wrap_commit(self, commit: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def wrapped(transaction: Any) -> None:  # noqa: ANN401  # of either database
            self.reach(BEFORE_COMMIT)
            await commit(transaction)
            self.reach(AFTER_COMMIT)

        return wrapped


def run_request(database_url: str, now: datetime, request: Request, kill_at: int | None) -> tuple[int, list[str]]:
    """Run a request in a child process. If `kill_at` is the index of a point, kill the process there.

    Returns:
        The exit code as in `subprocess`, and the points that the process reached. If it was killed, no points.

    """
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_child_main, args=(database_url, now, request, kill_at, theirs), daemon=True)
    process.start()
    theirs.close()
    process.join()
    assert process.exitcode is not None
    points = ours.recv() if process.exitcode == 0 else []
    ours.close()
    return process.exitcode, points


def _child_main(
    database_url: str, now: datetime, request: Request, kill_at: int | None, connection: Connection
) -> None:
    points = _KillPoints(kill_at)
    asyncio.run(_send(Settings(database_url=database_url), now, request, points))
    connection.send(points.reached)


async def _send(settings: Settings, now: datetime, request: Request, points: _KillPoints) -> None:
    # The patch does not have to be undone: this child process ends after the request.
    for kind in (ImmediateTransaction, TransactionWrapper):
        setattr(kind, "commit", points.wrap_commit(kind.commit))  # noqa: B010  # mypy rejects assignment to a method
    async with app_harness(settings, lambda: now) as harness:
        statements = logging.getLogger("tortoise.db_client")
        statements.addHandler(points)
        statements.setLevel(logging.DEBUG)
        await harness.outcome(request)
        statements.removeHandler(points)
