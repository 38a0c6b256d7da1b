"""Pictures, drawn off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

DrawingT = TypeVar("DrawingT")


class DrawingThread:
    """Draws one picture at a time.

    Drawing is Python and holds the interpreter's lock: several threads would only keep the event loop from it longer.
    Nor is it one of the hashing threads, for what holds the lock must not give way to other processes.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")

    async def run(self, draw: Callable[..., DrawingT], *arguments: object) -> DrawingT:
        """Draw something, in its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, draw, *arguments)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
