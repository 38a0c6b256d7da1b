"""A clock that only the test advances."""

from datetime import UTC, datetime, timedelta

# A whole second in the first half of a time step, so that after a small advance it is still the same step.
START = datetime(2026, 11, 24, 13, 5, 10, tzinfo=UTC)
# After this time an authenticator shows another OTP.
TIME_STEP = timedelta(seconds=30)


class Clock:
    """A clock that stands still until the test advances it. A call returns the current time, like `Services.clock`."""

    def __init__(self, now: datetime = START) -> None:
        """Set the current time."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the current time."""
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Advance the clock, and return the new time."""
        self.now += by
        return self.now


def instant(when: datetime) -> str:
    """Format an instant as the API does."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
