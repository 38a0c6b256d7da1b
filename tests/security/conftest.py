"""Fixtures: the whole application on each database, with a clock that only the test advances."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

import models
from accounts.services import Services
from app import create_app
from models.database import Database
from settings import Settings
from tests.support.api import Api, running
from tests.support.api_users import ApiUser, activate, log_in
from tests.support.clock import Clock


@pytest.fixture
def issuer() -> str:
    """Return the product name in authenticators."""
    return "Countersign"


@pytest.fixture
def app(database_url: str, clock: Clock, issuer: str) -> Starlette:
    """Return the application before its start."""
    return create_app(Settings(database_url=database_url, issuer=issuer, strangers_per_address=1_000_000), clock=clock)


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Start the application and return an HTTP client."""
    async with running(app) as client:
        yield client


@pytest.fixture
def services(app: Starlette, http: httpx.AsyncClient) -> Services:  # noqa: ARG001  # starts the application
    """Return the services of the application."""
    services: Services = app.state.services
    return services


@pytest.fixture
def database(services: Services) -> Database:
    """Return the database of the application."""
    return services.database


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    """Return an API client without a session."""
    return Api(http)


@pytest.fixture
async def logged_in_member(api: Api, member: models.User) -> ApiUser:
    """Return a member who is logged in and has no 2FA."""
    return await log_in(api.with_token(None), member)


@pytest.fixture
async def logged_in_admin(api: Api, admin: models.User) -> ApiUser:
    """Return an admin who is logged in and has no 2FA."""
    return await log_in(api.with_token(None), admin)


@pytest.fixture
async def member_with_2fa(logged_in_member: ApiUser, clock: Clock) -> ApiUser:
    """Return the member with active 2FA, at a time step after that of the activation."""
    return await activate(logged_in_member, clock)
