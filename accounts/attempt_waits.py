"""The wait after failed attempts: none for the first five, then 30 seconds, doubled each time up to one hour."""

from datetime import UTC, datetime, timedelta

from security.constants import CLOCK_SLACK, FIRST_WAIT, FREE_ATTEMPTS, LONGEST_WAIT, SECOND_FACTOR_FAILURES_ALLOWED


def wait_after(failures: int) -> timedelta:
    """Return the wait before the next attempt, after this number of failures in a row."""
    if failures < FREE_ATTEMPTS:
        return timedelta(0)
    doublings = min(failures - FREE_ATTEMPTS, 32)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def waits() -> list[tuple[int, timedelta]]:
    """Return each number of failures that has its own wait, ascending. The last one applies to higher numbers too."""
    table = [(FREE_ATTEMPTS, FIRST_WAIT)]
    while table[-1][1] < LONGEST_WAIT:
        failures = table[-1][0] + 1
        table.append((failures, wait_after(failures)))
    return table


def attempts_remaining(failures: int) -> int:
    """Return the number of attempts before the next wait."""
    return max(FREE_ATTEMPTS - failures, 0)


def retry_at(failures: int, last_attempt_at: datetime) -> datetime:
    """Return the end of the wait, rounded up to a whole second, since the API serialises whole seconds."""
    # Convert to UTC first. In other time zones, sums and comparisons are wrong around a change of the clocks (PEP 495).
    exact = last_attempt_at.astimezone(UTC) + wait_after(failures)
    whole = exact.replace(microsecond=0)
    return whole if whole == exact else whole + timedelta(seconds=1)


def is_waiting(failures: int, last_attempt_at: datetime, now: datetime) -> bool:
    """Return whether the next attempt has to wait."""
    is_trusted = last_attempt_at <= now + CLOCK_SLACK
    return attempts_remaining(failures) == 0 and retry_at(failures, last_attempt_at) > now and is_trusted


def is_locked(failures_since_sign_in: int) -> bool:
    """Return whether a second factor has so many failures that it is locked (NIST SP 800-63B §3.2.2)."""
    return failures_since_sign_in >= SECOND_FACTOR_FAILURES_ALLOWED
