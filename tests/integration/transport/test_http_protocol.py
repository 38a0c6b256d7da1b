"""Limits on headers, time and connections, on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import server_options
from settings import Settings
from transport import http_protocol
from transport.connection_limits import ConnectionLimits
from transport.http_protocol import MAX_HEADER_BYTES, STATE_KEY

GET = b"GET / HTTP/1.1\r\nHost: api.example\r\n"
POST = b"POST / HTTP/1.1\r\nHost: api.example\r\n"


class Server:
    """A running server, its application and its connection limits."""

    def __init__(self, app: Starlette, port: int, limits: ConnectionLimits) -> None:
        self.app = app
        self.port = port
        self.limits = limits

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, data: bytes) -> bytes:
        """Send bytes on a new connection and return what the server sends until it closes."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            return await read_all(reader)
        finally:
            writer.close()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection."""
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""


async def hello(request: Request) -> Response:
    """Return the body."""
    request.app.state.requests += 1
    return PlainTextResponse(b"hello " + await request.body())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server with the options of `countersign serve`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = {"factory": False, "lifespan": "off", "workers": 1}
        app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
        app.state.requests = 0
        config = uvicorn.Config(app, **(server_options(Settings()) | own))
        server = uvicorn.Server(config)
        limits = ConnectionLimits()
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has only this flag
            await asyncio.sleep(0.01)
        server.lifespan.state[STATE_KEY] = limits
        yield Server(app, listener.getsockname()[1], limits)
        server.should_exit = True
        await running


def status(response: bytes) -> int:
    """Return the status code of a response."""
    return int(response.split(b" ", 2)[1])


@pytest.mark.attack("H13")
async def test_headers_of_32_kib_are_the_maximum(server: Server) -> None:
    """Longer headers get 431 and the connection closes, in one header or in many, complete or not."""
    padding = b"X: " + b"x" * (MAX_HEADER_BYTES - 1_000) + b"\r\n"
    assert status(await server.send(GET + padding + b"Connection: close\r\n\r\n")) == 200

    assert status(await server.send(GET + b"X: " + b"x" * MAX_HEADER_BYTES)) == 431
    assert status(await server.send(GET + b"X: x\r\n" * 8_000)) == 431
    assert status(await server.send(b"GET /" + b"x" * MAX_HEADER_BYTES)) == 431
    # One write, so that the server is likely to read the headers at once.
    assert status(await server.send(GET + b"X: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n")) == 431
    assert status(await server.send(GET + b"X: x\r\n" * 8_000 + b"\r\n")) == 431
    assert status(await server.send(b"GET /" + b"x" * MAX_HEADER_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n")) == 431


@pytest.mark.attack("H13")
@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", GET, GET + b"X: x\r\n"],
    ids=["nothing", "part of a line", "one header", "two headers"],
)
async def test_headers_have_a_deadline(server: Server, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A client that does not finish its headers gets 408, and the connection closes."""
    monkeypatch.setattr(http_protocol, "HEADERS_TIMEOUT_S", 0.1)

    assert status(await server.send(sent)) == 408


