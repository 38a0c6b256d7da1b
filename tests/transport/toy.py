"""A schema as small as can be that can go wrong in every way, and an application around it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import httpx
import strawberry
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from models.database import Database, DatabaseUnavailable
from resolvers.context import Context
from schema.error_mapping import TOP_LEVEL_CODES
from settings import DEMO_KEYS
from transport.middleware import AccessLog, SecurityHeaders, is_request_id
from transport.operations import Operations
from transport.view import GraphQLView
from twofactor.addresses import AddressLimiter
from twofactor.environment import Environment
from twofactor.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    TwoFactorSetupRequiredError,
    UnauthenticatedError,
)
from twofactor.hashing import HashingPool
from twofactor.rules.sealing import KeyRing

Info = strawberry.Info[Context, None]

# What no answer and no log may hold.
CANARY = "canary-JBSWY3DPEHPK3PXP"


@strawberry.enum
class Colour(Enum):
    """A few values to guess at."""

    CRIMSON = "CRIMSON"
    COBALT = "COBALT"


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    def hello(self) -> str:
        """Nothing can go wrong here."""
        return "world"

    @strawberry.field
    def echo(self, text: str = "", number: int = 0, colour: Colour = Colour.COBALT) -> str:
        """The arguments back."""
        return f"{text}{number}{colour.value}"

    @strawberry.field
    def again(self) -> "Query":
        """As deep as anybody likes."""
        return Query()

    @strawberry.field
    async def client(self, info: Info) -> list[str | None]:
        """Who asks."""
        client = info.context.client
        return [client.ip_address, client.user_agent, client.locale, info.context.session_token]

    @strawberry.field
    def broken(self) -> str | None:
        """Raises with a secret in its words."""
        raise RuntimeError(CANARY)

    @strawberry.field
    def must_not_be_null(self) -> str:
        """Breaks its promise."""
        return None  # type: ignore[return-value]

    @strawberry.field
    def odd_colour(self) -> Colour | None:
        """Answers what its type does not have."""
        return CANARY  # type: ignore[return-value]

    @strawberry.field
    def refused(self, why: str) -> str | None:
        """Raises an error of the domain."""
        raise {
            "nobody": UnauthenticatedError(),
            "forbidden": ForbiddenError(),
            "setup": TwoFactorSetupRequiredError(),
            "input": InvalidInputError("first", "must be 1 to 100"),
            "busy": OverloadedError(7),
            "away": DatabaseUnavailable(),
        }[why]


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    def login(self, info: Info, password: str = "") -> str | None:
        """Spends an attempt, and carries a session back."""
        info.context.env.attempts.append(password)  # type: ignore[attr-defined]
        info.context.cookies.set("cs_session_new")
        return "in"

    @strawberry.mutation
    def verify_login(self, info: Info, otp: str = "") -> str | None:
        """Spends an attempt."""
        info.context.env.attempts.append(otp)  # type: ignore[attr-defined]
        return "in"

    @strawberry.mutation
    def logout(self, info: Info) -> str | None:
        """Spends nothing, and takes the cookie back."""
        info.context.cookies.clear()
        return "out"


class CountingEnvironment(Environment):
    """An environment that remembers what was tried."""


def toy_app(*, introspection: bool = True, **options: Any) -> Starlette:  # noqa: ANN401  # the view's own
    """The toy schema behind the view and the middleware."""
    operations = Operations(strawberry.Schema(Query, Mutation), introspection=introspection)
    env = CountingEnvironment(
        Database("sqlite://unused.sqlite3"),
        KeyRing.parse(DEMO_KEYS),
        HashingPool(workers=1),
        AddressLimiter(failures_allowed=1),
        "Toy",
    )
    object.__setattr__(env, "attempts", [])
    view = GraphQLView(operations, env, top_level_codes=TOP_LEVEL_CODES, **options)
    app = Starlette(
        routes=[Route("/graphql", view)],
        middleware=[
            Middleware(CorrelationIdMiddleware, validator=is_request_id),
            Middleware(SecurityHeaders, strict_transport=False),
            Middleware(AccessLog),
        ],
    )
    app.state.env = env
    app.state.operations = operations
    return app


class Browser:
    """A client of an application in this process."""

    def __init__(self, app: Starlette, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http

    @property
    def operations(self) -> Operations:
        """What runs behind it."""
        operations: Operations = self.app.state.operations
        return operations

    @property
    def attempts(self) -> list[str]:
        """What was tried so far."""
        attempts: list[str] = self.app.state.env.attempts
        return attempts

    async def send(self, method: str = "POST", **request: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        """Send anything to the API."""
        return await self.http.request(method, "/graphql", **request)

    async def ask(self, query: str, headers: dict[str, str] | None = None, **parameters: object) -> httpx.Response:
        """Send a well-formed request."""
        # In ASCII, so that lone surrogates can be sent.
        content = json.dumps({"query": query, **parameters})
        return await self.send(content=content, headers={"content-type": "application/json", **(headers or {})})


@asynccontextmanager
async def browsing(app: Starlette, peer: str = "203.0.113.9") -> AsyncIterator[Browser]:
    """A client of an application, seen at this address."""
    transport = httpx.ASGITransport(app, client=(peer, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as http:
        yield Browser(app, http)


def code(response: httpx.Response) -> str:
    """The code of the first error."""
    found: str = response.json()["errors"][0]["extensions"]["code"]
    return found
