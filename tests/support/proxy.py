"""A proxy to PostgreSQL that closes the connection at a chosen SQL statement."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import SplitResult, parse_qs, urlsplit

# Types of frontend messages (PostgreSQL protocol, "Message Formats"). A simple query and the execution of a prepared
# statement run SQL. A message that prepares a statement does not.
QUERY, EXECUTE, SYNC, PARSE = b"Q", b"E", b"S", b"P"
CHUNK = 65_536


class Moment(Enum):
    """The moment at which the proxy closes the connection."""

    BEFORE = "before the server receives the statement"
    AFTER = "after the server runs the statement and before the client receives the response"


class Proxy:
    """Forwards messages between clients and the server until a test asks it to close a connection."""

    def __init__(self, server: SplitResult) -> None:
        self._server = server
        self._moment = Moment.BEFORE
        self._remaining: int | None = None
        self._is_down = False
        self._open: set[asyncio.StreamWriter] = set()
        # The statements since the last call of `break_at`.
        self.statements: list[str] = []
        # Whether the proxy closed a connection since then.
        self.has_broken = False
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of the database through the proxy."""
        return f"postgres://postgres@127.0.0.1:{self.port}{self._server.path}?sslmode=disable"

    def break_at(self, number: int | None, moment: Moment = Moment.BEFORE) -> None:
        """Close the connection that runs the statement of this number, counted from 1. None closes no connection."""
        self._remaining, self._moment = number, moment
        self.statements, self.has_broken = [], False

    def go_down(self) -> None:
        """Close all connections and reject new ones."""
        self._is_down = True
        for writer in self._open:
            writer.transport.abort()

    def come_back(self) -> None:
        """Accept connections again."""
        self._is_down = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        if self._is_down:
            writer.transport.abort()
            return
        self._open.add(writer)
        host = parse_qs(self._server.query).get("host", [None])[0]
        server_reader, server_writer = (
            await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{self._server.port or 5432}")
            if host
            else await asyncio.open_connection(self._server.hostname, self._server.port or 5432)
        )
        responses = _Responses(server_reader, writer)
        forwarding = asyncio.create_task(responses.forward())
        try:
            # The first message has no type byte.
            size = await reader.readexactly(4)
            server_writer.write(size + await reader.readexactly(int.from_bytes(size) - 4))
            while True:
                head = await reader.readexactly(5)
                message = head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] in {QUERY, EXECUTE} and self._reaches_chosen_statement(message):
                    if self._moment is Moment.AFTER:
                        responses.is_discarding = True
                        # The server runs the execution when it receives a Sync message.
                        server_writer.write(message + (b"S\0\0\0\4" if head[:1] == EXECUTE else b""))
                        await responses.has_received.wait()
                    break
                server_writer.write(message)
                await server_writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            forwarding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await forwarding
            self._open.discard(writer)
            server_writer.close()
            writer.transport.abort()

    def _reaches_chosen_statement(self, message: bytes) -> bool:
        self.statements.append(message[5:-1].decode(errors="replace") if message[:1] == QUERY else "(prepared)")
        if self._remaining is None:
            return False
        self._remaining -= 1
        self.has_broken = self.has_broken or self._remaining == 0
        return self._remaining == 0


class _Responses:
    """The responses of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_discarding = False
        self.has_received = asyncio.Event()

    async def forward(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := await self._reader.read(CHUNK):
                if self.is_discarding:
                    self.has_received.set()
                else:
                    self._writer.write(chunk)
        self.has_received.set()
        self._writer.transport.abort()


@asynccontextmanager
async def proxy_to(database_url: str) -> AsyncIterator[Proxy]:
    """Start a proxy to the server of a database, and yield it."""
    proxy = Proxy(urlsplit(database_url))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
