"""Waits: none for five failures, then doubling from 30 seconds to one hour."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.rules.attempts import attempts_remaining, is_locked, retry_at, wait_after, waits

FAILURES = st.integers(0, 2**31 - 1)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001  # bounds have none


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, 0),
        (4, 0),
        (5, 30),
        (6, 60),
        (7, 120),
        (8, 240),
        (9, 480),
        (10, 960),
        (11, 1920),
        (12, 3600),
        (13, 3600),
        (10**6, 3600),
    ],
)
def test_wait_doubles_up_to_an_hour(failures: int, seconds: int) -> None:
    """RFC 4226 §7.3."""
    assert wait_after(failures) == timedelta(seconds=seconds)


@given(FAILURES)
def test_wait_never_shrinks(failures: int) -> None:
    """One more failure never makes the wait shorter."""
    assert wait_after(failures) <= wait_after(failures + 1) <= timedelta(hours=1)


@given(FAILURES)
def test_table_says_the_same_as_the_function(failures: int) -> None:
    """The table is what the conditional UPDATE is built of."""
    held = [wait for from_, wait in waits() if failures >= from_]

    assert (held[-1] if held else timedelta(0)) == wait_after(failures)


def test_table_has_a_row_for_each_wait_and_ends() -> None:
    """The last row holds for all that follows."""
    assert [wait.total_seconds() for _, wait in waits()] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert [failures for failures, _ in waits()] == list(range(5, 13))


@given(FAILURES, INSTANTS)
def test_next_attempt_is_never_let_in_early(failures: int, last: datetime) -> None:
    """Rounded up to a whole second, and by less than one."""
    exact = last.astimezone(UTC) + wait_after(failures)

    told = retry_at(failures, last)

    assert exact <= told < exact + timedelta(seconds=1)
    assert told.microsecond == 0
    assert told.tzinfo is UTC


def test_remaining_attempts_count_down_to_the_wait() -> None:
    """And stay at none."""
    assert [attempts_remaining(failures) for failures in range(7)] == [5, 4, 3, 2, 1, 0, 0]


@given(FAILURES)
def test_a_wait_begins_where_nothing_remains(failures: int) -> None:
    """What the client is told agrees with what happens."""
    assert (attempts_remaining(failures) == 0) == (wait_after(failures) > timedelta(0))


def test_locks_at_the_hundredth_failure() -> None:
    """NIST SP 800-63B §3.2.2."""
    assert not is_locked(99)
    assert is_locked(100)
    assert is_locked(101)
