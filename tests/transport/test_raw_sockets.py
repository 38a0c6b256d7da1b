"""A real server and raw bytes: attacks H2, H9, H10 and H11."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from app import server_options
from settings import Settings
from tests.transport.toy import toy_app

HELLO = b'{"query":"{ hello }"}'


class Server:
    """A server of the toy on a free port of the loopback interface."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def say(self, *parts: bytes, hang_up: bool = False) -> bytes:
        """Send bytes as they are, and read what comes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return b"" if hang_up else await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The toy behind uvicorn as we run it, with little patience for bodies."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # What the toy brings itself, and what is for several processes.
    own = {"factory": False, "lifespan": "off", "workers": 1}
    config = uvicorn.Config(toy_app(body_timeout_s=0.2), **(server_options(Settings()) | own))
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    # uvicorn tells of its start by a flag alone.
    while not running.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield Server(listener.getsockname()[1])
    running.should_exit = True
    await task


def request(body: bytes, *headers: bytes, method: bytes = b"POST") -> bytes:
    """A request by HTTP/1.1 with these headers."""
    lines = [method + b" /graphql HTTP/1.1", b"Host: api.example", *headers, b"", body]
    return b"\r\n".join(lines)


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])


JSON = b"Content-Type: application/json"
CLOSE = b"Connection: close"


async def test_a_well_formed_request_is_answered(server: Server) -> None:
    """The bytes below are right but for what each test changes."""
    answer = await server.say(request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), CLOSE))

    assert status(answer) == 200
    assert b'{"data":{"hello":"world"}}' in answer
    assert b"server:" not in answer.lower()


async def test_h2_a_slow_body_is_refused_with_408(server: Server) -> None:
    """A body that does not come ends the request and its connection."""
    answer = await server.say(request(HELLO[:5], JSON, b"Content-Length: %d" % len(HELLO)))

    assert status(answer) == 408
    assert b"connection: close" in answer.lower()


async def test_h2_a_large_body_is_refused_before_it_is_sent(server: Server) -> None:
    """30 MiB that are announced are not waited for."""
    answer = await server.say(request(b"", JSON, b"Content-Length: 31457280"))

    assert status(answer) == 413


async def test_h2_a_large_body_in_chunks_is_refused_as_soon_as_it_is_too_large(server: Server) -> None:
    """Chunks announce nothing, so they are counted."""
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = await server.say(request(chunk * 5, JSON, b"Transfer-Encoding: chunked"))

    assert status(answer) == 413


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([b"Content-Length: 5", b"Transfer-Encoding: chunked"], id="length and chunks"),
        pytest.param([b"Content-Length: 5", b"Content-Length: 6"], id="two lengths"),
        pytest.param([b"Content-Length: -1"], id="a negative length"),
        pytest.param([b"Content-Length: 0x5"], id="a length that is no number"),
        pytest.param([b"X: y\x00z", b"Content-Length: 0"], id="NUL in a header"),
        pytest.param([b"X" * 70_000 + b": y", b"Content-Length: 0"], id="a huge header"),
    ],
)
async def test_h9_what_could_be_read_in_two_ways_is_refused(server: Server, headers: list[bytes]) -> None:
    """A proxy before us must not see other requests than we do."""
    answer = await server.say(request(HELLO, JSON, *headers, CLOSE))

    assert status(answer) in {400, 413, 431}


async def test_h10_a_websocket_is_refused(server: Server) -> None:
    """The upgrade is not made; what is left is a GET."""
    answer = await server.say(
        request(
            b"",
            b"Connection: Upgrade, close",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Protocol: graphql-transport-ws",
            method=b"GET",
        )
    )

    assert 400 <= status(answer) < 500
    assert b"101 Switching" not in answer


async def test_h11_a_client_that_hangs_up_harms_nobody(server: Server) -> None:
    """Two hundred clients leave in the middle of their bodies, and the next one is served."""
    cut = request(HELLO[:5], JSON, b"Content-Length: %d" % len(HELLO))
    await asyncio.gather(*(server.say(cut, hang_up=True) for _ in range(200)))
    answer = await server.say(request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), CLOSE))

    assert status(answer) == 200
