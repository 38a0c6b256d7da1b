"""Waits: none for five attempts, then 30 seconds, doubled each time up to one hour."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.attempt_waits import attempts_remaining, is_locked, retry_at, wait_after, waits

FAILURES = st.integers(0, 2**31 - 1)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001  # these bounds take no time zone


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
def test_wait_never_gets_shorter(failures: int) -> None:
    """One more failure makes the wait longer or equal."""
    assert wait_after(failures) <= wait_after(failures + 1) <= timedelta(hours=1)


@given(FAILURES)
def test_table_matches_the_function(failures: int) -> None:
    """The SQL statement that reserves an attempt is built from the table."""
    reached = [wait for from_, wait in waits() if failures >= from_]

    assert (reached[-1] if reached else timedelta(0)) == wait_after(failures)


def test_table_has_one_row_for_each_wait() -> None:
    """The last row applies to all higher numbers of failures."""
    assert [wait.total_seconds() for _, wait in waits()] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert [failures for failures, _ in waits()] == list(range(5, 13))


@given(FAILURES, INSTANTS)
def test_retry_at_is_never_too_early(failures: int, last: datetime) -> None:
    """It is rounded up to a whole second, by less than one second, in UTC."""
    exact = last.astimezone(UTC) + wait_after(failures)

    rounded = retry_at(failures, last)

    assert exact <= rounded < exact + timedelta(seconds=1)
    assert rounded.microsecond == 0
    assert rounded.tzinfo is UTC


def test_remaining_attempts_count_down_to_zero() -> None:
    """The number is never negative."""
    assert [attempts_remaining(failures) for failures in range(7)] == [5, 4, 3, 2, 1, 0, 0]


@given(FAILURES)
def test_wait_starts_when_no_attempt_remains(failures: int) -> None:
    """The number that the client gets matches what the server does."""
    assert (attempts_remaining(failures) == 0) == (wait_after(failures) > timedelta(0))


def test_second_factor_is_locked_at_the_hundredth_failure() -> None:
    """NIST SP 800-63B §3.2.2."""
    assert not is_locked(99)
    assert is_locked(100)
    assert is_locked(101)
