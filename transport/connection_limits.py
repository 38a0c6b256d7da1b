"""The open connections of a process, and how many are allowed."""

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import structlog

from security.ip_rate_limiter import rate_limit_key
from transport.client_details import Networks, parse_address

# For each process. Each connection needs a file descriptor, and many systems allow 1,024 of them.
MAX_CONNECTIONS = 800
MAX_CONNECTIONS_PER_ADDRESS = 100
# Each address is logged at most once in this time.
LOG_INTERVAL_S = 10.0

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """An open connection."""

    def abort(self) -> None:
        """Close the connection at once."""


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
    _waiting_for_client: dict[Connection, None] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of open connections."""
        return self._open

    def key_of(self, address: str | None) -> str | None:
        """Return the key under which the connections of an address count, or None for a trusted proxy."""
        return _key_of(address, self.trusted_proxies)

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

    def warn(self, event: str, key: str | None, **facts: object) -> None:
        """Log an event of an address, at most once in each interval.

        An attack can cause hundreds of events at the same moment.
        """
        now = time.monotonic()
        if now >= self._logged_until:
            self._logged.clear()
            self._logged_until = now + LOG_INTERVAL_S
        if key not in self._logged:
            self._logged.add(key)
            log.warning(event, **facts)

    def closed(self, key: str | None) -> None:
        """Count a closed connection."""
        self._open -= 1
        if key is not None:
            self._by_address[key] -= 1
            if not self._by_address[key]:
                del self._by_address[key]

    def waits_for_client(self, connection: Connection, *, waits: bool) -> None:
        """Record whether a connection waits for its client."""
        if waits:
            self._waiting_for_client.setdefault(connection)
        else:
            self._waiting_for_client.pop(connection, None)


@lru_cache(maxsize=1_024)
def _key_of(address: str | None, trusted_proxies: Networks) -> str | None:
    parsed = parse_address(address or "")
    # A UNIX socket has no address. Only a proxy on this machine connects to it.
    if parsed is None or any(parsed in network for network in trusted_proxies):
        return None
    return rate_limit_key(str(parsed))
