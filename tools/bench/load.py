"""An HTTP client that keeps several connections busy. It runs in its own process.

The client must use less CPU time than the servers. Otherwise the benchmark would measure the client. httpx uses more:
in a run of `python -m tools.bench.load_comparison`, it sent 107 requests/s and used 4.3 ms of CPU for each. This client
sent 927 requests/s to the same server and used 0.10 ms for each, 42 times less.
"""

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
    """The results of the requests of one run."""

    seconds: float = 0.0
    # In seconds, of the responses that contain the expected bytes, in the order in which they arrived.
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    failure_latencies: list[float] = field(default_factory=list)
    # The start of the first failed responses, at most FAILURES_SHOWN.
    failure_examples: list[str] = field(default_factory=list)
    # The expected responses. With one connection they are in the order of the requests.
    responses: list[bytes] = field(default_factory=list)


def p99(times: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return sorted(times)[int(len(times) * 0.99)]


def build_request(
    path: str, body: object, *, session_token: str | None = None, forwarded_for: str | None = None
) -> bytes:
    """Return the bytes of a POST request with a JSON body."""
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
    if forwarded_for:
        lines.append(f"X-Forwarded-For: {forwarded_for}")
    return "\r\n".join([*lines, "", ""]).encode() + content


async def read_response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the head and the body of the next response. A body without Content-Length is not read."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = CONTENT_LENGTH.search(head)
    return head, await reader.readexactly(int(length[1])) if length else b""


def run(
    port: int, requests: Sequence[bytes], connections: int, expected: bytes, seconds: float | None = None
) -> Outcome:
    """Send each request once, or repeat them all for `seconds`. A response without `expected` counts as a failure."""
    outcome = Outcome()
    source: Iterable[bytes] = requests if seconds is None else itertools.cycle(requests)
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    uvloop.run(_run(port, iter(source), connections, expected, end, outcome))
    return outcome


async def _run(  # noqa: PLR0913, PLR0917  # the parameters of `run`
    port: int, source: Iterator[bytes], connections: int, expected: bytes, end: float, outcome: Outcome
) -> None:
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    async with asyncio.TaskGroup() as clients:
        for reader, writer in streams:
            clients.create_task(_client(reader, writer, source, expected, end, outcome))
    outcome.seconds = time.perf_counter() - started


async def _client(  # noqa: PLR0913, PLR0917  # the same and a connection
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    source: Iterator[bytes],
    expected: bytes,
    end: float,
    outcome: Outcome,
) -> None:
    for sent in source:
        started = time.perf_counter()
        if started >= end:
            break
        writer.write(sent)
        head, body = await read_response(reader)
        took = time.perf_counter() - started
        if expected in body:
            outcome.latencies.append(took)
            outcome.responses.append(body)
        else:
            outcome.failures += 1
            outcome.failure_latencies.append(took)
            if len(outcome.failure_examples) < FAILURES_SHOWN:
                outcome.failure_examples.append((head[:12] + body[:300]).decode())
    writer.close()
