"""Fixtures that start the application in this process and on a real socket."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest
from starlette.applications import Starlette

from accounts.services import Services, utc_now
from app import create_app
from models.database import Database
from settings import Settings
from tests.support.mail_servers import MailServer
from tests.support.server import serving
from tests.support.users import KEYS


@pytest.fixture
def now() -> Callable[[], datetime]:
    """Return the real clock: the example clients generate OTPs with the real time."""
    return utc_now


@pytest.fixture
def settings(database_url: str, smtp_server: MailServer) -> Settings:
    """Return settings that send emails to the mail server of the test."""
    return Settings(
        database_url=database_url,
        secret_keys=KEYS,
        smtp_host="127.0.0.1",
        smtp_port=smtp_server.port,
        smtp_security="none",
    )


@pytest.fixture
def app(settings: Settings, now: Callable[[], datetime]) -> Starlette:
    """Return the application before its start."""
    return create_app(settings, clock=now)


@pytest.fixture
async def started(app: Starlette) -> AsyncIterator[Starlette]:
    """Start the application in this process."""
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def url(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """Start the application on a socket and return the URL of the API."""
    async with serving(app, settings) as address:
        yield address


@pytest.fixture
def database(app: Starlette) -> Database:
    """Return the database of the application."""
    services: Services = app.state.services
    return services.database
