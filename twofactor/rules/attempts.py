"""How often one may be wrong: five times freely, then after waits that double from 30 seconds to one hour."""

from datetime import UTC, datetime, timedelta

from twofactor.rules.policy import FIRST_WAIT, FREE_ATTEMPTS, LONGEST_WAIT, SECOND_FACTOR_FAILURES_ALLOWED


def wait_after(failures: int) -> timedelta:
    """How long the next attempt has to wait after so many failures in a row."""
    if failures < FREE_ATTEMPTS:
        return timedelta(0)
    doublings = min(failures - FREE_ATTEMPTS, 32)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def waits() -> list[tuple[int, timedelta]]:
    """Each number of failures with a wait of its own, the last of which holds for all higher numbers too."""
    table = [(FREE_ATTEMPTS, FIRST_WAIT)]
    while table[-1][1] < LONGEST_WAIT:
        failures = table[-1][0] + 1
        table.append((failures, wait_after(failures)))
    return table


def attempts_remaining(failures: int) -> int:
    """How many more may be wrong before the next wait."""
    return max(FREE_ATTEMPTS - failures, 0)


def retry_at(failures: int, last_attempt_at: datetime) -> datetime:
    """From when on the next attempt counts. Rounded up to a whole second, for that is how clients are told."""
    # In UTC first: elsewhere neither adding nor comparing is sound around a change of the clocks (PEP 495).
    exact = last_attempt_at.astimezone(UTC) + wait_after(failures)
    whole = exact.replace(microsecond=0)
    return whole if whole == exact else whole + timedelta(seconds=1)


def is_locked(failures_since_sign_in: int) -> bool:
    """Whether a second factor has been wrong so often that it stops altogether (NIST SP 800-63B §3.2.2)."""
    return failures_since_sign_in >= SECOND_FACTOR_FAILURES_ALLOWED
