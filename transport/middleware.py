"""Middleware for every response: security headers, one log line, and a response for unexpected errors."""

import re
import time

import structlog
from asgi_correlation_id import correlation_id
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transport.client_details import LANGUAGES, read_locale
from transport.error_codes import INTERNAL_SERVER_ERROR, MESSAGES
from transport.request_errors import error_response

# ASVS 3.4.3 to 3.4.6 and 14.3.2. API responses are data, so a browser that shows one as a page may load nothing.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# ASVS 3.4.1: at least one year.
STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}

# The form of a request id that the server accepts from a proxy: a UUID with or without hyphens.
REQUEST_ID = re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}", re.ASCII)

# Other methods are logged as `other`, because clients can invent names.
LOGGED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
PATH_MAX_LENGTH = 200

log = structlog.get_logger(__name__)


def is_request_id(text: str) -> bool:
    """Return whether the server accepts this request id from a client or proxy."""
    return REQUEST_ID.fullmatch(text) is not None


class SecurityHeaders:
    """Adds the security headers to every response, except headers that the response already has."""

    def __init__(self, app: ASGIApp, *, strict_transport: bool) -> None:
        self._app = app
        headers = SECURITY_HEADERS | (STRICT_TRANSPORT_SECURITY if strict_transport else {})
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [(name, value) for name, value in self._headers if name not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class AccessLog:
    """Logs each request, and returns a 500 response after an unexpected error (ASVS 16.5.4).

    The view binds more facts to the line: operation, outcome, id of the user, and IP address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        start = time.perf_counter()
        status: int | None = None

        async def send_and_record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_record_status)
        except Exception:  # the last handler of any exception
            log.exception("internal_error")
            structlog.contextvars.bind_contextvars(outcome=INTERNAL_SERVER_ERROR)
            if status is None:
                await _internal_error_response(read_locale(Headers(scope=scope)) or LANGUAGES[0])(
                    scope, receive, send_and_record_status
                )
        finally:
            log.info(
                "request",
                method=scope["method"] if scope["method"] in LOGGED_METHODS else "other",
                path=scope["path"][:PATH_MAX_LENGTH],
                status=status,
                duration_ms=round((time.perf_counter() - start) * 1000, 1),
            )


def _internal_error_response(language: str) -> ASGIApp:
    return error_response(
        500,
        MESSAGES[language][INTERNAL_SERVER_ERROR],
        INTERNAL_SERVER_ERROR,
        extensions={"correlationId": correlation_id.get()},
    )
