"""Traffic that goes on: attack K9. What the process holds, and what is only there for a while, must not grow.

`python -m attacks.soak` does every mutation again and again, for an hour if not told otherwise, while the clock runs
many times as fast, so that weeks pass and everything gets old enough to be cleared away. It prints what it finds each
minute.
"""

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tortoise.queryset import QuerySet

import models
from attacks.databases import DIALECTS, database_of
from attacks.deeds import DEEDS, Deed
from attacks.served import Served, served
from models import Factor, LetterState
from settings import Settings
from tests.support.clock import Clock
from transport.logs import configure_logging
from twofactor.rules.policy import SENT_LETTERS_KEPT
from twofactor.upkeep import clear_away

# How far the clock goes on after each mutation was done once.
PACE = timedelta(hours=3)
# After this all that is transient is over: letters are kept longest.
LONGEST = SENT_LETTERS_KEPT + PACE


@dataclass(frozen=True)
class Reading:
    """What there is at a moment."""

    resident_mib: float
    files: int
    tasks: int
    rows: Mapping[str, int]

    def __str__(self) -> str:
        """In one line."""
        rows = ", ".join(f"{count} {name}" for name, count in self.rows.items())
        return f"{self.resident_mib:.0f} MiB, {self.files} files, {self.tasks} tasks, {rows}"


async def do_everything(service: Served, clock: Clock) -> int:
    """Each mutation once, all at the same time; then the clock goes on, letters are sent, and what is over goes."""
    await asyncio.gather(*(_do(service, clock, deed) for deed in DEEDS))
    clock.advance(PACE)
    async with service.env.database.transaction():
        await models.Letter.filter(state=LetterState.WAITING).update(state=LetterState.SENT, sent_at=clock())
    await clear_all_away(service)
    return len(DEEDS)


async def clear_all_away(service: Served) -> None:
    """Until nothing is left over."""
    while await clear_away(service.env):
        pass


async def _do(service: Served, clock: Clock, deed: Deed) -> None:
    answer = await service.answer(await deed.prepare(service.scene, clock()))
    assert answer == deed.succeeds_as, f"{deed.name}: {answer}"


async def read(service: Served) -> Reading:
    """Look."""
    # What is there for a while. Accounts stay, and with them the audit trail and what 2FA is made of.
    transient: Mapping[str, QuerySet[Any]] = {
        "challenges": models.Challenge.all(),
        "activations": models.Activation.all(),
        "sessions": models.Session.all(),
        "letters": models.Letter.all(),
        "budgets of passwords": models.AttemptBudget.filter(factor=Factor.PASSWORD),
    }
    async with service.env.database.reading():
        rows = {name: await kept.count() for name, kept in transient.items()}
    return Reading(_resident_mib(), _open_files(), len(asyncio.all_tasks()), rows)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _run(database_url: str, seconds: float) -> None:
    clock = Clock()
    done, began = 0, time.monotonic()
    told = began
    async with served(Settings(database_url=database_url), clock) as service:
        while time.monotonic() < began + seconds:
            done += await do_everything(service, clock)
            if time.monotonic() >= told + 60:
                told = time.monotonic()
                print(f"  {(told - began) / 60:3.0f} min, {done:>7} mutations: {await read(service)}", flush=True)
        clock.advance(LONGEST)
        await clear_all_away(service)
        print(f"  at the end, all being over: {await read(service)}", flush=True)


def main() -> None:
    """Go on, and print."""
    configure_logging("ERROR", "text", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=60, help="how long it goes on for each database (60)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="both, if none is named")
    given = parser.parse_args()
    for dialect in given.database or DIALECTS:
        print(f"{dialect}:")
        with database_of(dialect) as url:
            asyncio.run(_run(url, given.minutes * 60))


if __name__ == "__main__":
    main()
