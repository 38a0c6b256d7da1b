"""GraphQL over HTTP as graphql-http audits it: what MUST, SHOULD and MAY be, for nobody and for a signed-in user."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

import models
from app import create_app
from models.database import Database
from settings import Settings
from tests.support.api import Api
from tests.support.api_users import log_in
from tests.support.clock import Clock
from tests.support.server import serving
from tests.support.users import KEYS, make_user

FOLDER = Path(__file__).parent
AUDITS = 61
TIMEOUT_S = 120


@pytest.fixture
async def app_harness(database_url: str) -> AsyncIterator[tuple[str, Database]]:
    """A server that answers queries by GET too: the address of its API, and its database."""
    settings = Settings(database_url=database_url, secret_keys=KEYS, get_queries=True, strangers_per_address=1_000_000)
    app = create_app(settings)
    async with serving(app, settings) as url:
        yield url, app.state.services.database


async def audit(url: str, *headers: str) -> str:
    """Run all audits. What the run has to say."""
    node = shutil.which("node")
    assert node, "node is missing: apt-get install nodejs"
    process = await asyncio.create_subprocess_exec(
        node, FOLDER / "audit.mjs", url, *headers, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
    return output.decode()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_audit_is_passed_by_nobody(app_harness: tuple[str, Database]) -> None:
    """Clients of all kinds can talk to it before anybody has signed in."""
    url, _ = app_harness

    assert await audit(url) == f"{AUDITS} passed, 0 failed\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_audit_is_passed_by_a_signed_in_user(
    app_harness: tuple[str, Database], password_hash: str, clock: Clock
) -> None:
    """And the same with a bearer token."""
    url, database = app_harness
    async with database.transaction():
        company = await models.Company.create(name="Acme", created_at=clock.now)
    user = await make_user(database, company, password_hash, clock, name="Mia")
    async with httpx.AsyncClient(base_url=url.removesuffix("/graphql")) as http:
        api_user = await log_in(Api(http), user)

    assert await audit(url, f"Authorization: Bearer {api_user.session_token}") == f"{AUDITS} passed, 0 failed\n"
