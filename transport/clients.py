"""Who is at the other end, for the audit trail and for limits by address."""

import ipaddress
import unicodedata
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.requests import Request

from transport.negotiation import choose_language
from twofactor.environment import Client

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

# Those that letters and messages are written in; the first is for everybody else.
LANGUAGES = ("en", "de")
# As much as the audit trail keeps.
USER_AGENT_MAX_LENGTH = 500
# No chain of proxies is longer; what a client puts before it is not looked at.
MOST_HOPS = 20


def client_of(request: Request, trusted_proxies: Networks = ()) -> Client:
    """The client of a request."""
    peer = request.client.host if request.client else None
    return Client(
        ip_address=client_address(peer, request.headers.getlist("x-forwarded-for"), trusted_proxies),
        user_agent=_clean(request.headers.get("user-agent", "")) or None,
        locale=choose_language(request.headers.get("accept-language"), LANGUAGES),
    )


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted_proxies: Networks) -> str | None:
    """The address that a request came from: the nearest one that no proxy of ours vouches away (ASVS 4.1.3).

    Only what a trusted proxy itself has seen is believed. Each proxy appends the peer it saw, so the list is read from
    its end, and what stands before the first untrusted or malformed entry may have been written by anybody.
    """
    address = _parse(peer or "")
    if address is None:
        return None
    hops = ",".join(forwarded_for).split(",")[-MOST_HOPS:]
    while hops and any(address in network for network in trusted_proxies):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


def _parse(text: str) -> Address | None:
    """An address, with or without a port; an IPv4 address in the form of IPv6 is the IPv4 address."""
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
        # A zone names an interface of one machine, not a client.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def _clean(user_agent: str) -> str:
    """The text without control characters, which could forge lines in a log or a letter, and not too long."""
    if not user_agent.isprintable():
        user_agent = "".join(each for each in user_agent if unicodedata.category(each) not in {"Cc", "Cf"})
    return user_agent.strip()[:USER_AGENT_MAX_LENGTH]
