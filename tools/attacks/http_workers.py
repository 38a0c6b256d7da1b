"""Worker processes, each with the whole application, that send requests to one database at the same time."""

import asyncio
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.scenarios import Request
from transport.logs import configure_logging

PROCESSES = 2

# The workers are forked from a fork server that has imported the modules.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class HttpWorkers:
    """The worker processes, ready for requests."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections

    def send_concurrently(self, requests: Sequence[Request], now: datetime) -> list[str]:
        """Send the requests at once, spread over the workers in turn. Return the outcomes in the same order."""
        for number, connection in enumerate(self._connections):
            connection.send((now, requests[number :: len(self._connections)]))
        outcomes = [""] * len(requests)
        for number, connection in enumerate(self._connections):
            outcomes[number :: len(self._connections)] = connection.recv()
        return outcomes


@contextmanager
def http_workers(settings: Settings) -> Iterator[HttpWorkers]:
    """Start two worker processes, and stop them when the block ends."""
    pipes = [_processes.Pipe() for _ in range(PROCESSES)]
    barrier = _processes.Barrier(PROCESSES)
    processes = [
        _processes.Process(target=_worker_main, args=(settings, theirs, barrier), daemon=True) for _, theirs in pipes
    ]
    for process in processes:
        process.start()
    for _, theirs in pipes:
        theirs.close()
    try:
        yield HttpWorkers([ours for ours, _ in pipes])
    finally:
        for ours, _ in pipes:
            ours.close()
        for process in processes:
            process.join()


def _worker_main(settings: Settings, connection: Connection, barrier: Barrier) -> None:
    # Log unexpected errors only, not tens of thousands of requests.
    configure_logging("ERROR", "text", stream=sys.stderr)
    asyncio.run(_handle_batches(settings, connection, barrier))


async def _handle_batches(settings: Settings, connection: Connection, barrier: Barrier) -> None:
    times: list[datetime] = []
    async with app_harness(settings, lambda: times[-1]) as harness:
        while True:
            try:
                now, requests = await asyncio.to_thread(connection.recv)
            except EOFError:
                return
            times.append(now)
            await asyncio.to_thread(barrier.wait)
            connection.send(await _send_all(harness, requests))


async def _send_all(harness: AppHarness, requests: Sequence[Request]) -> list[str]:
    return list(await asyncio.gather(*(harness.outcome(request) for request in requests)))