@pytest.mark.attack("H13")
async def test_deadline_does_not_move_with_each_byte(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline counts from the start of the connection, and a client that sends slowly cannot extend it."""
    monkeypatch.setattr(http_protocol, "HEADERS_TIMEOUT_S", 0.2)
    reader, writer = await server.connect()
    response = asyncio.create_task(read_all(reader))
    while not response.done():
        writer.write(b"G")
        await asyncio.sleep(0.01)

    # The last byte may reset the connection before the client reads the response.
    assert await response == b"" or status(await response) == 408
    writer.close()


@pytest.mark.attack("H13")
async def test_body_has_a_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not finish its first body gets 408."""
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT_S", 0.1)

    assert status(await server.send(POST + b"Content-Length: 5\r\n\r\nabc")) == 408


@pytest.mark.attack("H13")
@pytest.mark.parametrize("header", [b"Content-Length: 5", b"Transfer-Encoding: chunked"], ids=["length", "chunked"])
async def test_later_body_has_a_deadline(server: Server, monkeypatch: pytest.MonkeyPatch, header: bytes) -> None:
    """The connection closes if a body is not complete in time, whatever the application does."""
    monkeypatch.setattr(http_protocol, "BODY_TIMEOUT_S", 0.1)
    reader, writer = await server.connect()
    writer.write(POST + b"Content-Length: 5\r\n\r\nfirst")
    await asyncio.wait_for(reader.readuntil(b"hello first"), 10)

    writer.write(POST + header + b"\r\n\r\n")

    assert await read_all(reader) == b""
    writer.close()


@pytest.mark.attack("H13")
@pytest.mark.parametrize("sent", [GET, POST + b"content-length: 5\r\n\r\nbody"], ids=["headers", "body"])
async def test_half_sent_first_request_does_not_reach_the_application(server: Server, sent: bytes) -> None:
    """Attackers can send hundreds of them in a second, so each one costs little."""
    _, half_sent = await server.connect()
    half_sent.write(sent)
    half_sent.close()

    assert status(await server.send(GET + b"Connection: close\r\n\r\n")) == 200
    while len(server.limits):  # noqa: ASYNC110  # there is no event
        await asyncio.sleep(0.01)
    assert server.app.state.requests == 1


async def test_first_request_can_arrive_in_pieces_with_the_next_one(server: Server) -> None:
    """The server answers both."""
    reader, writer = await server.connect()
    for byte in POST + b"content-length: 5\r\n\r\nbody":
        writer.write(bytes([byte]))
        await writer.drain()
    writer.write(b"!" + GET + b"Connection: close\r\n\r\n")

    first, second = (await read_all(reader)).split(b"HTTP/1.1 200")[1:]
    assert first.endswith(b"hello body!")
    assert second.endswith(b"hello ")
    writer.close()


async def test_client_that_expects_100_continue_gets_it_before_the_body(server: Server) -> None:
    """The client sends the body when the server has answered (RFC 9110 §10.1.1)."""
    reader, writer = await server.connect()
    writer.write(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")

    assert status(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)) == 100

    writer.write(b"later")
    assert await asyncio.wait_for(reader.readuntil(b"hello later"), 10)
    writer.close()


async def test_complete_request_has_no_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests on one connection are answered, and the connection then closes when it is idle."""
    monkeypatch.setattr(http_protocol, "HEADERS_TIMEOUT_S", 0.2)
    reader, writer = await server.connect()
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\n\r\nagain")
        response = await asyncio.wait_for(reader.readuntil(b"hello again"), 10)
        assert status(response) == 200

    assert await read_all(reader) == b""
    writer.close()


@pytest.mark.attack("H13")
async def test_address_has_a_maximum_of_connections(server: Server) -> None:
    """The next connection is closed at once. The others stay open, and a closed one makes room."""
    server.limits.max_per_address = 2
    connections = [await server.connect() for _ in range(2)]

    assert await server.send(GET + b"Connection: close\r\n\r\n") == b""

    connections[0][1].close()
    while len(server.limits) == 2:  # noqa: ASYNC110  # there is no event
        await asyncio.sleep(0.01)
    assert status(await server.send(GET + b"Connection: close\r\n\r\n")) == 200
    connections[1][1].close()


@pytest.mark.attack("H13")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\n\r\nagain",
    ],
    ids=["nothing", "half a request line", "half a body", "one request"],
)
async def test_half_sent_requests_do_not_keep_others_out(server: Server, sent: bytes) -> None:
    """If there are too many connections, the one is closed that has waited longest for its client."""
    server.limits.max_connections = 3
    waiting = [await server.connect() for _ in range(3)]
    for reader, writer in waiting:
        writer.write(sent)
        await writer.drain()
        if sent.endswith(b"again"):
            await asyncio.wait_for(reader.readuntil(b"hello again"), 10)

    assert status(await server.send(GET + b"Connection: close\r\n\r\n")) == 200

    assert await read_all(waiting[0][0]) == b""
    assert len(server.limits) <= 3
    for _, writer in waiting:
        writer.close()


async def test_trusted_proxy_has_no_maximum_of_its_own() -> None:
    """All clients share the address of a proxy."""
    limits = ConnectionLimits(Settings(trusted_proxies="127.0.0.0/8").trusted_proxies, max_per_address=1)

    assert limits.key_of("127.0.0.1") is None
    assert limits.key_of("203.0.113.9") == "203.0.113.9"
    assert limits.key_of("2001:db8::1") == limits.key_of("2001:db8::2") == "2001:db8::/64"


@pytest.mark.attack("H14")
@pytest.mark.parametrize("body_arrives", ["with the headers", "later"])
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"anything"])
async def test_body_of_a_request_with_upgrade_is_read(server: Server, upgrade: bytes, body_arrives: str) -> None:
    """The server ignores the header, and does not read the body as the next request (RFC 9110 §7.8)."""
    body = GET + b"\r\n"
    headers = (
        b"POST / HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade, close\r\nUpgrade: "
        + upgrade
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    reader, writer = await server.connect()
    writer.write(headers if body_arrives == "later" else headers + body)
    await writer.drain()
    if body_arrives == "later":
        await asyncio.sleep(0.05)
        writer.write(body)

    response = await read_all(reader)

    assert response.count(b"HTTP/1.1 ") == 1
    assert response.endswith(b"hello " + body)
    writer.close()


@pytest.mark.attack("H14")
@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Host: one.example\r\nHost: two.example\r\n",
        b"Host: api.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    ],
    ids=["no host", "two hosts", "two lengths"],
)
async def test_ambiguous_request_gets_400(server: Server, headers: bytes) -> None:
    """RFC 9112 §3.2 and §6.3: a proxy could read it in another way."""
    assert status(await server.send(b"GET / HTTP/1.1\r\n" + headers + b"\r\n")) == 400
