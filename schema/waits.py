"""The fields of user errors that say how long the next attempt has to wait."""

import math
from datetime import datetime
from typing import Protocol

import strawberry

from schema.info import Info

NEXT_ATTEMPT_AT_DESCRIPTION = (
    "The end of the wait before the next attempt, which is the `retryAt` of `TooManyAttempts`. Disable the form until "
    "then. Null if the next attempt does not have to wait."
)
RETRY_AFTER_DESCRIPTION = (
    "The number of seconds from this response to `{instant}`, rounded up, so that the wait does not depend on the "
    "client's clock."
)


class _FailedAttempt(Protocol):
    next_attempt_at: datetime | None


class _RejectedAttempt(Protocol):
    retry_at: datetime


def seconds_to_next_attempt(root: strawberry.Parent[_FailedAttempt], info: Info) -> int | None:
    """Return the seconds until the next attempt is checked, or None if it does not have to wait."""
    return None if root.next_attempt_at is None else _seconds_until(root.next_attempt_at, info)


def seconds_to_retry(root: strawberry.Parent[_RejectedAttempt], info: Info) -> int | None:
    """Return the seconds until attempts are checked again."""
    return _seconds_until(root.retry_at, info)


def _seconds_until(instant: datetime, info: Info) -> int:
    return max(math.ceil((instant - info.context.services.now()).total_seconds()), 0)
