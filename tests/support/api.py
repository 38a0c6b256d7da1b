"""An API client that sends HTTP requests to the whole application in the same process."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

ORIGIN = "http://countersign.test"


class Api:
    """Sends operations. It sends `session_token` if the test sets it, and stores cookies as a browser does."""

    def __init__(self, http: httpx.AsyncClient, session_token: str | None = None) -> None:
        """Set the HTTP client and the session token."""
        self.http = http
        self.session_token = session_token

    def with_token(self, session_token: str | None) -> Self:
        """Return a client with the same connections and cookies, and with another session token or none."""
        return type(self)(self.http, session_token)

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send an operation, and return the HTTP response."""
        bearer = {"Authorization": f"Bearer {self.session_token}"} if self.session_token else {}
        # ASCII with JSON escapes can contain everything, even lone surrogates.
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode("ascii")
        sent = {"Content-Type": "application/json"} | bearer | dict(headers or {})
        return await self.http.post("/graphql", content=body, headers=sent)

    async def execute(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send an operation, and return the GraphQL response: `data`, and `errors` if there are any."""
        response = await self.post(query, variables)
        result: dict[str, Any] = response.json()
        return result

    async def data(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send an operation, assert that there are no top-level errors, and return `data`."""
        result = await self.execute(query, variables)
        assert "errors" not in result, result["errors"]
        data: dict[str, Any] = result["data"]
        return data

    async def execute_one(self, query: str, **variables: object) -> dict[str, Any]:
        """Execute an operation with one root field and return this field. Fail on top-level errors."""
        (field,) = (await self.data(query, variables)).values()
        assert isinstance(field, dict)
        return field

    async def outcome(self, query: str, **variables: object) -> str:
        """Return the `__typename` of the only root field, or the code of the only top-level error."""
        result = await self.execute(query, variables)
        if "errors" not in result:
            (field,) = result["data"].values()
            return str(field["__typename"])
        assert all(value is None for value in (result.get("data") or {}).values())
        return error_code(result)


def error_code(result: Mapping[str, Any]) -> str:
    """Return the code of the only top-level error of a GraphQL response."""
    (error,) = result["errors"]
    return str(error["extensions"]["code"])


@asynccontextmanager
async def running(app: Starlette, *, client_address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """Start the application as a server does, yield an HTTP client, and stop the application."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            # Each request gets a copy of the state that the lifespan yields (ASGI, Lifespan State).
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False, client=(client_address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client


@asynccontextmanager
async def api_of(app: Starlette, *, client_address: str = "127.0.0.1") -> AsyncIterator[Api]:
    """Start the application, and yield an API client."""
    async with running(app, client_address=client_address) as http:
        yield Api(http)
