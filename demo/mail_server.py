"""The mail server of the demo: takes every letter on the loopback interface, and keeps it as a file."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from demo.files import write_whole


class _Keeper:
    """Keeps what it is sent, one file a letter. Their names sort by time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # For letters of the same microsecond.
        self._numbers = itertools.count()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        content = envelope.content
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{next(self._numbers):06}.eml"
        await asyncio.to_thread(
            write_whole, self._folder / name, content if isinstance(content, bytes) else (content or "").encode()
        )
        return "250 OK"


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[int]:
    """A mail server that keeps letters in a folder, for as long as the block lasts. Gives its port."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    keeper = _Keeper(folder)
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="localhost", loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
