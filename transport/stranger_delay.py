"""Slow down an address that sends very many requests without a session.

A server cannot refuse such requests: other people may use the same address. A client that waits for each response
before its next request sends fewer of them. `transport/view.py` delays the answer to an attempt that has to wait, too.
"""

import asyncio
import random

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from security.ip_rate_limiter import rate_limit_key

WINDOW_S = 10
DELAY_S = 1.0


class StrangerDelay:
    """Counts requests without a session by IP address or IPv6 /64 network, in each process."""

    def __init__(self, requests_allowed: int) -> None:
        """Delay all responses to an address after this number of requests in ten seconds."""
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerSecond(requests_allowed, WINDOW_S, namespace="strangers")

    async def delay(self, address: str | None) -> None:
        """Count a request, and wait if the address sent too many."""
        if address is not None and not await self._limiter.hit(self._limit, rate_limit_key(address)):
            await asyncio.sleep(random_delay_s())


def random_delay_s() -> float:
    """Return `DELAY_S` on average. After equal delays, many clients would come back at the same moment."""
    return DELAY_S * random.uniform(0.5, 1.5)  # noqa: S311  # not a secret
