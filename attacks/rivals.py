"""Processes that send requests to one database at the same moment, each with the whole application to itself."""

import asyncio
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from attacks.deeds import Request
from attacks.served import Served, served
from settings import Settings
from transport.logs import configure_logging

PROCESSES = 2

# Forked from a server that has imported everything already.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


class Rivals:
    """The processes, waiting for requests."""

    def __init__(self, told: Sequence[Connection]) -> None:
        self._told = told

    def rush(self, requests: Sequence[Request], now: datetime) -> list[str]:
        """Send them all at once, dealt out to the processes in turn. Their answers, in the same order."""
        for number, told in enumerate(self._told):
            told.send((now, requests[number :: len(self._told)]))
        answers = [""] * len(requests)
        for number, told in enumerate(self._told):
            answers[number :: len(self._told)] = told.recv()
        return answers


@contextmanager
def rivals(settings: Settings) -> Iterator[Rivals]:
    """Two processes, for as long as the block lasts."""
    pipes = [_processes.Pipe() for _ in range(PROCESSES)]
    together = _processes.Barrier(PROCESSES)
    living = [_processes.Process(target=_live, args=(settings, theirs, together), daemon=True) for _, theirs in pipes]
    for process in living:
        process.start()
    for _, theirs in pipes:
        theirs.close()
    try:
        yield Rivals([ours for ours, _ in pipes])
    finally:
        for ours, _ in pipes:
            ours.close()
        for process in living:
            process.join()


def _live(settings: Settings, told: Connection, together: Barrier) -> None:
    # What nobody expects is worth a line; tens of thousands of requests are not.
    configure_logging("ERROR", "text", stream=sys.stderr)
    asyncio.run(_serve(settings, told, together))


async def _serve(settings: Settings, told: Connection, together: Barrier) -> None:
    moments: list[datetime] = []
    async with served(settings, lambda: moments[-1]) as service:
        while True:
            try:
                now, requests = await asyncio.to_thread(told.recv)
            except EOFError:
                return
            moments.append(now)
            await asyncio.to_thread(together.wait)
            told.send(await _send_all(service, requests))


async def _send_all(service: Served, requests: Sequence[Request]) -> list[str]:
    return list(await asyncio.gather(*(service.answer(request) for request in requests)))
