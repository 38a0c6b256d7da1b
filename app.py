"""The application: what the settings say, put together. It holds no rule of its own."""

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Route

from mail.sender import MailSender, SmtpSettings
from models.database import Database, DatabaseUnavailable
from schema.error_mapping import TOP_LEVEL_CODES
from schema.root import create_schema
from settings import Settings, SettingsError, key_of, read_settings, unknown_keys
from transport.graphiql.page import QueryPage
from transport.health import health_routes
from transport.logs import configure_logging
from transport.middleware import AccessLog, SecurityHeaders, is_request_id
from transport.operations import Operations
from transport.view import GraphQLView
from twofactor import upkeep
from twofactor.addresses import AddressLimiter
from twofactor.environment import Environment, utc_now
from twofactor.hashing import HashingPool
from twofactor.rules.sealing import KeyRing

UPKEEP_INTERVAL_S = 60.0
# How long a letter that is being sent, or a request that is being answered, may still take when the process is to end.
PATIENCE_S = 20
# How long a thread that draws may keep the event loop from the interpreter's lock. CPython's own 5 ms would be felt.
SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger(__name__)


def from_environment() -> Starlette:
    """The application as the environment sets it, with its logs and its threads: what a server is pointed at.

    Raises:
        SettingsError: A setting cannot be used.
    """
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    for key in unknown_keys(os.environ):
        log.warning("unknown_setting", key=key)
    app = create_app(settings)
    _keep_the_interpreter_from_pausing()
    return app


def _keep_the_interpreter_from_pausing() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # What was made until now stays. To look through it for garbage would stop the event loop (docs/performance.md).
    gc.collect()
    gc.freeze()


def server_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn is run with `app:from_environment`: it leaves addresses and logs to us, and speaks no WebSocket."""
    return {
        "factory": True,
        "lifespan": "on",
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        # `transport.clients` reads X-Forwarded-For, and believes it of named proxies alone.
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": PATIENCE_S,
    }


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, extra_routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application for these settings. It starts whether or not the database and the mail server can be reached.

    `extra_routes` come after ours, as for a frontend that is served beside the API.

    Raises:
        SettingsError: A setting cannot be used.
    """
    env = build_environment(settings, clock)
    sender = _mail_sender(settings, env.database, clock)
    query_page = QueryPage(settings.graphiql_dir) if settings.graphiql else None
    view = GraphQLView(
        Operations(create_schema(), introspection=settings.introspection),
        env,
        top_level_codes=TOP_LEVEL_CODES,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        get_queries=settings.get_queries,
        query_page=query_page,
    )

    async def missing_keys() -> str | None:
        return "keys_missing" if await upkeep.unknown_keys(env) else None

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with _running(env, sender, is_production=settings.is_production):
            yield

    app = Starlette(
        routes=[
            # Health is asked for by address, so any host will do there.
            Route(
                "/graphql",
                TrustedHostMiddleware(view, allowed_hosts=settings.allowed_hosts, www_redirect=False),
            ),
            *health_routes(env.database, missing_keys),
            *(query_page.routes() if query_page else ()),
            *extra_routes,
        ],
        middleware=_middleware(settings),
        lifespan=lifespan,
    )
    # A redirect would repeat the Host header, which anybody can write.
    app.router.redirect_slashes = False
    app.state.env = env
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    middleware = [
        Middleware(CorrelationIdMiddleware, validator=is_request_id),
        Middleware(SecurityHeaders, strict_transport=settings.is_production),
        Middleware(AccessLog),
    ]
    if settings.allowed_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"] if settings.get_queries else ["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            allow_credentials=True,
            expose_headers=["X-Request-ID"],
        )
        middleware.append(cors)
    return middleware


def build_environment(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Environment:
    """The world around the use cases, for the server and for the command line. Its database is not open yet.

    Raises:
        SettingsError: A setting cannot be used.
    """
    with _blamed_on("secret_keys"):
        key_ring = KeyRing.parse(settings.secret_keys.get_secret_value())
    with _blamed_on("database_url"):
        database = Database(settings.database_url, pool_size=settings.database_pool_size)
    with _blamed_on("address_store_url"):
        addresses = AddressLimiter(
            failures_allowed=settings.failures_per_address, store_url=f"async+{settings.address_store_url}"
        )
    return Environment(database, key_ring, HashingPool(), addresses, settings.issuer, clock)


def _mail_sender(settings: Settings, database: Database, clock: Callable[[], datetime]) -> MailSender:
    password = settings.smtp_password
    with _blamed_on("mail_from"):
        smtp = SmtpSettings(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender_address=settings.mail_from,
            product_name=settings.product_name,
            security=settings.smtp_security,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            timeout_s=settings.smtp_timeout_s,
            ca_file=settings.smtp_ca_file,
        )
    with _blamed_on("smtp_ca_file"):
        return MailSender(database, smtp, clock=clock)


@contextlib.contextmanager
def _blamed_on(name: str) -> Iterator[None]:
    """Say of what cannot be used which setting it was."""
    try:
        yield
    except (ValueError, OSError) as error:
        message = f"{key_of(name)}: {error}"
        raise SettingsError(message) from None


@contextlib.asynccontextmanager
async def _running(env: Environment, sender: MailSender, *, is_production: bool) -> AsyncIterator[None]:
    """Open what the application needs, work in the background meanwhile, and close it all in the end."""
    stop = asyncio.Event()
    await env.database.open()
    try:
        if is_production:
            await _require_known_keys(env)
        background = [asyncio.create_task(sender.run(stop)), asyncio.create_task(_keep_up(env, stop))]
        try:
            yield
        finally:
            stop.set()
            _, late = await asyncio.wait(background, timeout=PATIENCE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    finally:
        env.hashing.close()
        env.drawing.close()
        await env.addresses.close()
        await env.database.close()


async def _require_known_keys(env: Environment) -> None:
    """Do not start where seeds could not be unsealed. Where the database is away, readiness finds out later."""
    try:
        missing = await upkeep.unknown_keys(env) if await env.database.is_current() else set()
    except DatabaseUnavailable:
        log.warning("database_unavailable")
        return
    if missing:
        message = f"{key_of('secret_keys')}: seeds are sealed under keys that are not on the ring: {sorted(missing)}"
        raise SettingsError(message)


async def _keep_up(env: Environment, stop: asyncio.Event) -> None:
    """Clear away what is over about once a minute, until told to stop. Survives whatever fails."""
    while not stop.is_set():
        try:
            while await upkeep.clear_away(env) >= upkeep.BATCH and not stop.is_set():
                pass
        except Exception as error:  # noqa: BLE001  # the loop outlives the database and our own mistakes
            log.warning("upkeep_failed", error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), UPKEEP_INTERVAL_S)
