"""The whole application within this process, without what it does in the background."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from app import create_app
from attacks.deeds import Request
from attacks.scenes import Scene
from settings import Settings
from twofactor.environment import Environment


@dataclass(frozen=True)
class Served:
    """The application, somebody who sends it requests, and the way to bring people into its database."""

    http: httpx.AsyncClient
    env: Environment
    scene: Scene

    async def post(self, request: Request) -> httpx.Response:
        """Send a request."""
        headers = {"Authorization": f"Bearer {request.session_token}"} if request.session_token else {}
        body = {"query": request.query, "variables": dict(request.variables)}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def answer(self, request: Request) -> str:
        """Send a request. The type of its one answer, or the code of its one error."""
        result: dict[str, Any] = (await self.post(request)).json()
        if "errors" in result:
            [error] = result["errors"]
            return str(error["extensions"]["code"])
        [answer] = result["data"].values()
        return str(answer["__typename"])


@asynccontextmanager
async def served(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Served]:
    """Serve for as long as the block lasts. Neither letters are sent nor rows cleared away meanwhile."""
    app = create_app(settings, clock=clock)
    env: Environment = app.state.env
    await env.database.open()
    try:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.1", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://countersign.test") as http:
            yield Served(http, env, Scene(env.database, env.key_ring, clock))
    finally:
        env.hashing.close()
        await env.database.close()
