"""The pool that computes slow hashes: its results and its turns."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from security.fair_queue import COMMAND_LINE
from security.password_hashing import PLACES_PER_WORKER, HashingPool
from tests.support.users import PASSWORD


@pytest.fixture
def pool() -> Iterator[HashingPool]:
    """Return a pool with one thread."""
    pool = HashingPool(workers=1)
    yield pool
    pool.close()


class TestHashingPool:
    @pytest.mark.usefixtures("production_hashes")
    async def test_checks_a_password_against_its_hash(self, hashing: HashingPool) -> None:
        """Another password does not match. Without a hash, or with an invalid one, no password matches."""
        async with hashing.admit(COMMAND_LINE) as hasher:
            password_hash = await hasher.hash_password(PASSWORD)

            assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
            assert (await hasher.check_password(PASSWORD, password_hash)).is_right
            assert not (await hasher.check_password(PASSWORD + " ", password_hash)).is_right
            assert not (await hasher.check_password(PASSWORD, None)).is_right
            assert not (await hasher.check_password("another password", None)).is_right
            assert not (await hasher.check_password(PASSWORD, "not a hash")).is_right

    async def test_salts_every_hash(self, hashing: HashingPool) -> None:
        """Two hashes of one password differ."""
        async with hashing.admit(COMMAND_LINE) as hasher:
            assert await hasher.hash_password(PASSWORD) != await hasher.hash_password(PASSWORD)

    async def test_lets_others_run_between_the_hashes_of_one_request(self, pool: HashingPool) -> None:
        """A request with many hashes gives its turn away after each of them."""
        order: list[str] = []

        async def hash_twice(name: str) -> None:
            async with pool.admit(COMMAND_LINE, hashes=2) as hasher:
                await hasher.run(order.append, name)
                await hasher.run(order.append, name)

        names = [str(number) for number in range(PLACES_PER_WORKER + 1)]
        await asyncio.gather(*(hash_twice(name) for name in names))

        assert order.index(names[-1]) < len(names)
        assert sorted(order) == sorted(names * 2)

    async def test_frees_the_place_after_an_error(self, pool: HashingPool) -> None:
        """Neither an error of a hash nor one of the block uses up the places."""
        for _ in range(PLACES_PER_WORKER + 1):
            with pytest.raises(ZeroDivisionError):
                async with pool.admit(COMMAND_LINE) as hasher:
                    await hasher.run(lambda: 1 / 0)
            with pytest.raises(LookupError):
                async with pool.admit(COMMAND_LINE):
                    raise LookupError

    async def test_does_not_block_the_event_loop(self, pool: HashingPool) -> None:
        """The loop continues while a thread is busy."""
        loop, busy, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def slow() -> str:
            loop.call_soon_threadsafe(busy.set)
            assert go_on.wait(10)
            return "done"

        hashed = asyncio.create_task(pool.run_in_thread(slow))
        await busy.wait()
        assert not hashed.done()
        go_on.set()

        assert await hashed == "done"
