"""Attack K9: long-running traffic. Memory, open files and rows that expire must not increase over time.

`python -m tools.attacks.soak` repeats every mutation, for one hour by default. The clock runs faster than real time, so
that weeks pass and rows expire and are deleted. It prints a measurement each minute.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psutil
from tortoise.queryset import QuerySet

import models
from accounts.cleanup import delete_expired_rows
from models import PASSWORD_FACTOR, EmailState
from security.constants import SENT_EMAILS_KEPT
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import DIALECTS, database_of
from tests.support.scenarios import SCENARIOS, Scenario
from transport.logs import configure_logging

# The clock advances by this much after each round of mutations.
CLOCK_STEP = timedelta(hours=3)
# After this time every row that can expire has expired. Sent emails are kept longest.
LONGEST_LIFETIME = SENT_EMAILS_KEPT + CLOCK_STEP


@dataclass(frozen=True)
class Measurement:
    """A measurement of the process and the database."""

    resident_mib: float
    open_files: int
    tasks: int
    rows: Mapping[str, int]

    def __str__(self) -> str:
        """Format the measurement in one line."""
        rows = ", ".join(f"{count} {name}" for name, count in self.rows.items())
        return f"{self.resident_mib:.0f} MiB, {self.open_files} files, {self.tasks} tasks, {rows}"


async def run_all_scenarios(harness: AppHarness, clock: Clock) -> int:
    """Run each mutation once, all at the same time. Then advance the clock, mark emails as sent and run the cleanup.

    Return the number of mutations.
    """
    await asyncio.gather(*(_run_scenario(harness, clock, scenario) for scenario in SCENARIOS))
    clock.advance(CLOCK_STEP)
    async with harness.services.database.transaction():
        await models.OutboxEmail.filter(state=EmailState.WAITING).update(state=EmailState.SENT, sent_at=clock())
    await delete_all_expired_rows(harness)
    return len(SCENARIOS)


async def delete_all_expired_rows(harness: AppHarness) -> None:
    """Run the cleanup until no expired row is left."""
    async for _ in delete_expired_rows(harness.services):
        pass


async def _run_scenario(harness: AppHarness, clock: Clock, scenario: Scenario) -> None:
    outcome = await harness.outcome(await scenario.prepare(harness.factory, clock()))
    assert outcome == scenario.success_type, f"{scenario.name}: {outcome}"


async def measure(harness: AppHarness) -> Measurement:
    """Measure memory, open files, tasks and the rows that expire."""
    # Only rows that expire. Accounts, their audit events and their 2FA stay.
    expiring: Mapping[str, QuerySet[Any]] = {
        "challenges": models.Challenge.all(),
        "activations": models.Activation.all(),
        "sessions": models.Session.all(),
        # The cleanup itself writes an email about a challenge that expired unused, which nobody has sent yet.
        "emails": models.OutboxEmail.exclude(kind="login_not_completed"),
        "password attempt counts": models.AttemptCount.filter(factor=PASSWORD_FACTOR),
    }
    async with harness.services.database.reading():
        rows = {name: await query.count() for name, query in expiring.items()}
    process = psutil.Process()
    return Measurement(process.memory_info().rss / 2**20, process.num_fds(), len(asyncio.all_tasks()), rows)


async def _run(database_url: str, seconds: float) -> None:
    clock = Clock()
    done, began = 0, time.monotonic()
    last_printed = began
    async with app_harness(Settings(database_url=database_url, strangers_per_address=1_000_000), clock) as harness:
        while time.monotonic() < began + seconds:
            done += await run_all_scenarios(harness, clock)
            if time.monotonic() >= last_printed + 60:
                last_printed = time.monotonic()
                print(
                    f"  {(last_printed - began) / 60:3.0f} min, {done:>7} mutations: {await measure(harness)}",
                    flush=True,
                )
        clock.advance(LONGEST_LIFETIME)
        await delete_all_expired_rows(harness)
        print(f"  after everything has expired: {await measure(harness)}", flush=True)


def main() -> None:
    """Run the traffic and print the measurements."""
    configure_logging("ERROR", "text", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=60, help="duration for each database in minutes (60)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to test; both by default")
    given = parser.parse_args()
    for dialect in given.database or DIALECTS:
        print(f"{dialect}:")
        with database_of(dialect) as url:
            asyncio.run(_run(url, given.minutes * 60))


if __name__ == "__main__":
    main()
