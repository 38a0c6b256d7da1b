"""A queue for expensive work in which nobody can take the turns of the others.

The order is start-time fair queueing (Goyal, Vin and Cheng 1996). Each requester has a virtual time, which advances by
the cost of its work, and the work with the earliest virtual time is next. A request counts for its account and for its
address, and waits for the later of the two. So neither many addresses that ask for one account nor many accounts that
are asked for from one address get more turns.
"""

import asyncio
import heapq
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count

from security.errors import OverloadedError
from security.ip_rate_limiter import rate_limit_key

# Work is refused if its first turn has not come by then. Most clients and proxies wait 30 to 60 seconds for a response.
MAX_WAIT_S = 10.0
# The number of waiting turns of all requesters together. Each of them is an unfinished request.
MAX_WAITING = 1_000
# A single turn comes this many turns earlier if the requester has not asked before. So it comes before those that ask
# again and again, and before work of many turns.
FIRST_TURNS = 5
# Live sessions get this many turns for each turn of a stranger, if both wait.
SESSION_TURNS = 3
RETRY_AFTER_S = 1
# The number of accounts and addresses whose virtual time is remembered.
MAX_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for expensive work."""

    # The account that the work is for. For a stranger, whatever names an account in the request.
    account: str | None = None
    address: str | None = None
    # Live sessions and known devices come before strangers.
    is_known: bool = False

    def names(self) -> tuple[str, ...]:
        """Return the names under which the work counts."""
        by_account = self.account and f"account {self.account}"
        by_address = self.address and f"address {rate_limit_key(self.address)}"
        return tuple(name for name in (by_account, by_address) if name)


# A command has a process of its own.
COMMAND_LINE = Requester()


@dataclass(order=True, slots=True)
class _WaitingTurn:
    """The order of the instances is the order of the turns."""

    starts_at: float
    number: int
    # True if the turn has come, False if it is refused.
    has_come: "asyncio.Future[bool]" = field(compare=False)
    may_be_refused: bool = field(compare=False)


class _Line:
    """The waiting turns of the strangers, or those of the live sessions, by virtual time."""

    def __init__(self) -> None:
        self.waiting: list[_WaitingTurn] = []
        self._now = 0.0
        # When the next turn of an account or address starts, the least recently used first.
        self._next_start: OrderedDict[str, float] = OrderedDict()

    def reserve(self, requester: Requester, turns: int) -> float:
        """Count the turns of a requester. Return the virtual time at which they start."""
        earliest = self._now - FIRST_TURNS if turns == 1 else self._now
        names = requester.names()
        starts_at = max([earliest, *(self._next_start.get(name, earliest) for name in names)])
        for name in names:
            self._next_start[name] = starts_at + turns
            self._next_start.move_to_end(name)
        while len(self._next_start) > MAX_NAMES:
            self._next_start.popitem(last=False)
        return starts_at

    def cancel(self, requester: Requester, turns: int) -> None:
        """Take back turns that did not come. Otherwise what was refused would delay what is sent next."""
        for name in requester.names():
            if name in self._next_start:
                self._next_start[name] -= turns

    def add(self, turn: _WaitingTurn) -> None:
        heapq.heappush(self.waiting, turn)

    def remove(self, turn: _WaitingTurn) -> None:
        self.waiting.remove(turn)
        heapq.heapify(self.waiting)

    def take_next(self) -> _WaitingTurn:
        turn = heapq.heappop(self.waiting)
        self._now = max(self._now, turn.starts_at)
        return turn

    def last_refusable(self) -> _WaitingTurn | None:
        return max((turn for turn in self.waiting if turn.may_be_refused), default=None)

    def forget_requesters(self) -> None:
        self._next_start.clear()


class FairQueue:
    """Lets a number of turns run at the same time. Other turns wait, and the fairest one is next."""

    def __init__(
        self, *, places: int, max_waiting: int = MAX_WAITING, max_wait_s: float = MAX_WAIT_S, name: str = "queue"
    ) -> None:
        """Create a queue. `name` names it in the log."""
        self._free_places = places
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._name = name
        self._sessions, self._strangers = _Line(), _Line()
        self._session_turns = 0
        self._numbers = count()

    @property
    def waiting(self) -> int:
        """The number of turns that wait."""
        return len(self._sessions.waiting) + len(self._strangers.waiting)

    async def reserve(self, requester: Requester, turns: int) -> "Turns":
        """Wait for the first of a number of turns. The others cannot be refused any more.

        Raises:
            OverloadedError: The queue is full, or the turn did not come in time.
        """
        line = self._sessions if requester.is_known else self._strangers
        if self._is_uncontended():
            # Nobody waits, so nobody has taken the turn of another.
            self._sessions.forget_requesters()
            self._strangers.forget_requesters()
        starts_at = line.reserve(requester, turns)
        try:
            await self._wait(line, starts_at, may_be_refused=True)
        except BaseException:
            line.cancel(requester, turns)
            raise
        return Turns(self, line, starts_at)

    def _is_uncontended(self) -> bool:
        return self._free_places > 0 and not self.waiting

    async def _wait(self, line: _Line, starts_at: float, *, may_be_refused: bool) -> None:
        if self._is_uncontended():
            self._free_places -= 1
            return
        if may_be_refused and self.waiting >= self._max_waiting:
            self._refuse_another(line, starts_at)
        has_come = asyncio.get_running_loop().create_future()
        turn = _WaitingTurn(starts_at, next(self._numbers), has_come, may_be_refused)
        line.add(turn)
        try:
            await asyncio.wait({has_come}, timeout=self._max_wait_s if may_be_refused else None)
        except asyncio.CancelledError:
            if not has_come.done():
                line.remove(turn)
            elif has_come.result():
                self.leave()
            raise
        if not has_come.done():
            line.remove(turn)
            has_come.set_result(False)
        if not has_come.result():
            raise OverloadedError(RETRY_AFTER_S, self._name)

    def _refuse_another(self, line: _Line, starts_at: float) -> None:
        """Refuse the last stranger or, without strangers, the last session, if it comes after a new turn.

        Raises:
            OverloadedError: It comes before the new turn.
        """
        last_line = self._strangers if self._strangers.last_refusable() else self._sessions
        last = last_line.last_refusable()
        # Sessions come before strangers.
        new_place = (line is self._strangers, starts_at)
        if last is None or (last_line is self._strangers, last.starts_at) <= new_place:
            raise OverloadedError(RETRY_AFTER_S, self._name)
        last_line.remove(last)
        last.has_come.set_result(False)

    def leave(self) -> None:
        """End a turn, and let the next one run."""
        if self.waiting:
            self._next_line().take_next().has_come.set_result(True)
        else:
            self._free_places += 1

    def _next_line(self) -> _Line:
        if self._sessions.waiting and (self._session_turns < SESSION_TURNS or not self._strangers.waiting):
            self._session_turns += 1
            return self._sessions
        self._session_turns = 0
        return self._strangers


class Turns:
    """The turns of one request, one after the other. The first one has come."""

    def __init__(self, queue: FairQueue, line: _Line, starts_at: float) -> None:
        self._queue = queue
        self._line = line
        self._starts_at = starts_at
        self._has_turn = True

    async def wait_for_turn(self) -> None:
        """Wait until the turn has come. It cannot be refused."""
        if not self._has_turn:
            self._starts_at += 1
            await self._queue._wait(self._line, self._starts_at, may_be_refused=False)  # noqa: SLF001
            self._has_turn = True

    def end_turn(self) -> None:
        """End the turn, if it has not ended, and let the next requester run."""
        if self._has_turn:
            self._has_turn = False
            self._queue.leave()
