"""The mail server of the demo: accepts every email on the loopback interface and stores it as a file."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.demo.files import write_atomically


class _FileHandler:
    """Stores each email as a file. The file names sort by time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Keeps file names unique within a microsecond.
        self._numbers = itertools.count()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        content = envelope.content
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{next(self._numbers):06}.eml"
        await asyncio.to_thread(
            write_atomically, self._folder / name, content if isinstance(content, bytes) else (content or "").encode()
        )
        return "250 OK"


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[int]:
    """Run a mail server that stores emails in a folder. Yield its port. The server stops when the block ends."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    handler = _FileHandler(folder)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
