"""Slow hashes outside the event loop: a thread pool with one thread for each core, and a short queue."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES
from security.errors import OverloadedError

ResultT = TypeVar("ResultT")

# The length of the queue for each core. A hash takes about 15 ms, so the last job in the queue waits half a second.
QUEUE_PER_CORE = 32
RETRY_AFTER_S = 1
# The lowest scheduling priority of a thread (0 is normal, 19 is lowest).
NICENESS = 19

_argon2 = PasswordHasher(time_cost=ARGON2_PASSES, memory_cost=ARGON2_MEMORY_KIB, parallelism=ARGON2_LANES)


class HashingPool:
    """Runs slow hashes in threads (argon2 releases the GIL) and rejects jobs at once if the queue is full."""

    def __init__(self, *, workers: int | None = None, queue: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._free_slots = self.workers + (self.workers * QUEUE_PER_CORE if queue is None else queue)
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="hashing", initializer=_lower_priority)
        # The server checks an unknown email against this hash, so that the check takes as long as for a known email.
        self._dummy_hash = _argon2.hash("the password of no user")

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Reserve a slot in the queue for the duration of the block. Reserve it before any attempt is counted.

        Raises:
            OverloadedError: The queue is full. The server checked and counted nothing.
        """
        if self._free_slots == 0:
            raise OverloadedError(RETRY_AFTER_S)
        self._free_slots -= 1
        try:
            yield
        finally:
            self._free_slots += 1

    async def run(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run a slow function in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, slow, *arguments)

    async def hash_password(self, password: str) -> str:
        """Return the argon2id hash of a password as a PHC string."""
        return await self.run(_argon2.hash, password)

    async def is_password(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of this password. If there is no hash, return False after the same time."""
        matches = await self.run(_matches, password, password_hash or self._dummy_hash)
        return matches and password_hash is not None

    async def rehash(self, password: str, password_hash: str) -> str | None:
        """Return a hash of the right password with the current parameters, or None if its hash already has them."""
        if not _argon2.check_needs_rehash(password_hash):
            return None
        return await self.hash_password(password)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    """Let the event loop run first if both want the same core. Linux applies niceness to a thread (setpriority(2))."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _argon2.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
