"""A limit on failed attempts by IP address. It is a second line of defence, behind the attempt limits of the accounts.

It slows an address that tries a few passwords on many accounts. The counts are in the memory of each process, or in
Redis for all processes. If the store is unavailable, the attempt limits in the database still protect each account.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string

WINDOW = timedelta(minutes=10)
# RFC 6177 §2: one subscriber has an IPv6 network of at least this size, with 2⁶⁴ addresses.
IPV6_SUBSCRIBER_PREFIX = 64
# RFC 6052 §2.1: the last 32 bits are the IPv4 address of a client behind a NAT64. All these clients share one /64.
NAT64_NETWORK = ipaddress.IPv6Network("64:ff9b::/96")
IPV4_BITS = 0xFFFF_FFFF
# A store that does not answer counts as unavailable.
STORE_TIMEOUTS: dict[str, Any] = {"implementation": "redispy", "socket_timeout": 1, "socket_connect_timeout": 1}

log = structlog.get_logger(__name__)


class IpRateLimiter:
    """Counts the failed attempts of an IP address within ten minutes."""

    def __init__(self, *, failures_allowed: int, store_url: str = "async+memory://") -> None:
        """Count in the store at this URL: `async+memory://` or `async+redis://HOST:PORT/DB`."""
        options = STORE_TIMEOUTS if "redis" in store_url else {}
        store = storage_from_string(store_url, **options)
        assert isinstance(store, Storage)  # noqa: S101  # the settings accept only the two URLs above
        self._store = store
        self._limiter = SlidingWindowCounterRateLimiter(store)
        self._limit = RateLimitItemPerSecond(failures_allowed, int(WINDOW.total_seconds()), namespace="failures")

    async def retry_at(self, address: str | None, now: datetime) -> datetime | None:
        """Return when the next attempt of the address is allowed, or None if it is allowed now."""
        if address is None:
            return None
        try:
            if await self._limiter.test(self._limit, rate_limit_key(address)):
                return None
            stats = await self._limiter.get_window_stats(self._limit, rate_limit_key(address))
        except Exception as error:  # noqa: BLE001  # any exception here means that the store is unavailable
            log.warning("ip_rate_limiter_unavailable", error=type(error).__name__)
            return None
        reset_in = max(stats.reset_time - datetime.now(UTC).timestamp(), 0)
        return (now + timedelta(seconds=reset_in + 1)).replace(microsecond=0)

    async def record_failure(self, address: str | None) -> None:
        """Count a failed attempt of this address."""
        if address is None:
            return
        try:
            await self._limiter.hit(self._limit, rate_limit_key(address))
        except Exception as error:  # noqa: BLE001  # any exception here means that the store is unavailable
            log.warning("ip_rate_limiter_unavailable", error=type(error).__name__)

    async def close(self) -> None:
        """Close the connection to the store."""
        if isinstance(self._store, RedisStorage):
            await self._store.bridge.storage.aclose()  # type: ignore[attr-defined]  # redis-py's client has it


def rate_limit_key(address: str) -> str:
    """Return the key for an address: the IPv4 address, also one behind NAT64, or the /64 network for IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # IPv4
        return address
    if parsed in NAT64_NETWORK:
        return str(ipaddress.IPv4Address(int(parsed) & IPV4_BITS))
    return str(ipaddress.ip_network((parsed, IPV6_SUBSCRIBER_PREFIX), strict=False))
