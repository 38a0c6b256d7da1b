"""A short run of `make attack-soak`."""

import pytest

from settings import Settings
from tests.support.app_harness import app_harness
from tests.support.clock import Clock
from tools.attacks.soak import LONGEST_LIFETIME, delete_all_expired_rows, measure, run_all_scenarios


@pytest.mark.attack("K9")
async def test_expired_rows_are_deleted_and_the_process_does_not_grow(database_url: str, clock: Clock) -> None:
    """Two rounds of every mutation leave no open file and no task, and after a month no row that expires."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        await run_all_scenarios(harness, clock)
        before = await measure(harness)
        assert before.rows["sessions"] >= 10
        assert before.rows["emails"] >= 5
        await run_all_scenarios(harness, clock)
        clock.advance(LONGEST_LIFETIME)
        await delete_all_expired_rows(harness)
        after = await measure(harness)

    assert set(after.rows.values()) == {0}
    assert after.tasks == before.tasks
    assert after.open_files <= before.open_files
