"""The pool of slow hashes: what it takes on, and what it refuses."""

import asyncio
import threading

import pytest

from tests.conftest import PASSWORD
from twofactor.errors import OverloadedError
from twofactor.hashing import HashingPool


@pytest.fixture
def pool() -> HashingPool:
    """One thread, and one place to wait for it."""
    return HashingPool(workers=1, queue=1)


class TestHashingPool:
    async def test_knows_a_password_by_its_hash(self, hashing: HashingPool) -> None:
        """The password of the hash, and no other; of no hash, or of what is none, there is no password."""
        password_hash = await hashing.hash_password(PASSWORD)

        assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await hashing.is_password(PASSWORD, password_hash)
        assert not await hashing.is_password(PASSWORD + " ", password_hash)
        assert not await hashing.is_password(PASSWORD, None)
        assert not await hashing.is_password("the password of nobody", None)
        assert not await hashing.is_password(PASSWORD, "no hash")

    async def test_salts_each_password(self, hashing: HashingPool) -> None:
        """One password has two hashes."""
        assert await hashing.hash_password(PASSWORD) != await hashing.hash_password(PASSWORD)

    async def test_refuses_what_has_no_place(self, pool: HashingPool) -> None:
        """One at work and one waiting are all; a place is free again once its block ends, also by an error."""
        with pool.place():
            with pool.place(), pytest.raises(OverloadedError) as refused, pool.place():
                pass
            assert refused.value.retry_after_s == 1
            with pytest.raises(LookupError), pool.place():
                raise LookupError
            with pool.place():
                pass
        pool.close()

    async def test_keeps_the_event_loop_free(self, pool: HashingPool) -> None:
        """While a thread is busy the loop goes on."""
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
