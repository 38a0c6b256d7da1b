"""The application that is attacked: whole, on each database in turn, by a clock that only the test moves."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

import models
from app import create_app
from models.database import Database
from settings import Settings
from tests.attacks.steps import Person, enrol, signed_in
from tests.support.api import Api, running
from tests.support.clock import Clock
from twofactor.environment import Environment


@pytest.fixture
def issuer() -> str:
    """How the product is called in authenticator apps."""
    return "Countersign"


@pytest.fixture
def app(database_url: str, clock: Clock, issuer: str) -> Starlette:
    """The application, not started yet."""
    return create_app(Settings(database_url=database_url, issuer=issuer), clock=clock)


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """The application, started, and a client of it."""
    async with running(app) as client:
        yield client


@pytest.fixture
def env(app: Starlette, http: httpx.AsyncClient) -> Environment:  # noqa: ARG001  # started
    """The world around the use cases of the application."""
    env: Environment = app.state.env
    return env


@pytest.fixture
def database(env: Environment) -> Database:
    """The database of the application."""
    return env.database


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    """The API as somebody who is not signed in."""
    return Api(http)


@pytest.fixture
async def mia(api: Api, member: models.User) -> Person:
    """The member, signed in without 2FA."""
    return await signed_in(api, member)


@pytest.fixture
async def ada(api: Api, admin: models.User) -> Person:
    """The admin, signed in without 2FA."""
    return await signed_in(api, admin)


@pytest.fixture
async def enrolled(mia: Person, clock: Clock) -> Person:
    """The member, signed in, with 2FA active and the OTP of the activation out of the way."""
    return await enrol(mia, clock)
