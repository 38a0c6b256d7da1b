"""Build the application from the settings: routes, middleware, services, background tasks. It has no domain rules."""

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Route

from accounts import cleanup, reminders
from accounts.identity import problem_of_email
from accounts.password_strength import PasswordRules
from accounts.response_padding import update_login_padding
from accounts.services import Services, utc_now
from mail.worker import EmailWorker, SmtpSettings
from models.database import Database, DatabaseUnavailable
from resolvers.qr_rendering import QrRenderer
from schema.error_mapping import TOP_LEVEL_CODES
from schema.root import create_schema
from security.cost_limiter import CostLimiter
from security.development_key import development_keys
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_blocklist import PasswordBlocklist
from security.password_hashing import HashingPool
from settings import DEVELOPMENT_KEY_FILE, Settings, SettingsError, key_of, read_settings, unknown_variables
from transport.connection_limits import ConnectionLimits
from transport.graphiql.page import QueryPage
from transport.health import health_routes
from transport.http_protocol import (
    IDLE_TIMEOUT_S,
    MAX_HEADER_BYTES,
    STATE_KEY,
    NewConnection,
)
from transport.logs import configure_logging
from transport.middleware import AccessLog, SecurityHeaders, is_request_id
from transport.operations import LimitedSchema
from transport.stranger_delay import StrangerDelay
from transport.trusted_documents import NO_MANIFEST, TrustedDocuments, read_manifest
from transport.view import GraphQLView
from twofactor import key_rotation

CLEANUP_INTERVAL_S = 60.0
# Between two transactions of the cleanup or of the reminders, so that other processes get the write lock of SQLite.
CLEANUP_PAUSES_S: Mapping[str, float] = {"sqlite": 0.002, "postgres": 0.0}
# How soon a server finds out that users were imported with password hashes, or that the last of these was replaced.
LOGIN_PADDING_INTERVAL_S = 10.0
# The time that a request or an email in progress still has when the process shuts down.
SHUTDOWN_TIMEOUT_S = 20
# How long the thread that renders QR codes may hold the interpreter's lock. CPython's default is 5 ms, which delays the
# event loop measurably.
SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger(__name__)


def from_environment() -> Starlette:
    """Build the application from environment variables and configure logs and threads. Servers run this factory.

    Raises:
        SettingsError: A setting cannot be used.
    """
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    for key in unknown_variables(os.environ):
        log.warning("unknown_setting", key=key)
    if not settings.is_production:
        log.warning("development_mode", hint=f"{key_of('mode')}=production rejects insecure settings")
    app = create_app(settings)
    _avoid_interpreter_pauses()
    return app


def _avoid_interpreter_pauses() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # Objects that exist now live as long as the process. If the garbage collector scanned them, it would stop the event
    # loop for about 60 ms (docs/performance.md).
    gc.collect()
    gc.freeze()


def server_options(settings: Settings) -> dict[str, Any]:
    """Return the options of uvicorn. Its own proxy headers, logs and WebSockets are off."""
    return {
        "factory": True,
        "lifespan": "on",
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        # `transport.client_details` reads X-Forwarded-For, and only from trusted proxies.
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
        "http": NewConnection,
        "h11_max_incomplete_event_size": MAX_HEADER_BYTES,
        "timeout_keep_alive": IDLE_TIMEOUT_S,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": SHUTDOWN_TIMEOUT_S,
    }


def create_app(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, extra_routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """Build the application. It starts even if the database or the mail server is unavailable.

    `extra_routes` follow the routes of the API, for example for a frontend.

    Raises:
        SettingsError: A setting cannot be used.
    """
    services = build_services(settings, clock)
    worker = _email_worker(settings, services.database, clock)
    qr_renderer = QrRenderer()
    query_page = QueryPage(settings.graphiql_dir) if settings.graphiql else None
    schema = create_schema(LimitedSchema, introspection=settings.introspection)
    view = GraphQLView(
        schema,
        services,
        qr_renderer,
        StrangerDelay(settings.strangers_per_address),
        top_level_codes=TOP_LEVEL_CODES,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        https_only=settings.is_production,
        get_queries=settings.get_queries,
        query_page=query_page,
        trusted_documents=_trusted_documents(settings, schema),
    )

    async def missing_keys() -> str | None:
        return None if await key_rotation.has_usable_keys(services) else "keys_missing"

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
        async with _running(services, qr_renderer, worker, is_production=settings.is_production):
            with contextlib.closing(schema):
                yield {STATE_KEY: ConnectionLimits(settings.trusted_proxies)}

    app = Starlette(
        routes=[
            # Orchestrators request the health routes by IP address, so those accept any host.
            Route(
                "/graphql",
                TrustedHostMiddleware(view, allowed_hosts=settings.allowed_hosts, www_redirect=False),
            ),
            *health_routes(services.database, missing_keys),
            *(query_page.routes() if query_page else ()),
            *extra_routes,
        ],
        middleware=_middleware(settings),
        lifespan=lifespan,
    )
    # A redirect would contain the Host header, which the client controls.
    app.router.redirect_slashes = False
    app.state.services = services
    return app


def _trusted_documents(settings: Settings, schema: LimitedSchema) -> TrustedDocuments:
    if settings.trusted_documents is None:
        return NO_MANIFEST
    with _naming_setting("trusted_documents"):
        documents = read_manifest(settings.trusted_documents, schema.problem_of)
    return TrustedDocuments(documents, others_allowed=not settings.is_production)


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
            # The origins are trusted, and the server ignores headers that it does not know: those of tracing
            # (`traceparent`, `baggage`) and of clients (`apollographql-client-name`).
            allow_headers=["*"],
            allow_credentials=True,
            # An allowed page may call an API in a private network.
            allow_private_network=True,
            expose_headers=["X-Request-ID"],
        )
        middleware.append(cors)
    return middleware


