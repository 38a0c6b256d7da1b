"""What holds for every answer: safe headers, one line in the log, and a last resort for what nobody expected."""

import re
import time

import structlog
from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transport.codes import INTERNAL_SERVER_ERROR, MESSAGES
from transport.refusals import error_response

# ASVS 3.4.3 to 3.4.6 and 14.3.2. An answer of the API is data, so as a page it may load nothing.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# ASVS 3.4.1: a year at least.
STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}

# What a proxy before us may have named the request: hexadecimal digits, with dashes or without.
REQUEST_ID = re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}", re.ASCII)

# What the log says of a method; anybody can make up others.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
PATH_MAX_LENGTH = 200

log = structlog.get_logger(__name__)


def is_request_id(text: str) -> bool:
    """Whether a request id from outside may be used for ours."""
    return REQUEST_ID.fullmatch(text) is not None


class SecurityHeaders:
    """Puts the headers on every answer that does not bring its own of the same name."""

    def __init__(self, app: ASGIApp, *, strict_transport: bool) -> None:
        self._app = app
        headers = SECURITY_HEADERS | (STRICT_TRANSPORT_SECURITY if strict_transport else {})
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                missing = [(name, value) for name, value in self._headers if name not in own]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class AccessLog:
    """Writes a line for each request, and answers where everything else has failed (ASVS 16.5.4)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        began = time.perf_counter()
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:  # the last resort
            log.exception("internal_error")
            if status is None:
                await _apology()(scope, receive, send_and_note)
        finally:
            log.info(
                "request",
                method=scope["method"] if scope["method"] in METHODS else "other",
                path=scope["path"][:PATH_MAX_LENGTH],
                status=status,
                duration_ms=round((time.perf_counter() - began) * 1000, 1),
            )


def _apology() -> ASGIApp:
    return error_response(
        500,
        MESSAGES[INTERNAL_SERVER_ERROR],
        INTERNAL_SERVER_ERROR,
        extensions={"correlationId": correlation_id.get()},
    )
