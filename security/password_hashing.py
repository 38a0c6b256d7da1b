"""Slow hashes outside the event loop: a thread pool with one thread for each core, and a fair queue before it."""

import asyncio
import hashlib
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, SALT_BYTES
from security.fair_queue import FairQueue, Requester, Turns
from security.password_form import forms_to_check, normal_form

ResultT = TypeVar("ResultT")

# The number of turns at the same time for each thread. While one computes a hash, another uses the database.
PLACES_PER_WORKER = 2
# The lowest scheduling priority of a thread (0 is normal, 19 is lowest).
NICENESS = 19

_argon2 = PasswordHasher(time_cost=ARGON2_PASSES, memory_cost=ARGON2_MEMORY_KIB, parallelism=ARGON2_LANES)


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """The result of the check of a password against a stored hash."""

    stored_hash: str | None = field(repr=False)
    # A hash to store instead: the old one has outdated parameters, or is not of the normal form of the password.
    better_hash: str | None = field(default=None, repr=False)
    is_right: bool = field(kw_only=True)

    def is_still_right(self, stored_hash: str) -> bool:
        """Return whether this is still the right password of a user whose stored hash may have changed meanwhile.

        If a simultaneous check of the same password stored the better hash, it is.
        """
        return self.is_right and stored_hash in {self.stored_hash, self.better_hash}


class HashingPool:
    """Runs slow hashes in threads (argon2 releases the GIL). Nobody can take the turns of the others."""

    def __init__(self, *, workers: int | None = None, queue: FairQueue | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._queue = queue or FairQueue(places=self.workers * PLACES_PER_WORKER, name="hashing_queue")
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="hashing", initializer=_lower_priority)
        # The server checks an unknown email against this hash, so that the check takes as long as for a known email.
        self.dummy_hash = _argon2.hash("the password of no user")

    @asynccontextmanager
    async def admit(self, requester: Requester, *, hashes: int = 1) -> AsyncIterator["Hasher"]:
        """Wait for a turn, then run the block. Enter it before any attempt is counted.

        `hashes` is the number of slow hashes that the block usually computes. Each of them takes a turn of its own.

        Raises:
            OverloadedError: The pool is overloaded. The server checked and counted nothing.
        """
        turns = await self._queue.reserve(requester, hashes)
        try:
            yield Hasher(self, turns)
        finally:
            turns.end_turn()

    async def run_in_thread(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run a slow function in a thread, without waiting for a turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, slow, *arguments)

    async def seconds_of_check(self, password_hash: str) -> float:
        """Return how long a thread takes to check a password against this hash, or against that of an unknown email.

        The longer time counts.
        """
        return await self.run_in_thread(
            lambda: max(_seconds_of_check(self.dummy_hash), _seconds_of_check(password_hash))
        )

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Hasher:
    """Computes slow hashes for one request that the pool has admitted."""

    def __init__(self, pool: HashingPool, turns: Turns) -> None:
        self._pool = pool
        self._turns = turns

    async def run(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run a slow function in the pool."""
        await self._turns.wait_for_turn()
        try:
            return await self._pool.run_in_thread(slow, *arguments)
        finally:
            self._turns.end_turn()

    def end_turn(self) -> None:
        """Let others run until the next hash, which waits for another turn."""
        self._turns.end_turn()

    async def hash_password(self, password: str) -> str:
        """Return the argon2id hash of the normal form of a password, as a PHC string."""
        return await self.run(_argon2.hash, normal_form(password))

    async def check_password(self, password: str, stored_hash: str | None) -> PasswordCheck:
        """Check a password. If there is no hash, it is wrong after the same time.

        It computes one hash for each of `forms_to_check`, and one more if the password is right and its hash is to be
        replaced.
        """
        forms = forms_to_check(password)
        matches = [await self.run(_matches, form, stored_hash or self._pool.dummy_hash) for form in forms]
        if stored_hash is None or not any(matches):
            return PasswordCheck(stored_hash, is_right=False)
        if matches[0] and not _argon2.check_needs_rehash(stored_hash):
            return PasswordCheck(stored_hash, is_right=True)
        better_hash = await self.run(_better_hash, forms[0], stored_hash)
        return PasswordCheck(stored_hash, better_hash, is_right=True)


def _lower_priority() -> None:
    """Let the event loop run first if both want the same core. Linux applies niceness to a thread (setpriority(2))."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _seconds_of_check(password_hash: str) -> float:
    started = time.perf_counter()
    _matches("a wrong password", password_hash)
    return time.perf_counter() - started


def _matches(password: str, password_hash: str) -> bool:
    try:
        return _argon2.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _better_hash(password: str, stored_hash: str) -> str:
    """Return the same hash in simultaneous checks, so that none of them invalidates another one."""
    salt = hashlib.sha256(stored_hash.encode()).digest()[:SALT_BYTES]
    return _argon2.hash(password, salt=salt)
