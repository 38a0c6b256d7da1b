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
from tests.support.factories import Factory
from tests.support.scenarios import Request


@dataclass(frozen=True)
class AppHarness:
    """The application, an HTTP client for it, and a factory for its database."""

    http: httpx.AsyncClient
    services: Services
    factory: Factory

    async def post(self, request: Request) -> httpx.Response:
        """Send a request."""
        headers = {"Authorization": f"Bearer {request.session_token}"} if request.session_token else {}
        body = {"query": request.query, "variables": dict(request.variables)}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def outcome(self, request: Request) -> str:
        """Send a request. Return the `__typename` of its only field, or the code of its only top-level error."""
        result: dict[str, Any] = (await self.post(request)).json()
        if "errors" in result:
            [error] = result["errors"]
            return str(error["extensions"]["code"])
        [field] = result["data"].values()
        return str(field["__typename"])


@asynccontextmanager
async def app_harness(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[AppHarness]:
    """Run the application until the block ends. Neither the email worker nor the cleanup runs."""
    app = create_app(settings, clock=clock)
    services: Services = app.state.services
    await services.database.open()
    try:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.1", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://countersign.test") as http:
            yield AppHarness(http, services, Factory(services.database, services.key_ring, clock))
    finally:
        services.hashing.close()
        await services.database.close()
