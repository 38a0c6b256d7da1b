"""Reserve and release attempts. Each function is one conditional statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from models.attempt_count import AttemptCount
from models.sql.execution import columns, execute, execute_returning, model_of

# One attempt less is undecided. A success sets the number of another one to zero, so it is never below.
ONE_DECIDED = "undecided = CASE WHEN undecided > 0 THEN undecided - 1 ELSE 0 END"
RECORD_FAILURE = f"UPDATE attempt_count SET {ONE_DECIDED}, user_id = $3 WHERE subject = $1 AND factor = $2"  # noqa: S608  # ours
RELEASE = f"""
    UPDATE attempt_count SET failures = failures - 1, failures_since_sign_in = failures_since_sign_in - 1, {ONE_DECIDED}
    WHERE subject = $1 AND factor = $2 AND failures > 0 AND failures_since_sign_in > 0
"""  # noqa: S608  # ours
RESET_WAIT = f"UPDATE attempt_count SET failures = 0, {ONE_DECIDED} WHERE subject = $1 AND factor = $2"  # noqa: S608  # ours
RESET_UNLOCKED = """
    UPDATE attempt_count SET failures = 0, failures_since_sign_in = 0, undecided = 0
    WHERE subject = $1 AND (factor = $2 OR failures_since_sign_in < $3)
"""


async def reserve_attempt(  # noqa: PLR0913  # each is a parameter of the statement
    subject: str,
    factor: str,
    now: datetime,
    *,
    waits: Sequence[tuple[int, timedelta]],
    locked_at: int,
    trusted_until: datetime,
) -> bool:
    """Count one more failure if the attempt does not have to wait. Return whether the attempt was reserved.

    Args:
        subject: The account, see `models.attempt_count`.
        factor: What the attempt guesses.
        now: The time of the attempt.
        waits: Each number of failures with its wait, ascending. The last one applies to every higher number too.
        locked_at: The number of failures since the last sign-in at which the factor is locked.
        trusted_until: A later `last_attempt_at` comes from a wrong clock, and the wait does not apply.

    """
    statement = _reserve_statement(tuple(failures for failures, _ in waits))
    ended_waits = (now - wait for _, wait in waits)
    return bool(await execute_returning(statement, subject, factor, now, locked_at, *ended_waits, trusted_until))


@cache
def _reserve_statement(failures_with_wait: tuple[int, ...]) -> str:
    """Return the statement that reserves an attempt.

    The first attempt inserts the row, by the same statement. Otherwise the response time would show whether an
    email was tried before.
    """
    may_try = [f"attempt_count.failures < {failures_with_wait[0]}"]
    for parameter, failures in enumerate(failures_with_wait, 5):
        operator = ">=" if failures == failures_with_wait[-1] else "="
        may_try.append(
            f"attempt_count.failures {operator} {failures} AND attempt_count.last_attempt_at <= ${parameter}"
        )
    may_try.append(f"attempt_count.last_attempt_at > ${5 + len(failures_with_wait)}")
    return f"""
        INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, undecided, last_attempt_at)
        VALUES ($1, $2, 1, 1, 1, $3)
        ON CONFLICT (subject, factor) DO UPDATE
        SET failures = attempt_count.failures + 1,
            failures_since_sign_in = attempt_count.failures_since_sign_in + 1,
            undecided = attempt_count.undecided + 1,
            last_attempt_at = $3
        WHERE attempt_count.failures_since_sign_in < $4 AND ({" OR ".join(may_try)})
        RETURNING id
    """  # noqa: S608  # only numbers are inserted


async def record_failure(subject: str, factor: str, user_id: UUID | None) -> AttemptCount | None:
    """Record that a reserved attempt failed. Return the count, or None if it was deleted in the meantime."""
    rows = await execute_returning(f"{RECORD_FAILURE} RETURNING {columns(AttemptCount)}", subject, factor, user_id)
    return model_of(AttemptCount, rows[0]) if rows else None


async def release(subject: str, factor: str) -> None:
    """Take back one reserved attempt."""
    await execute(RELEASE, subject, factor)


async def reset_wait(subject: str, factor: str) -> None:
    """Set the failures in a row of one factor to zero."""
    await execute(RESET_WAIT, subject, factor)


async def reset_unlocked_factors(subject: str, factor: str, *, locked_at: int) -> None:
    """Set all counts of the used factor to zero, and those of every other factor that is not locked."""
    await execute(RESET_UNLOCKED, subject, factor, locked_at)
