"""The whole application in this process, without its background tasks."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from accounts.services import Services
from app import create_app
from settings import Settings
from tests.support.api import ORIGIN, Api
from tests.support.factories import Factory, FactoryUser
from tests.support.scenarios import Request, login_request


@dataclass(frozen=True)
class AppHarness:
    """The application, an HTTP client for it, and a factory for its database."""

    http: httpx.AsyncClient
    services: Services
    factory: Factory

    async def post(self, request: Request) -> httpx.Response:
        """Send a request, and return the HTTP response."""
        return await self._api(request).post(request.query, request.variables)

    async def execute_one(self, request: Request) -> dict[str, Any]:
        """Send a request, and return its only field. Fail on top-level errors."""
        return await self._api(request).execute_one(request.query, **request.variables)

    async def outcome(self, request: Request) -> str:
        """Send a request. Return the `__typename` of its only field, or the code of its only top-level error."""
        return await self._api(request).outcome(request.query, **request.variables)

    async def start_login(self, user: FactoryUser) -> str:
        """Take the first step of a login with the right password. Return the challenge token."""
        return str((await self.execute_one(login_request(user)))["challengeToken"])

    def _api(self, request: Request) -> Api:
        return Api(self.http, request.session_token or None)


@asynccontextmanager
async def app_harness(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[AppHarness]:
    """Run the application until the block ends. Neither the email worker nor the cleanup runs."""
    app = create_app(settings, clock=clock)
    services: Services = app.state.services
    await services.database.open()
    try:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.1", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
            yield AppHarness(http, services, Factory(services.database, services.key_ring, clock))
    finally:
        services.hashing.close()
        await services.database.close()
