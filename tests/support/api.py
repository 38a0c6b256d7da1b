"""A client of the API: HTTP to the whole app, within the process."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

ORIGIN = "http://countersign.test"


class Api:
    """Sends operations; keeps a session token if it is given one, and cookies as a browser does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """Send by this client."""
        self.http = http
        self.session_token: str | None = None

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send an operation. The whole response."""
        bearer = {"Authorization": f"Bearer {self.session_token}"} if self.session_token else {}
        # In ASCII, so that everything can be sent: lone surrogates too.
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode("ascii")
        sent = {"Content-Type": "application/json"} | bearer | dict(headers or {})
        return await self.http.post("/graphql", content=body, headers=sent)

    async def execute(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send an operation. The response as GraphQL has it: `data`, and `errors` if there are any."""
        response = await self.post(query, variables)
        result: dict[str, Any] = response.json()
        return result

    async def data(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send an operation that has to go without top-level errors. Its `data`."""
        result = await self.execute(query, variables)
        assert "errors" not in result, result["errors"]
        data: dict[str, Any] = result["data"]
        return data


@asynccontextmanager
async def running(app: Starlette, *, client_address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """The app, started and in the end stopped as a server would do it, and a client of it."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            # What the lifespan yields, each request gets a copy of (ASGI, Lifespan State).
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False, client=(client_address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client


@asynccontextmanager
async def api_of(app: Starlette, *, client_address: str = "127.0.0.1") -> AsyncIterator[Api]:
    """A client of the API that an app serves."""
    async with running(app, client_address=client_address) as http:
        yield Api(http)
