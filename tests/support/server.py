"""The application on a real socket, for clients in other processes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from app import server_options
from settings import Settings

START_TIMEOUT_S = 30


@asynccontextmanager
async def serving(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """Serve the application as `countersign serve` does, on a free loopback port, and yield the URL of the API."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        options = server_options(settings) | {"factory": False, "port": port, "workers": 1}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not server.started:
                    assert not running.done(), "the server did not start"
                    await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            server.should_exit = True
            await running
