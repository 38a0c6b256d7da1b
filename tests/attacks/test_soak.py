"""Traffic that goes on, in its short form: attack K9. `make attack-soak` is the long one."""

from attacks.served import served
from attacks.soak import LONGEST, clear_all_away, do_everything, read
from settings import Settings
from tests.support.clock import Clock


async def test_k9_what_is_over_is_gone_and_the_process_holds_no_more_than_before(
    database_url: str, clock: Clock
) -> None:
    """Two rounds of every mutation leave no file and no task, and after a month no row that is not there to stay."""
    async with served(Settings(database_url=database_url), clock) as service:
        await do_everything(service, clock)
        before = await read(service)
        assert before.rows["sessions"] >= 10
        assert before.rows["letters"] >= 5
        await do_everything(service, clock)
        clock.advance(LONGEST)
        await clear_all_away(service)
        after = await read(service)

    assert set(after.rows.values()) == {0}
    assert after.tasks == before.tasks
    assert after.files <= before.files
