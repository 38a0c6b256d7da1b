"""How a session travels: as a bearer token, or in a cookie that no script can read and no other host can set."""

import re
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

# `__Host-` makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
COOKIE_NAME = "__Host-countersign"
# As long as a session lives at most. The server ends it sooner where it must.
COOKIE_LIFETIME = timedelta(days=30)

# RFC 6750 §2.1. No token of ours is longer than this.
BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,128}=*)", re.ASCII | re.IGNORECASE)


def session_token(request: Request) -> str | None:
    """The token that the request carries. A bearer token wins over the cookie; a malformed one stands for nobody."""
    authorizations = request.headers.getlist("authorization")
    if authorizations:
        match = BEARER.fullmatch(authorizations[0].strip()) if len(authorizations) == 1 else None
        return match[1] if match else None
    return request.cookies.get(COOKIE_NAME)


class SessionCookie:
    """The cookie of one answer."""

    def __init__(self, request: Request, response: Response) -> None:
        self._response = response
        # The session of a bearer token ends without the cookie of another one.
        self._may_clear = "authorization" not in request.headers and COOKIE_NAME in request.cookies

    def set(self, session_token: str) -> None:
        """Set the session cookie."""
        self._set(session_token, int(COOKIE_LIFETIME.total_seconds()))
        self._may_clear = True

    def clear(self) -> None:
        """Delete the session cookie, if the session of the request was in one."""
        if self._may_clear:
            self._set("", 0)

    def _set(self, value: str, max_age_s: int) -> None:
        # The last word of an operation is the only one: two cookies of one name would leave it to the browser.
        del self._response.headers["set-cookie"]
        self._response.set_cookie(
            COOKIE_NAME, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax"
        )
