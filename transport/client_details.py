"""Read the client's address, user agent, language and cookie from a request, for the use cases."""

import ipaddress
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request

from accounts.services import Client
from transport.cookies import COOKIE_NAME
from transport.negotiation import choose_language, list_header
from transport.origins import stores_cookies

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

# The languages of emails and messages.
LANGUAGES = ("en", "de")
# The length that an audit event stores.
USER_AGENT_MAX_LENGTH = 500
# No chain of proxies is longer. Earlier entries of `X-Forwarded-For` are ignored.
MAX_HOPS = 20


log = structlog.get_logger(__name__)


def read_client(request: Request, trusted_proxies: Networks = ()) -> Client:
    """Return the details of the client that sent this request."""
    peer = request.client.host if request.client else None
    forwarded_for = request.headers.getlist("x-forwarded-for")
    ip_address = client_address(peer, forwarded_for, trusted_proxies)
    if forwarded_for and ip_address == peer:
        _warn_of_untrusted_peer(peer)
    return Client(
        ip_address=ip_address,
        user_agent=_clean(request.headers.get("user-agent", "")) or None,
        locale=read_locale(request.headers),
        cookie_token=request.cookies.get(COOKIE_NAME),
        stores_cookies=stores_cookies(request.headers),
    )


def read_locale(headers: Headers) -> str | None:
    """Return the language of the product that this client prefers, or None if it asks for none of them."""
    return choose_language(list_header(headers, "accept-language"), LANGUAGES)


@lru_cache(maxsize=32)
def _warn_of_untrusted_peer(peer: str | None) -> None:
    """Warn once for each peer: a proxy is not in COUNTERSIGN_TRUSTED_PROXIES, or a client sent the header itself."""
    log.warning("forwarded_for_from_untrusted_peer", peer=peer)


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted_proxies: Networks) -> str | None:
    """Return the nearest address that is not a trusted proxy, or None if the peer has no IP address (ASVS 4.1.3).

    Each proxy appends the address of its peer to `X-Forwarded-For`, so the function reads the list from its end and
    accepts only entries of trusted proxies. The client itself may have written everything before the first entry that
    is untrusted or malformed.
    """
    address = parse_address(peer or "")
    if address is None:
        return None
    hops = ",".join(forwarded_for).split(",")[-MAX_HOPS:]
    while hops and any(address in network for network in trusted_proxies):
        hop = parse_address(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


def parse_address(text: str) -> Address | None:
    """Parse an address with or without a port. Convert an IPv4-mapped IPv6 address to IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # Drop the zone: it names a network interface of one machine and does not identify a client.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _clean(user_agent: str) -> str:
    """Remove control characters, which could forge lines in a log or an email, and truncate the text."""
    if not user_agent.isprintable():
        user_agent = "".join(each for each in user_agent if unicodedata.category(each) not in {"Cc", "Cf"})
    return user_agent.strip()[:USER_AGENT_MAX_LENGTH]
