"""A way to PostgreSQL that breaks at a chosen statement."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import SplitResult, parse_qs, urlsplit

# Frontend messages that run something: a simple query, and the execution of a prepared statement (PostgreSQL protocol,
# "Message Formats"). What only prepares is none of them.
QUERY, EXECUTE, SYNC, PARSE = b"Q", b"E", b"S", b"P"
CHUNK = 65_536


class Moment(Enum):
    """When the connection breaks."""

    BEFORE = "before the statement has come to the server"
    AFTER = "after the server has run it, and before its answer has come back"


class Proxy:
    """Passes on what clients and the server say, until it is told to break a connection."""

    def __init__(self, server: SplitResult) -> None:
        self._server = server
        self._moment = Moment.BEFORE
        self._left: int | None = None
        self._is_down = False
        self._open: set[asyncio.StreamWriter] = set()
        # What ran since the last call of `break_at`.
        self.statements: list[str] = []
        # Whether the connection broke since then.
        self.has_broken = False
        self.port = 0

    @property
    def url(self) -> str:
        """The database of the server, by way of the proxy."""
        return f"postgres://postgres@127.0.0.1:{self.port}{self._server.path}?sslmode=disable"

    def break_at(self, number: int | None, moment: Moment = Moment.BEFORE) -> None:
        """Break the connection that runs the statement of this number, counted from 1; none where it is None."""
        self._left, self._moment = number, moment
        self.statements, self.has_broken = [], False

    def go_down(self) -> None:
        """Break every connection, and take no others."""
        self._is_down = True
        for writer in self._open:
            writer.transport.abort()

    def come_back(self) -> None:
        """Take connections again."""
        self._is_down = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        if self._is_down:
            writer.transport.abort()
            return
        self._open.add(writer)
        host = parse_qs(self._server.query).get("host", [None])[0]
        there, upstream = (
            await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{self._server.port or 5432}")
            if host
            else await asyncio.open_connection(self._server.hostname, self._server.port or 5432)
        )
        answers = _Answers(there, writer)
        back = asyncio.create_task(answers.pass_on())
        try:
            # The first message has no kind.
            size = await reader.readexactly(4)
            upstream.write(size + await reader.readexactly(int.from_bytes(size) - 4))
            while True:
                head = await reader.readexactly(5)
                message = head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] in {QUERY, EXECUTE} and self._is_next_to_break(message):
                    if self._moment is Moment.AFTER:
                        answers.is_mute = True
                        # An execution is run when it is followed by this.
                        upstream.write(message + (b"S\0\0\0\4" if head[:1] == EXECUTE else b""))
                        await answers.has_come.wait()
                    break
                upstream.write(message)
                await upstream.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            back.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await back
            self._open.discard(writer)
            upstream.close()
            writer.transport.abort()

    def _is_next_to_break(self, message: bytes) -> bool:
        self.statements.append(message[5:-1].decode(errors="replace") if message[:1] == QUERY else "(prepared)")
        if self._left is None:
            return False
        self._left -= 1
        self.has_broken = self.has_broken or self._left == 0
        return self._left == 0


class _Answers:
    """What the server says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_mute = False
        self.has_come = asyncio.Event()

    async def pass_on(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := await self._reader.read(CHUNK):
                if self.is_mute:
                    self.has_come.set()
                else:
                    self._writer.write(chunk)
        self.has_come.set()
        self._writer.transport.abort()


@asynccontextmanager
async def proxy_to(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy to the server of a database."""
    proxy = Proxy(urlsplit(database_url))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
