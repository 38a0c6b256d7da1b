"""The application that the documentation talks to, in this process and on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
import uvicorn
from starlette.applications import Starlette

from app import create_app, server_options
from models.database import Database
from settings import Settings
from tests.conftest import KEYS
from tests.mail.servers import MailServer
from twofactor.environment import Environment, utc_now

START_TIMEOUT_S = 30


@pytest.fixture
def now() -> Callable[[], datetime]:
    """The clock of the application: the real one, for programs that have clocks of their own."""
    return utc_now


@pytest.fixture
def settings(database_url: str, smtp_server: MailServer) -> Settings:
    """Settings of a server that sends its letters to the mail server of the test."""
    return Settings(
        database_url=database_url,
        secret_keys=KEYS,
        smtp_host="127.0.0.1",
        smtp_port=smtp_server.port,
        smtp_security="none",
    )


@pytest.fixture
def app(settings: Settings, now: Callable[[], datetime]) -> Starlette:
    """The application, not yet started."""
    return create_app(settings, clock=now)


@pytest.fixture
async def started(app: Starlette) -> AsyncIterator[Starlette]:
    """The application, started."""
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def url(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """The address of the API on a server that is up."""
    async with serving(app, settings) as address:
        yield address


@pytest.fixture
def database(app: Starlette) -> Database:
    """The database of the application."""
    env: Environment = app.state.env
    return env.database


@asynccontextmanager
async def serving(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """Serve the application on a free port of the loopback interface. The address of its API."""
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