def build_services(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Services:
    """Build the services for the server and the command line. The database is not open yet.

    Raises:
        SettingsError: A setting cannot be used.
    """
    with _naming_setting("secret_keys"):
        key_ring = KeyRing.parse(
            settings.secret_keys.get_secret_value() if settings.secret_keys else development_keys(DEVELOPMENT_KEY_FILE)
        )
    with _naming_setting("database_url"):
        database = Database(settings.database_url, pool_size=settings.database_pool_size)
    with _naming_setting("address_store_url"):
        ip_rate_limiter = IpRateLimiter(
            failures_allowed=settings.failures_per_address, store_url=f"async+{settings.address_store_url}"
        )
    with _naming_setting("password_blocklist"):
        blocklist = PasswordBlocklist(settings.password_blocklist) if settings.password_blocklist else None
    return Services(
        database,
        key_ring,
        HashingPool(),
        ip_rate_limiter,
        settings.issuer,
        clock,
        CostLimiter(settings.cost_per_minute),
        password_rules=PasswordRules((settings.product_name, settings.issuer), blocklist),
    )


def _email_worker(settings: Settings, database: Database, clock: Callable[[], datetime]) -> EmailWorker:
    password = settings.smtp_password
    with _naming_setting("mail_from"):
        if problem := problem_of_email(settings.mail_from):
            raise ValueError(problem)
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
    with _naming_setting("smtp_ca_file"):
        return EmailWorker(database, smtp, clock=clock)


@contextlib.contextmanager
def _naming_setting(name: str) -> Iterator[None]:
    """Add the name of the setting to an error about its value."""
    try:
        yield
    except (ValueError, OSError) as error:
        message = f"{key_of(name)}: {error}"
        raise SettingsError(message) from None


@contextlib.asynccontextmanager
async def _running(
    services: Services, qr_renderer: QrRenderer, worker: EmailWorker, *, is_production: bool
) -> AsyncIterator[None]:
    """Open the database and run the background tasks. Stop and close everything afterwards."""
    stop = asyncio.Event()
    await services.database.open()
    try:
        if is_production:
            await _require_usable_keys(services)
        background = [
            asyncio.create_task(worker.run(stop)),
            asyncio.create_task(_run_cleanup(services, stop)),
            asyncio.create_task(_run_reminders(services, stop)),
            asyncio.create_task(_run_login_padding(services, stop)),
        ]
        try:
            yield
        finally:
            stop.set()
            _, late = await asyncio.wait(background, timeout=SHUTDOWN_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    finally:
        services.hashing.close()
        qr_renderer.close()
        await services.ip_rate_limiter.close()
        await services.database.close()


async def _require_usable_keys(services: Services) -> None:
    """Reject the start if the key ring holds none of the keys that encrypt TOTP secrets.

    If the database is unavailable, the readiness check finds out later.
    """
    try:
        is_usable = not await services.database.is_current() or await key_rotation.has_usable_keys(services)
    except DatabaseUnavailable:
        log.warning("database_unavailable")
        return
    if not is_usable:
        message = f"{key_of('secret_keys')}: the key ring holds none of the keys that encrypt TOTP secrets"
        raise SettingsError(message)


async def _run_cleanup(services: Services, stop: asyncio.Event) -> None:
    """Clean up about once a minute until `stop` is set. Continue after any error."""
    await _run_each_minute("cleanup_failed", cleanup.clean_up, services, stop)


async def _run_reminders(services: Services, stop: asyncio.Event) -> None:
    """Send reminders that are due about once a minute until `stop` is set. Continue after any error."""
    await _run_each_minute("reminders_failed", reminders.remind_users, services, stop)


async def _run_each_minute(
    failure: str, transactions: Callable[[Services], AsyncIterator[int]], services: Services, stop: asyncio.Event
) -> None:
    pause_s = CLEANUP_PAUSES_S[services.database.dialect]
    while not stop.is_set():
        try:
            async for _ in transactions(services):
                await asyncio.sleep(pause_s)
                if stop.is_set():
                    break
        except Exception as error:  # noqa: BLE001  # the loop must survive any error
            log.warning(failure, error=type(error).__name__)
        await _is_set_within(stop, CLEANUP_INTERVAL_S)


async def _run_login_padding(services: Services, stop: asyncio.Event) -> None:
    """Look for imported password hashes every few seconds until `stop` is set. Continue after any error."""
    while not stop.is_set():
        try:
            await update_login_padding(services)
        except Exception as error:  # noqa: BLE001  # the loop must survive any error
            log.warning("login_padding_failed", error=type(error).__name__)
        await _is_set_within(stop, LOGIN_PADDING_INTERVAL_S)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
