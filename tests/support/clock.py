"""A clock that only the test moves."""

from datetime import UTC, datetime, timedelta

# A whole second in the middle of a time step, so that small advances stay within it.
START = datetime(2026, 11, 24, 13, 5, 10, tzinfo=UTC)


class Clock:
    """Stands still until it is advanced. Call it for the present instant, as `Environment.clock` is called."""

    def __init__(self, now: datetime = START) -> None:
        """Begin at an instant."""
        self.now = now

    def __call__(self) -> datetime:
        """The present instant."""
        return self.now

    def advance(self, by: timedelta) -> datetime:
        """Let time pass. The present instant after that."""
        self.now += by
        return self.now
