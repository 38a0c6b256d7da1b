"""Who may make a browser call us: our own pages and the origins on the list (against CSRF, ASVS 3.5.1 to 3.5.3)."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from transport.refusals import RequestRefusedError

DEFAULT_PORTS = {"http": 80, "https": 443}


def require_known_origin(headers: Headers, allowed_origins: Collection[str]) -> None:
    """Let a request through that comes from no browser, from a page of ours, or from an origin on the list.

    It holds for every request, with a cookie or without: a login begun by a stranger's page would be an attack too.

    Raises:
        RequestRefusedError: 403, the request comes from somewhere else.
    """
    origins = headers.getlist("origin")
    if not origins:
        # Browsers leave `Origin` out of some requests that change nothing, and say so in this header.
        if headers.get("sec-fetch-site", "").lower() == "cross-site":
            raise RequestRefusedError(403, "This origin may not call the API.")
        return
    if len(origins) > 1 or not _is_known(origins[0].lower(), headers.get("host", ""), allowed_origins):
        raise RequestRefusedError(403, "This origin may not call the API.")


def _is_known(origin: str, host: str, allowed_origins: Collection[str]) -> bool:
    if origin in allowed_origins:
        return True
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host.lower()}")
        default = DEFAULT_PORTS.get(theirs.scheme)
        # The scheme is not compared: behind a proxy that ends TLS we do not see it.
        is_ours = (theirs.hostname, theirs.port or default) == (ours.hostname, ours.port or default)
    except ValueError:
        return False
    return is_ours and default is not None and theirs.hostname is not None
