"""Slow hashes, off the event loop: a pool as wide as the cores, and a short queue before it."""

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

from twofactor.errors import OverloadedError
from twofactor.rules.policy import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES

ResultT = TypeVar("ResultT")

# How many may wait for each core. At some 15 ms a hash the last in the queue waits about half a second.
QUEUE_A_CORE = 32
RETRY_AFTER_S = 1
# Of 0 to 19, which is the most that a thread can give way.
NICENESS = 19

_argon2 = PasswordHasher(time_cost=ARGON2_PASSES, memory_cost=ARGON2_MEMORY_KIB, parallelism=ARGON2_LANES)


class HashingPool:
    """Runs slow hashes in threads (argon2 gives up the GIL) and refuses promptly what it cannot take on."""

    def __init__(self, *, workers: int | None = None, queue: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._places = self.workers + (self.workers * QUEUE_A_CORE if queue is None else queue)
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="hashing", initializer=_give_way)
        # What an unknown email is checked against, so that it takes as long as a known one.
        self._nobodys_hash = _argon2.hash("the password of nobody")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, for as long as the block lasts. Take it before anything is counted.

        Raises:
            OverloadedError: The queue is full. Nothing has been checked or counted.
        """
        if self._places == 0:
            raise OverloadedError(RETRY_AFTER_S)
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1

    async def run(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run something slow in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, slow, *arguments)

    async def hash_password(self, password: str) -> str:
        """The hash under which a password is kept (argon2id, PHC string)."""
        return await self.run(_argon2.hash, password)

    async def is_password(self, password: str, password_hash: str | None) -> bool:
        """Whether this is the password of the hash; of None it never is, and that takes as long to find out."""
        matches = await self.run(_matches, password, password_hash or self._nobodys_hash)
        return matches and password_hash is not None

    async def rehash(self, password: str, password_hash: str) -> str | None:
        """A hash of the right password with the present parameters; None where its hash has them already."""
        if not _argon2.check_needs_rehash(password_hash):
            return None
        return await self.hash_password(password)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """Let the event loop go first where both want the same core. Linux counts niceness by thread (setpriority(2))."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _argon2.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
