"""Long computations on the event loop. They let other requests run every few milliseconds."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

MAX_SLICE_S = 0.002


class TimeSlice:
    """The time that a computation may use before it lets other requests run."""

    def __init__(self) -> None:
        self._ends_at = time.perf_counter() + MAX_SLICE_S

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return time.perf_counter() >= self._ends_at


async def map_in_slices(function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
    """Return the results of a function for some items. Let other requests run in between."""
    results: list[ResultT] = []
    time_slice = TimeSlice()
    for item in items:
        results.append(function(item))
        if time_slice.is_over:
            await asyncio.sleep(0)
            time_slice = TimeSlice()
    return results
