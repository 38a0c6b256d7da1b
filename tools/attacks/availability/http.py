"""Connections of probes and attackers to a server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tools.bench.load import read_response

# The server trusts this address as a proxy, and reads the client's address from X-Forwarded-For.
PROXY = "127.0.0.1"
# The type of a result, or the code of a top-level error.
RESULT = re.compile(rb'"(?:__typename|code)":\s*"(\w+)"')


@dataclass(frozen=True)
class Connection:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> str:
        """Send a request. Return the type or the error code of the result, or the status if there is neither."""
        self.writer.write(request)
        return await self.read_outcome()

    async def read_outcome(self) -> str:
        """Return the outcome of the next response."""
        head, body = await read_response(self.reader)
        found = RESULT.search(body)
        return (found[1] if found else head.split(b" ", 2)[1]).decode()


@asynccontextmanager
async def connect(port: int, source: str = PROXY) -> AsyncIterator[Connection]:
    """Open a connection from a loopback address, and close it when the block ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()
