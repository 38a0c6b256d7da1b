"""Check the origin of browser requests: the API's own host and the allowed origins (CSRF, ASVS 3.5.1 to 3.5.3)."""

from collections.abc import Collection
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers

from transport.request_errors import RequestError

DEFAULT_PORTS = {"http": 80, "https": 443}
LOGGED_LENGTH = 200

log = structlog.get_logger(__name__)


def require_allowed_origin(headers: Headers, allowed_origins: Collection[str], *, https_only: bool = False) -> None:
    """Accept requests from clients that are not browsers, from pages of the API's own host and from allowed origins.

    The check applies to requests without a cookie too: otherwise a page of an attacker could log a user in to the
    attacker's account. If `https_only` is true, a page of the API's own host must have been loaded over HTTPS: others
    can change a page that is sent in clear.

    Raises:
        RequestError: 403, the request comes from another origin.
    """
    origins = headers.getlist("origin")
    if not origins:
        # Browsers omit `Origin` in some requests that change nothing. `Sec-Fetch-Site` still marks those as cross-site.
        if _is_marked_cross_site(headers):
            raise _origin_not_allowed(headers)
        return
    if len(origins) > 1 or not _is_allowed(
        origins[0].lower(), headers.get("host", ""), allowed_origins, https_only=https_only
    ):
        raise _origin_not_allowed(headers)


def stores_cookies(headers: Headers) -> bool:
    """Return whether the client stores the session cookie. Browsers store none for a page of another site (SameSite).

    An app with a scheme of its own is another site, also in browsers that send no `Sec-Fetch-Site`.
    """
    scheme = headers.get("origin", "https:").partition(":")[0].lower()
    return scheme in DEFAULT_PORTS and not _is_marked_cross_site(headers)


def _is_marked_cross_site(headers: Headers) -> bool:
    return headers.get("sec-fetch-site", "").strip().lower() == "cross-site"


def _origin_not_allowed(headers: Headers) -> RequestError:
    """Return the error, and log both hosts: a proxy may have replaced the host that the browser sent."""
    facts = {name: ", ".join(headers.getlist(name)).lower()[:LOGGED_LENGTH] for name in ("origin", "host")}
    # The line of the request has them too.
    structlog.contextvars.bind_contextvars(**facts)
    log.warning("origin_not_allowed", **facts)
    return RequestError(
        403, "This origin may not call the API.", de="Dieser Ursprung (Origin) darf die API nicht aufrufen."
    )


def _is_allowed(origin: str, host: str, allowed_origins: Collection[str], *, https_only: bool) -> bool:
    if origin in allowed_origins:
        return True
    try:
        origin_url, own_url = urlsplit(origin), urlsplit(f"//{host.lower()}")
        default_port = DEFAULT_PORTS.get(origin_url.scheme)
        # The server cannot see its own scheme behind a proxy that terminates TLS.
        is_own_host = (origin_url.hostname, origin_url.port or default_port) == (
            own_url.hostname,
            own_url.port or default_port,
        )
    except ValueError:
        return False
    is_own_scheme = origin_url.scheme == "https" or (origin_url.scheme == "http" and not https_only)
    return is_own_host and is_own_scheme and origin_url.hostname is not None
