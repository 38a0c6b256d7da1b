"""A limit on failures by address: the second line, behind the budgets of the accounts.

It lives in the memory of each process, or in Redis for all of them together. It keeps a single address from trying
many accounts a little; it is not what protects an account, so where its store is down the budgets in the database stand
alone.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string

from twofactor.errors import TooManyAttemptsError

WINDOW = timedelta(minutes=10)
# RFC 6177 §2: one subscriber has at least this much of IPv6, and with it 2⁶⁴ addresses to try from.
SUBSCRIBERS_PREFIX = 64
# A store that hangs is as good as one that is down.
STORE_TIMEOUTS: dict[str, Any] = {"implementation": "redispy", "socket_timeout": 1, "socket_connect_timeout": 1}

log = structlog.get_logger(__name__)


class AddressLimiter:
    """Counts the failures of an address within ten minutes."""

    def __init__(self, *, failures_allowed: int, store_url: str = "async+memory://") -> None:
        """Count in the store of this URL: `async+memory://` or `async+redis://HOST:PORT/DB`."""
        options = STORE_TIMEOUTS if "redis" in store_url else {}
        store = storage_from_string(store_url, **options)
        assert isinstance(store, Storage)  # noqa: S101  # settings admit the two URLs above alone
        self._store = store
        self._limiter = SlidingWindowCounterRateLimiter(store)
        self._limit = RateLimitItemPerSecond(failures_allowed, int(WINDOW.total_seconds()), namespace="failures")

    async def admit(self, address: str | None, now: datetime) -> None:
        """Let an address try, unless it has failed too often.

        Raises:
            TooManyAttemptsError: It has. Nothing was checked or counted.
        """
        if address is None:
            return
        try:
            if await self._limiter.test(self._limit, subscriber(address)):
                return
            stats = await self._limiter.get_window_stats(self._limit, subscriber(address))
        except Exception as error:  # noqa: BLE001  # whatever the store raises, it is the store that is down
            log.warning("address_limiter_unavailable", error=type(error).__name__)
            return
        reset_in = max(stats.reset_time - datetime.now(UTC).timestamp(), 0)
        raise TooManyAttemptsError((now + timedelta(seconds=reset_in + 1)).replace(microsecond=0))

    async def count_failure(self, address: str | None) -> None:
        """Remember that an attempt from this address failed."""
        if address is None:
            return
        try:
            await self._limiter.hit(self._limit, subscriber(address))
        except Exception as error:  # noqa: BLE001  # see above
            log.warning("address_limiter_unavailable", error=type(error).__name__)

    async def close(self) -> None:
        """Let go of the store."""
        if isinstance(self._store, RedisStorage):
            await self._store.bridge.storage.aclose()  # type: ignore[attr-defined]  # the bridge to redis-py has it


def subscriber(address: str) -> str:
    """Under which name an address is counted: itself, or in IPv6 the network that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # IPv4
        return address
    return str(ipaddress.ip_network((parsed, SUBSCRIBERS_PREFIX), strict=False))
