"""The queue before the slow hashes: nobody can take the turns of the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.errors import OverloadedError
from security.fair_queue import FIRST_TURNS, SESSION_TURNS, FairQueue, Requester

OWNER = Requester(account="owner", address="192.0.2.1")


def _stranger(number: int) -> Requester:
    return Requester(account=f"unknown {number}", address=f"198.51.100.{number}")


def _member(number: int) -> Requester:
    return Requester(account=f"member {number}", is_known=True)


class _Turns:
    """Records the requesters in the order of their turns. A turn ends when the test says so."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.order: list[Requester] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def request(self, requester: Requester, turns: int = 1) -> "asyncio.Task[None]":
        """Ask for turns, and let the queue handle it."""
        task = asyncio.create_task(self._run(requester, turns))
        self._tasks.append(task)
        await asyncio.sleep(0)
        return task

    async def _run(self, requester: Requester, turns: int) -> None:
        reserved = await self.queue.reserve(requester, turns)
        for _ in range(turns):
            await reserved.wait_for_turn()
            self.order.append(requester)
            reserved.end_turn()

    async def run_all(self) -> list[Requester]:
        """Let all turns run, one after the other. Return their order."""
        self.queue.leave()
        await asyncio.gather(*self._tasks)
        return self.order


@asynccontextmanager
async def _busy_queue(queue: FairQueue | None = None) -> AsyncIterator[_Turns]:
    """Yield a queue with one place, which is taken."""
    queue = queue or FairQueue(places=1)
    await queue.reserve(Requester(), 1)
    yield _Turns(queue)


@pytest.mark.attack("H16")
async def test_an_owner_comes_before_strangers_who_ask_again_and_again() -> None:
    """Strangers who sent many requests before wait behind somebody who signs in for the first time."""
    async with _busy_queue() as turns:
        for _ in range(FIRST_TURNS + 1):
            for number in range(70):
                await turns.request(_stranger(number))
        await turns.request(OWNER)
        order = await turns.run_all()

    # The first requests of the strangers have the same right.
    assert order.index(OWNER) <= 70


@pytest.mark.attack("H16")
@pytest.mark.parametrize(
    "attacker",
    [
        lambda number: Requester(account=f"unknown {number}", address="198.51.100.1"),
        lambda number: Requester(account="one account", address=f"198.51.100.{number}"),
        lambda number: Requester(account=f"unknown {number}", address=f"2001:db8::{number:x}"),
    ],
    ids=["one-address", "one-account", "one-ipv6-network"],
)
async def test_one_address_or_account_has_one_turn_at_a_time(attacker: Callable[[int], Requester]) -> None:
    """Many requests from one address or /64 network, or for one account, do not delay others."""
    async with _busy_queue() as turns:
        for number in range(100):
            await turns.request(attacker(number))
        await turns.request(OWNER)
        await turns.request(OWNER)
        order = await turns.run_all()

    assert [place for place, requester in enumerate(order) if requester == OWNER] == [1, 3]


@pytest.mark.attack("H16")
async def test_many_hashes_take_many_turns() -> None:
    """A request for a single turn comes before requests for ten of the same time."""
    async with _busy_queue() as turns:
        for number in range(3):
            await turns.request(_member(number), 10)
        single = Requester(account="single", is_known=True)
        await turns.request(single)
        order = await turns.run_all()

    assert order.index(single) == 0
    assert Counter(order) == {_member(0): 10, _member(1): 10, _member(2): 10, single: 1}


@pytest.mark.attack("H16")
async def test_live_sessions_come_before_strangers_and_leave_them_every_fourth_turn() -> None:
    """A flood of strangers does not delay a session, and a flood of sessions does not shut strangers out."""
    async with _busy_queue() as turns:
        for number in range(30):
            await turns.request(_stranger(number))
        for number in range(12):
            await turns.request(_member(number))
        order = await turns.run_all()

    assert [requester.is_known for requester in order[:16]] == ([True] * SESSION_TURNS + [False]) * 4


@pytest.mark.attack("D11", "H16")
async def test_a_full_queue_refuses_the_last_stranger() -> None:
    """A better request takes the place of the worst one. A session takes that of a stranger, never the reverse."""
    async with _busy_queue(FairQueue(places=1, max_waiting=3)) as turns:
        from_one_address = [
            await turns.request(Requester(account=str(number), address="198.51.100.1")) for number in range(4)
        ]
        await turns.request(OWNER)
        await turns.request(_member(1))
        late = await turns.request(_stranger(1))

        for task in (*from_one_address[1:], late):
            with pytest.raises(OverloadedError) as raised:
                await task
            assert raised.value.retry_after_s == 1
        turns.queue.leave()
        await asyncio.wait({from_one_address[0]})
    assert Counter(turns.order) == {_member(1): 1, OWNER: 1, Requester(account="0", address="198.51.100.1"): 1}


async def _refused(work: Coroutine[object, object, object]) -> bool:
    try:
        await work
    except OverloadedError:
        return True
    return False


async def test_a_turn_that_does_not_come_in_time_is_refused() -> None:
    """What was refused does not delay what the same requester sends next, and leaves no place taken."""
    queue = FairQueue(places=1, max_wait_s=0)
    async with _busy_queue(queue) as turns:
        for _ in range(20):
            assert await _refused(queue.reserve(OWNER, 10))
        assert queue.waiting == 0
        queue.leave()
        first = await queue.reserve(OWNER, 2)
        first.end_turn()
        assert turns.order == []
        # The second turn of admitted work is never refused.
        await queue.reserve(_stranger(1), 1)
        second = asyncio.create_task(first.wait_for_turn())
        await asyncio.sleep(0)
        queue.leave()
        await second


@given(st.lists(st.tuples(st.sampled_from(["request", "cancel", "leave"]), st.integers(0, 5)), max_size=40))
async def test_no_place_is_lost(steps: list[tuple[str, int]]) -> None:
    """After any series of requests, cancellations and turns, all places are free again."""
    queue = FairQueue(places=2, max_waiting=4)
    tasks: list[asyncio.Task[None]] = []
    gates: list[asyncio.Event] = []

    async def work(requester: Requester, gate: asyncio.Event) -> None:
        reserved = await queue.reserve(requester, 2)
        try:
            await gate.wait()
            reserved.end_turn()
            await reserved.wait_for_turn()
        finally:
            reserved.end_turn()

    for step, number in steps:
        if step == "request":
            gates.append(asyncio.Event())
            requester = _member(number) if number % 2 else _stranger(number)
            tasks.append(asyncio.create_task(work(requester, gates[-1])))
        elif step == "cancel" and number < len(tasks):
            tasks[number].cancel()
        elif step == "leave" and number < len(gates):
            gates[number].set()
        await asyncio.sleep(0)
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert queue.waiting == 0
    both = [await queue.reserve(OWNER, 1) for _ in range(2)]
    assert len(both) == 2
