"""The pool that computes slow hashes: its results and its limit."""

import asyncio
import threading

import pytest

from security.errors import OverloadedError
from security.password_hashing import HashingPool
from tests.support.users import PASSWORD


@pytest.fixture
def pool() -> HashingPool:
    """Return a pool with one thread and a queue of one."""
    return HashingPool(workers=1, queue=1)


class TestHashingPool:
    async def test_checks_a_password_against_its_hash(self, hashing: HashingPool) -> None:
        """Another password does not match. Without a hash, or with an invalid one, no password matches."""
        password_hash = await hashing.hash_password(PASSWORD)

        assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await hashing.is_password(PASSWORD, password_hash)
        assert not await hashing.is_password(PASSWORD + " ", password_hash)
        assert not await hashing.is_password(PASSWORD, None)
        assert not await hashing.is_password("another password", None)
        assert not await hashing.is_password(PASSWORD, "not a hash")

    async def test_salts_every_hash(self, hashing: HashingPool) -> None:
        """Two hashes of one password differ."""
        assert await hashing.hash_password(PASSWORD) != await hashing.hash_password(PASSWORD)

    async def test_rejects_work_if_the_queue_is_full(self, pool: HashingPool) -> None:
        """One call runs and one waits. A slot is free again after its block ends, even with an error."""
        with pool.slot():
            with pool.slot(), pytest.raises(OverloadedError) as raised, pool.slot():
                pass
            assert raised.value.retry_after_s == 1
            with pytest.raises(LookupError), pool.slot():
                raise LookupError
            with pool.slot():
                pass
        pool.close()

    async def test_does_not_block_the_event_loop(self, pool: HashingPool) -> None:
        """The loop continues while a thread is busy."""
        loop, busy, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def slow() -> str:
            loop.call_soon_threadsafe(busy.set)
            assert go_on.wait(10)
            return "done"

        hashed = asyncio.create_task(pool.run(slow))
        await busy.wait()
        assert not hashed.done()
        go_on.set()

        assert await hashed == "done"
        pool.close()
