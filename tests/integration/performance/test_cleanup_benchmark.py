"""A short run of `make bench-cleanup`."""

from collections.abc import Iterable
from itertools import accumulate

from accounts import cleanup
from tools.bench.cleanup import fill, measure

ROWS = 1_000


def expected_passes(batches: Iterable[int]) -> int:
    """Return the number of passes that all rows need, and one that finds nothing."""
    return 1 + next(passes for passes, rows in enumerate(accumulate(batches), 1) if rows >= ROWS)


async def test_every_expired_row_is_deleted_in_the_expected_number_of_passes(database_url: str) -> None:
    """The last pass of each kind finds nothing. Live rows stay, so the next pass finds nothing either."""
    await fill(database_url, rows=ROWS, live=ROWS // 10)

    measurements = [measurement async for measurement in measure(database_url)]

    assert {each.kind: each.rows for each in measurements} == dict.fromkeys(cleanup.KINDS, ROWS)
    dialect = "sqlite" if database_url.startswith("sqlite") else "postgres"
    expected = {name: expected_passes(kind.batches(dialect)) for name, kind in cleanup.KINDS.items()}
    assert {each.kind: len(each.passes_ms) for each in measurements} == expected
