"""Raw bytes against a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from app import server_options
from settings import Settings
from tests.integration.transport.minimal_app import minimal_app

HELLO = b'{"query":"{ hello }"}'


class Server:
    """A server of the minimal application on a free port of the loopback interface."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def send(self, *parts: bytes, disconnect: bool = False) -> bytes:
        """Send raw bytes, and return the bytes that the server sends until it closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return b"" if disconnect else await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Run the minimal application with the product's uvicorn options and a body timeout of 0.2 seconds."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # The minimal application is no factory and has no lifespan. One process is enough.
    overrides = {"factory": False, "lifespan": "off", "workers": 1}
    config = uvicorn.Config(minimal_app(body_timeout_s=0.2), **(server_options(Settings()) | overrides))
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    # uvicorn reports its start only with this flag.
    while not running.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield Server(listener.getsockname()[1])
    running.should_exit = True
    await task


def request(body: bytes, *headers: bytes, method: bytes = b"POST") -> bytes:
    """Return the bytes of an HTTP/1.1 request with these headers."""
    lines = [method + b" /graphql HTTP/1.1", b"Host: api.example", *headers, b"", body]
    return b"\r\n".join(lines)


def status(response: bytes) -> int:
    """Return the status code of the first response."""
    return int(response.split(b" ", 2)[1])


JSON = b"Content-Type: application/json"
CLOSE = b"Connection: close"


async def test_well_formed_request_gets_200(server: Server) -> None:
    """The request that the other tests change is valid."""
    response = await server.send(request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), CLOSE))

    assert status(response) == 200
    assert b'{"data":{"hello":"world"}}' in response
    assert b"server:" not in response.lower()


@pytest.mark.attack("H2")
async def test_slow_body_gets_408(server: Server) -> None:
    """If the body does not arrive in time, the server returns 408 and closes the connection."""
    response = await server.send(request(b"4000\r\n" + HELLO[:5], JSON, b"Transfer-Encoding: chunked"))

    assert status(response) == 408
    assert b"connection: close" in response.lower()


@pytest.mark.attack("H2")
async def test_large_declared_body_gets_413_before_it_is_sent(server: Server) -> None:
    """The server does not wait for a body with a declared length of 30 MiB."""
    response = await server.send(request(b"", JSON, b"Content-Length: 31457280"))

    assert status(response) == 413


@pytest.mark.attack("H2")
async def test_large_chunked_body_gets_413(server: Server) -> None:
    """The server counts the bytes of a chunked body, which has no declared length."""
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    response = await server.send(request(chunk * 5, JSON, b"Transfer-Encoding: chunked"))

    assert status(response) == 413


@pytest.mark.attack("H9")
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
async def test_ambiguous_request_is_rejected(server: Server, headers: list[bytes]) -> None:
    """A proxy could read an ambiguous request differently (request smuggling), so the server rejects it."""
    response = await server.send(request(HELLO, JSON, *headers, CLOSE))

    assert status(response) in {400, 413, 431}


@pytest.mark.attack("H10")
async def test_websocket_upgrade_is_rejected(server: Server) -> None:
    """The server handles the upgrade request as a plain GET."""
    response = await server.send(
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

    assert 400 <= status(response) < 500
    assert b"101 Switching" not in response


UPGRADES = [
    # The first request of java.net.http.HttpClient over an unencrypted connection.
    pytest.param(
        [b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
         b"Upgrade: h2c", b"User-Agent: Java-http-client/17.0.15"],
        id="JDK",
    ),
    pytest.param([b"Connection: Upgrade", b"Upgrade: h2c"], id="no settings"),
    pytest.param([b"Connection: keep-alive, Upgrade", b"Upgrade: h2c, websocket"], id="a list"),
    pytest.param([b"Connection: Upgrade", b"Connection: HTTP2-Settings", b"Upgrade: h2c"], id="two lines"),
    pytest.param([b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"], id="WebSocket"),
    pytest.param([b"Connection: Upgrade", b"Upgrade: TLS/1.2"], id="TLS"),
]  # fmt: skip


@pytest.mark.parametrize("is_split", [False, True], ids=["together", "body later"])
@pytest.mark.parametrize("headers", UPGRADES)
async def test_post_with_an_upgrade_is_answered_and_the_connection_stays_usable(
    server: Server, headers: list[bytes], caplog: pytest.LogCaptureFixture, *, is_split: bool
) -> None:
    """The server ignores an upgrade that it does not support (RFC 9110 §7.8), also in its log.

    The client goes on with HTTP/1.1.
    """
    first = request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), *headers)
    second = request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), CLOSE)
    parts = [first.removesuffix(HELLO), HELLO] if is_split else [first]

    response = await server.send(*parts, second)

    assert response.count(b"HTTP/1.1 200 OK") == 2
    assert response.count(b'{"data":{"hello":"world"}}') == 2
    assert b"101 Switching" not in response
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.attack("H11")
async def test_disconnecting_clients_do_not_affect_others(server: Server) -> None:
    """After 200 clients disconnect during their bodies, the next request succeeds."""
    incomplete = request(HELLO[:5], JSON, b"Content-Length: %d" % len(HELLO))
    await asyncio.gather(*(server.send(incomplete, disconnect=True) for _ in range(200)))
    response = await server.send(request(HELLO, JSON, b"Content-Length: %d" % len(HELLO), CLOSE))

    assert status(response) == 200
