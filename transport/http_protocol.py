"""An HTTP/1.1 protocol for uvicorn that bounds headers, time and connections.

It builds on h11, which rejects a request that a proxy could read in another way (RFC 9112 §3.2, §6.3), and which keeps
reading the body of a request with an `Upgrade` header that the server does not support (RFC 9110 §7.8).
"""

import asyncio
import re
import sys
from functools import partial
from http import HTTPStatus
from typing import Any

import h11
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from transport.bodies import MAX_BODY_BYTES
from transport.connection_limits import ConnectionLimits

# The request line and all headers together. Browsers and proxies have limits from 8 to 64 KiB.
MAX_HEADER_BYTES = 32_768
# From the first byte of a request, or from the start of the connection, to the end of the headers.
HEADERS_TIMEOUT_S = 10.0
# From the end of the headers to the end of the body.
BODY_TIMEOUT_S = 30.0
# How long a connection may stay open between two requests.
IDLE_TIMEOUT_S = 5
# The key of the `ConnectionLimits` in the lifespan state of the application.
STATE_KEY = "connection_limits"
# h11 also accepts lines that end with a line feed alone.
END_OF_HEADERS = re.compile(rb"\n\r?\n")
# The headers that say what follows them. The group is the value of a plain Content-Length.
LENGTH_HEADER = re.compile(
    rb"\n(?:content-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r?\n)|content-length|transfer-encoding|expect|upgrade)",
    re.IGNORECASE,
)
TIMEOUT_RESPONSE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


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


class NewConnection(asyncio.Protocol):
    """A connection until its first request is complete. `BoundedH11Protocol` then takes over.

    It does little work, since attackers can open hundreds of connections a second that never get further.
    `ConnectionLimits` come from the lifespan state of the application.
    """

    transport: asyncio.Transport

    def __init__(self, *, server_state: ServerState, app_state: dict[str, Any], **options: Any) -> None:  # noqa: ANN401  # those of uvicorn
        self._limits: ConnectionLimits = app_state.setdefault(STATE_KEY, ConnectionLimits())
        self._connections: set[Any] = server_state.connections
        self._successor = partial(BoundedH11Protocol, server_state=server_state, app_state=app_state, **options)
        self._address: str | None = None
        self._address_key: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._received = bytearray()
        # The length of headers and body, as soon as the headers are complete.
        self._length: int | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        # uvicorn calls `shutdown` of each connection when the server stops.
        self._connections.add(self)
        client = get_remote_addr(transport)
        self._address = client[0] if client else None
        self._address_key = self._limits.key_of(self._address)
        if not self._limits.opened(self._address_key):
            self._limits.warn("too_many_connections", self._address_key, address=self._address)
            self.abort()
            return
        self._limits.waits_for_client(self, waits=True)
        self._set_deadline(HEADERS_TIMEOUT_S)

    @override
    def data_received(self, data: bytes) -> None:
        # The end of the headers can be in two reads. What is before was searched already.
        start = max(0, len(self._received) - len(b"\n\r"))
        self._received += data
        if self._length is None:
            self._length = _length_of_request(self._received, start)
            if self._length is not None:
                self._set_deadline(BODY_TIMEOUT_S)
        if len(self._received) >= (self._length or MAX_HEADER_BYTES):
            self._leave()
            self._successor().take_over(self.transport, self._address_key, bytes(self._received))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._limits.closed(self._address_key)

    def abort(self) -> None:
        """Close the connection at once."""
        self._leave()
        self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection, since the server stops."""
        self.transport.close()

    def _set_deadline(self, timeout_s: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(timeout_s, self._time_out)

    def _time_out(self) -> None:
        self._leave()
        waited_for = "headers" if self._length is None else "body"
        self._limits.warn("request_timed_out", self._address_key, waited_for=waited_for, address=self._address)
        self.transport.write(TIMEOUT_RESPONSE)
        self.transport.close()

    def _leave(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._connections.discard(self)
        self._limits.waits_for_client(self, waits=False)


def _length_of_request(received: bytearray, start: int) -> int | None:
    """Return the length of headers and body, or None if the headers are not complete. They end after `start`.

    The length is that of the headers alone if only h11 can read the length of the body, or if the client waits for an
    answer before it sends the body.
    """
    end = END_OF_HEADERS.search(received, start)
    if end is None:
        return None
    lengths = LENGTH_HEADER.findall(received, 0, end.end())
    length = int(lengths[0]) if len(lengths) == 1 and lengths[0] else 0
    return end.end() + (length if length <= MAX_BODY_BYTES else 0)


class BoundedH11Protocol(H11Protocol):
    """A connection from its first complete request on."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # those of uvicorn
        super().__init__(*arguments, **options)
        self._limits: ConnectionLimits = self.app_state[STATE_KEY]
        self.app = _RejectHeaders(self.app)
        self._address_key: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        # What the deadline is for, or None.
        self._waits_for: str | None = None

    def take_over(self, transport: asyncio.Transport, address_key: str | None, received: bytes) -> None:
        """Continue a connection that is counted under this key and has received these bytes."""
        self._address_key = address_key
        transport.set_protocol(self)
        self.connection_made(transport)
        self.data_received(received)

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
    def _should_upgrade(self) -> bool:
        # uvicorn would log two warnings for each request of a client that offers HTTP/2 in this way.
        return False

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
        waited_for = self._waits_for
        self._clear_deadline()
        address = self.client and self.client[0]
        self._limits.warn("request_timed_out", self._address_key, waited_for=waited_for, address=address)
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
