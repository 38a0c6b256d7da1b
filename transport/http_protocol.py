"""An HTTP/1.1 protocol for uvicorn that bounds headers, time and connections.

It builds on h11, which rejects a request that a proxy could read in another way (RFC 9112 §3.2, §6.3), and which keeps
reading the body of a request with an `Upgrade` header that the server does not support (RFC 9110 §7.8).
"""

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import h11
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from security.ip_rate_limiter import rate_limit_key
from transport.client_details import Networks, parse_address

# The request line and all headers together. Browsers and proxies have limits from 8 to 64 KiB.
MAX_HEADER_BYTES = 32_768
# From the first byte of a request, or from the start of the connection, to the end of the headers.
HEADERS_TIMEOUT_S = 10.0
# From the end of the headers to the end of the body.
BODY_TIMEOUT_S = 30.0
# How long a connection may stay open between two requests.
IDLE_TIMEOUT_S = 5
# For each process. Each connection needs a file descriptor, and many systems allow 1,024 of them.
MAX_CONNECTIONS = 800
MAX_CONNECTIONS_PER_ADDRESS = 100
# The key of the `ConnectionLimits` in the lifespan state of the application.
STATE_KEY = "connection_limits"
TIMEOUT_RESPONSE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# Each address is logged at most once in this time.
LOG_INTERVAL_S = 10.0

log = structlog.get_logger(__name__)


@dataclass
class ConnectionLimits:
    """The open connections of a process, and how many are allowed.

    If there are too many in all, the connection is closed that has waited longest for its client: for a request, or for
    the rest of one. So half-sent requests cannot keep others out.
    """

    trusted_proxies: Networks = ()
    max_connections: int = MAX_CONNECTIONS
    max_per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    _open: int = 0
    _by_address: Counter[str] = field(default_factory=Counter)
    # The addresses that were logged in this interval.
    _logged: set[str | None] = field(default_factory=set)
    _logged_until: float = 0.0
    # In the order in which they started to wait.
    _waiting_for_client: "dict[BoundedH11Protocol, None]" = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of open connections."""
        return self._open

    def key_of(self, address: str | None) -> str | None:
        """Return the key under which the connections of an address count, or None for a trusted proxy."""
        parsed = parse_address(address or "")
        # A UNIX socket has no address. Only a proxy on this machine connects to it.
        if parsed is None or any(parsed in network for network in self.trusted_proxies):
            return None
        return rate_limit_key(str(parsed))

    def opened(self, key: str | None) -> bool:
        """Count a new connection. Return whether it may stay open."""
        self._open += 1
        if key is not None:
            self._by_address[key] += 1
            if self._by_address[key] > self.max_per_address:
                return False
        if self._open > self.max_connections:
            longest_waiting = next(iter(self._waiting_for_client), None)
            if longest_waiting is None:
                return False
            longest_waiting.abort()
        return True

    def is_first_in_a_while(self, key: str | None) -> bool:
        """Return whether an event of this address is to be logged: the first one of each interval."""
        now = time.monotonic()
        if now >= self._logged_until:
            self._logged.clear()
            self._logged_until = now + LOG_INTERVAL_S
        is_first = key not in self._logged
        self._logged.add(key)
        return is_first

    def closed(self, key: str | None) -> None:
        """Count a closed connection."""
        self._open -= 1
        if key is not None:
            self._by_address[key] -= 1
            if not self._by_address[key]:
                del self._by_address[key]

    def waits_for_client(self, connection: "BoundedH11Protocol", *, waits: bool) -> None:
        """Record whether a connection waits for its client."""
        if waits:
            self._waiting_for_client.setdefault(connection)
        else:
            self._waiting_for_client.pop(connection, None)


class _RejectHeaders:
    """Rejects headers that h11 accepts.

    h11 compares incomplete headers alone with its limit, so longer ones pass that arrive complete in one read. It also
    accepts both Content-Length and Transfer-Encoding (RFC 9112 §6.3).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            size = len(scope["raw_path"]) + len(scope["query_string"])
            size += sum(len(name) + len(value) + len(b": \r\n") for name, value in headers)
            if size > MAX_HEADER_BYTES:
                await _reject(431, "The headers are too long.")(scope, receive, send)
                return
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
                await _reject(400, "The length of the body is ambiguous.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _reject(status_code: int, message: str) -> PlainTextResponse:
    return PlainTextResponse(message, status_code, {"connection": "close"})


class BoundedH11Protocol(H11Protocol):
    """One connection. `ConnectionLimits` come from the lifespan state of the application."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # those of uvicorn
        super().__init__(*arguments, **options)
        self._limits: ConnectionLimits = self.app_state.setdefault(STATE_KEY, ConnectionLimits())
        self.app = _RejectHeaders(self.app)
        self._address_key: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        # What the deadline is for, or None.
        self._waits_for: str | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address_key = self._limits.key_of(self.client[0] if self.client else None)
        if not self._limits.opened(self._address_key):
            if self._limits.is_first_in_a_while(self._address_key):
                log.warning("too_many_connections", address=self.client and self.client[0])
            self.abort()
            return
        self._update_deadline()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._limits.closed(self._address_key)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_deadline()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_deadline()

    def abort(self) -> None:
        """Close the connection at once."""
        self._clear_deadline()
        self.transport.abort()

    @override
    def send_400_response(self, msg: str) -> None:
        """Reject a malformed request, with 431 if the headers are too long."""
        error = sys.exc_info()[1]
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        self._reject(HTTPStatus(status), msg)

    def _reject(self, status: HTTPStatus, message: str) -> None:
        self._clear_deadline()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            self.transport.write(self.conn.send(h11.Response(status_code=status, headers=headers)) or b"")
            self.transport.write(self.conn.send(h11.Data(data=message.encode("ascii"))) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()

    def _update_deadline(self) -> None:
        if self.transport.is_closing():
            self._clear_deadline()
            return
        waits_for = self._waiting_for()
        if waits_for == self._waits_for:
            return
        self._clear_deadline()
        self._waits_for = waits_for
        self._limits.waits_for_client(self, waits=waits_for is not None)
        # uvicorn's own timer closes a connection that is idle between two requests.
        timeout_s = {"headers": HEADERS_TIMEOUT_S, "body": BODY_TIMEOUT_S}.get(waits_for or "")
        if timeout_s is not None:
            self._deadline = self.loop.call_later(timeout_s, self._time_out)

    def _waiting_for(self) -> str | None:
        if self.conn.their_state is h11.IDLE:
            return "next request" if self.timeout_keep_alive_task is not None else "headers"
        return "body" if self.conn.their_state is h11.SEND_BODY else None

    def _time_out(self) -> None:
        # An attack can make hundreds of requests time out at the same moment, so this does little work.
        waited_for = self._waits_for
        self._clear_deadline()
        if self._limits.is_first_in_a_while(self._address_key):
            log.warning("request_timed_out", waited_for=waited_for, address=self.client and self.client[0])
        if waited_for == "headers":
            self.transport.write(TIMEOUT_RESPONSE)
            self.transport.close()
        else:
            self.abort()

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._waits_for = None
        self._limits.waits_for_client(self, waits=False)
