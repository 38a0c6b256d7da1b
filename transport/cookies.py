"""Read the session token from a bearer token or a cookie, read device tokens, and set both cookies."""

import re
from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from accounts.session_tokens import SessionToken
from models import SessionTransport

# With the prefix `__Host-`, browsers require Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
COOKIE_NAME = "__Host-countersign"
# The maximum lifetime of a session. The server can end a session earlier.
COOKIE_LIFETIME = timedelta(days=30)

DEVICE_COOKIE_NAME = "__Host-countersign-device"
# Without use, a known device is forgotten after that time.
DEVICE_COOKIE_LIFETIME = timedelta(days=90)
# People share computers: the cookie has a token for each of the last users.
DEVICE_COOKIE_TOKENS = 5
# A character that is in no token and that a cookie may contain (RFC 6265 §4.1.1).
DEVICE_COOKIE_SEPARATOR = "."

# RFC 6750 §2.1. All tokens of the server are shorter than this limit.
BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,128}=*)", re.ASCII | re.IGNORECASE)


def session_token(request: Request) -> SessionToken | None:
    """Return the session token of the request.

    If there is an `Authorization` header, the cookie is ignored, even if the header is malformed.
    """
    authorizations = request.headers.getlist("authorization")
    if authorizations:
        match = BEARER.fullmatch(authorizations[0].strip()) if len(authorizations) == 1 else None
        return SessionToken(match[1], SessionTransport.TOKEN) if match else None
    cookie = request.cookies.get(COOKIE_NAME)
    return SessionToken(cookie, SessionTransport.COOKIE) if cookie is not None else None


def sends_token(request: Request) -> bool:
    """Return whether the request has a session token, also a malformed one.

    An empty `Authorization` header has none. Any other text in it has one, since the client expects to be logged in.
    """
    authorizations = request.headers.getlist("authorization")
    return any(each.strip() for each in authorizations) if authorizations else COOKIE_NAME in request.cookies


def device_tokens(request: Request) -> tuple[str, ...]:
    """Return the device tokens in the cookie of the request, that of the last user first."""
    cookie = request.cookies.get(DEVICE_COOKIE_NAME, "")
    return tuple(cookie.split(DEVICE_COOKIE_SEPARATOR, DEVICE_COOKIE_TOKENS)[:DEVICE_COOKIE_TOKENS]) if cookie else ()


class Cookies:
    """Sets or clears the cookies of one response."""

    def __init__(self, request: Request, response: Response) -> None:
        self._response = response
        # If the request has a bearer token, the cookie belongs to another session, so logout must not clear it.
        self._may_clear = "authorization" not in request.headers and COOKIE_NAME in request.cookies

    def set(self, session_token: str) -> None:
        """Set the session cookie."""
        self._set(COOKIE_NAME, session_token, int(COOKIE_LIFETIME.total_seconds()))
        self._may_clear = True

    def clear(self) -> None:
        """Delete the session cookie if the session of the request came from the cookie."""
        if self._may_clear:
            self._set(COOKIE_NAME, "", 0)

    def set_device_tokens(self, tokens: Sequence[str]) -> None:
        """Set the cookie of the known devices. The first token is that of the last user."""
        value = DEVICE_COOKIE_SEPARATOR.join(tokens[:DEVICE_COOKIE_TOKENS])
        self._set(DEVICE_COOKIE_NAME, value, int(DEVICE_COOKIE_LIFETIME.total_seconds()))

    def _set(self, name: str, value: str, max_age_s: int) -> None:
        # Keep only the last cookie of the operation: with two cookies of one name, the browser would choose.
        others = [
            cookie for cookie in self._response.headers.getlist("set-cookie") if not cookie.startswith(f"{name}=")
        ]
        del self._response.headers["set-cookie"]
        for cookie in others:
            self._response.headers.append("set-cookie", cookie)
        self._response.set_cookie(name, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax")
