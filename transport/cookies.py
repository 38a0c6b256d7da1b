"""Read the session token from a bearer token or a cookie, and set the session cookie."""

import re
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

# With the prefix `__Host-`, browsers require Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
COOKIE_NAME = "__Host-countersign"
# The maximum lifetime of a session. The server can end a session earlier.
COOKIE_LIFETIME = timedelta(days=30)

# RFC 6750 §2.1. All tokens of the server are shorter than this limit.
BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,128}=*)", re.ASCII | re.IGNORECASE)


def session_token(request: Request) -> str | None:
    """Return the session token of the request.

    If there is an `Authorization` header, the cookie is ignored, even if the header is malformed.
    """
    authorizations = request.headers.getlist("authorization")
    if authorizations:
        match = BEARER.fullmatch(authorizations[0].strip()) if len(authorizations) == 1 else None
        return match[1] if match else None
    return request.cookies.get(COOKIE_NAME)


class SessionCookie:
    """Sets or clears the session cookie of one response."""

    def __init__(self, request: Request, response: Response) -> None:
        self._response = response
        # If the request has a bearer token, the cookie belongs to another session, so logout must not clear it.
        self._may_clear = "authorization" not in request.headers and COOKIE_NAME in request.cookies

    def set(self, session_token: str) -> None:
        """Set the session cookie."""
        self._set(session_token, int(COOKIE_LIFETIME.total_seconds()))
        self._may_clear = True

    def clear(self) -> None:
        """Delete the session cookie if the session of the request came from the cookie."""
        if self._may_clear:
            self._set("", 0)

    def _set(self, value: str, max_age_s: int) -> None:
        # Keep only the last cookie of the operation: with two cookies of one name, the browser would choose.
        del self._response.headers["set-cookie"]
        self._response.set_cookie(
            COOKIE_NAME, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax"
        )
