"""A limit on the cost of the operations of one viewer within a minute, counted in each process."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from security.errors import OverloadedError

# The default of the setting: six operations of the highest cost, or eighty pages of 25 users with all their fields.
COST_PER_MINUTE = 60_000


class CostLimiter:
    """Counts the costs of operations."""

    def __init__(self, cost_per_minute: int = COST_PER_MINUTE) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(cost_per_minute, namespace="cost")

    async def charge(self, payer: str, cost: int) -> None:
        """Count the cost of an operation.

        Raises:
            OverloadedError: The payer has used up the cost of this minute.
        """
        if await self._limiter.hit(self._limit, payer, cost=cost):
            return
        stats = await self._limiter.get_window_stats(self._limit, payer)
        raise OverloadedError(max(math.ceil(stats.reset_time - time.time()), 1), "cost_limit")
