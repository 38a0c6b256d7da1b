"""The load: a client that keeps some connections busy, to be run in a process of its own."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
FAILURES_SHOWN = 3


@dataclass
class Outcome:
    """How the requests of a run went."""

    seconds: float = 0.0
    # Of those that answered as expected, in the order in which they ended.
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    # Of those that did not, as far as there is room.
    failure_latencies: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    # The answers themselves, in the order of the requests where there was one connection.
    answers: list[bytes] = field(default_factory=list)


def p99(times: Sequence[float]) -> float:
    """The time that one of a hundred exceeds."""
    return sorted(times)[int(len(times) * 0.99)]


def request(path: str, body: object, *, session_token: str | None = None) -> bytes:
    """A POST of JSON, as it goes over the wire."""
    content = json.dumps(body, separators=(",", ":")).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "Accept: application/json",
        "User-Agent: bench",
        f"Content-Length: {len(content)}",
    ]
    if session_token:
        lines.append(f"Authorization: Bearer {session_token}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def run(
    port: int, requests: Sequence[bytes], connections: int, expected: bytes, seconds: float | None = None
) -> Outcome:
    """Send each request once, or over and over for some seconds, and look for what is expected in the answers."""
    outcome = Outcome()
    source: Iterable[bytes] = requests if seconds is None else itertools.cycle(requests)
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    uvloop.run(_run(port, iter(source), connections, expected, end, outcome))
    return outcome


async def _run(  # noqa: PLR0913, PLR0917  # what `run` was told
    port: int, source: Iterator[bytes], connections: int, expected: bytes, end: float, outcome: Outcome
) -> None:
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    began = time.perf_counter()
    async with asyncio.TaskGroup() as clients:
        for reader, writer in streams:
            clients.create_task(_client(reader, writer, source, expected, end, outcome))
    outcome.seconds = time.perf_counter() - began


async def _client(  # noqa: PLR0913, PLR0917  # the same, and a connection
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    source: Iterator[bytes],
    expected: bytes,
    end: float,
    outcome: Outcome,
) -> None:
    for sent in source:
        began = time.perf_counter()
        if began >= end:
            break
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        took = time.perf_counter() - began
        if expected in body:
            outcome.latencies.append(took)
            outcome.answers.append(body)
        else:
            outcome.failures += 1
            outcome.failure_latencies.append(took)
            if len(outcome.failed) < FAILURES_SHOWN:
                outcome.failed.append((head[:12] + body[:300]).decode())
    writer.close()
