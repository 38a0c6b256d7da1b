"""A minimal schema that can produce every kind of error, and an application that serves it."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Annotated, Any

import httpx
import strawberry
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from strawberry.extensions import SchemaExtension

from accounts.errors import ForbiddenError, InvalidInputError, TwoFactorSetupRequiredError, UnauthenticatedError
from accounts.services import Services
from models.database import Database, DatabaseUnavailable
from resolvers.context import Context
from resolvers.qr_rendering import QrRenderer
from schema.error_mapping import TOP_LEVEL_CODES
from security.errors import OverloadedError
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from tests.support.users import KEYS
from transport.middleware import AccessLog, SecurityHeaders, is_request_id
from transport.operations import LimitedSchema
from transport.stranger_delay import StrangerDelay
from transport.view import GraphQLView

Info = strawberry.Info[Context, None]

# Tests send many requests without a session from one address.
STRANGERS = 1_000_000

# A secret that no response and no log may contain.
CANARY = "canary-JBSWY3DPEHPK3PXP"


@strawberry.enum
class Colour(Enum):
    """An enum whose values errors must not suggest."""

    CRIMSON = "CRIMSON"
    COBALT = "COBALT"


@strawberry.type
class Sun:
    """A member of a union."""

    name: str = "Sun"


@strawberry.type
class Moon:
    """The other member."""

    name: str = "Moon"


@strawberry.type
class Query:
    """The query fields."""

    @strawberry.field
    def hello(self) -> str:
        """Return a constant."""
        return "world"

    @strawberry.field
    def echo(self, text: str = "", number: int = 0, colour: Colour = Colour.COBALT) -> str:
        """Return the arguments."""
        return f"{text}{number}{colour.value}"

    @strawberry.field
    def sun_or_moon(self, *, night: bool = False) -> Annotated[Sun | Moon, strawberry.union("SunOrMoon")]:
        """Return a member of a union."""
        return Moon() if night else Sun()

    @strawberry.field
    def again(self) -> "Query":
        """Return the query type again, for nested documents."""
        return Query()

    @strawberry.field
    async def client(self, info: Info) -> list[str | None]:
        """Return the client details and the session token of the request."""
        client, token = info.context.client, info.context.session_token
        return [client.ip_address, client.user_agent, client.locale, token.text if token else None]

    @strawberry.field
    def broken(self) -> str | None:
        """Raise an exception with a secret in its message."""
        raise RuntimeError(CANARY)

    @strawberry.field
    def must_not_be_null(self) -> str:
        """Return null for a non-null type."""
        return None  # type: ignore[return-value]

    @strawberry.field
    def odd_colour(self) -> Colour | None:
        """Return a value that is not in the enum."""
        return CANARY  # type: ignore[return-value]

    @strawberry.field
    def failing(self, error: str) -> str | None:
        """Raise a domain error."""
        raise {
            "unauthenticated": UnauthenticatedError(),
            "forbidden": ForbiddenError(),
            "setup": TwoFactorSetupRequiredError(),
            "input": InvalidInputError("first", "must be 1 to 100"),
            "overloaded": OverloadedError(7, "hashing_queue"),
            "database_unavailable": DatabaseUnavailable(),
        }[error]


@strawberry.type
class Mutation:
    """The mutation fields."""

    @strawberry.mutation(metadata={"uses_attempt": True})  # type: ignore[untyped-decorator]  # Strawberry's overload
    def login(self, info: Info, password: str = "") -> str | None:
        """Record an attempt and set the session cookie."""
        info.context.services.attempts.append(password)  # type: ignore[attr-defined]
        info.context.cookies.set("cs_session_new")
        return "in"

    @strawberry.mutation(metadata={"uses_attempt": True})  # type: ignore[untyped-decorator]  # Strawberry's overload
    def verify_login(self, info: Info, otp: str = "") -> str | None:
        """Record an attempt."""
        info.context.services.attempts.append(otp)  # type: ignore[attr-defined]
        return "in"

    @strawberry.mutation
    def logout(self, info: Info) -> str | None:
        """Clear the session cookie. Record no attempt."""
        info.context.cookies.clear()
        return "out"


class RecordingServices(Services):
    """Services with a list of the attempts that were made."""


def minimal_app(
    *,
    introspection: bool = True,
    extensions: Sequence[Callable[[], SchemaExtension]] = (),
    **options: Any,  # noqa: ANN401  # any option of the view
) -> Starlette:
    """Return an application that serves the minimal schema with the real view and middleware."""
    schema = LimitedSchema(Query, Mutation, introspection=introspection, extensions=extensions)
    services = RecordingServices(
        Database("sqlite://unused.sqlite3"),
        KeyRing.parse(KEYS),
        HashingPool(workers=1),
        IpRateLimiter(failures_allowed=1),
        "Minimal",
    )
    object.__setattr__(services, "attempts", [])
    view = GraphQLView(
        schema, services, QrRenderer(), StrangerDelay(STRANGERS), top_level_codes=TOP_LEVEL_CODES, **options
    )
    app = Starlette(
        routes=[Route("/graphql", view)],
        middleware=[
            Middleware(CorrelationIdMiddleware, validator=is_request_id),
            Middleware(SecurityHeaders, strict_transport=False),
            Middleware(AccessLog),
        ],
    )
    app.state.services = services
    app.state.schema = schema
    return app


class ApiClient:
    """A client of an application in this process."""

    def __init__(self, app: Starlette, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http

    @property
    def schema(self) -> LimitedSchema:
        """The schema of the application."""
        schema: LimitedSchema = self.app.state.schema
        return schema

    @property
    def attempts(self) -> list[str]:
        """The attempts that were made."""
        attempts: list[str] = self.app.state.services.attempts
        return attempts

    async def send(self, method: str = "POST", **request: Any) -> httpx.Response:  # noqa: ANN401  # any argument of httpx
        """Send any HTTP request to the API."""
        return await self.http.request(method, "/graphql", **request)

    async def execute(self, query: str, headers: dict[str, str] | None = None, **parameters: object) -> httpx.Response:
        """Send a well-formed GraphQL request."""
        # json.dumps returns ASCII, so the query may contain lone surrogates.
        content = json.dumps({"query": query, **parameters})
        return await self.send(content=content, headers={"content-type": "application/json", **(headers or {})})


@asynccontextmanager
async def api_client(app: Starlette, peer: str = "203.0.113.9") -> AsyncIterator[ApiClient]:
    """Return a client of an application. `peer` is the address of the client."""
    transport = httpx.ASGITransport(app, client=(peer, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as http:
        yield ApiClient(app, http)


def error_code(response: httpx.Response) -> str:
    """Return the code of the first error."""
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code
