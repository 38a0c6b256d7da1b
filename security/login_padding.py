"""The interval of response-time padding for failed logins. It covers the slowest password hash in use."""

import math
from collections.abc import Mapping

from security.constants import RESPONSE_PADDING_S

# The check of a hash may take this many times as long as it was measured, on a server that is busy.
HEADROOM = 2


class LoginPadding:
    """A failed login is answered at a multiple of `interval_s`."""

    def __init__(self) -> None:
        """Start without imported hashes."""
        self.interval_s = RESPONSE_PADDING_S
        # The parameters of the imported hashes that the interval covers.
        self.covered: frozenset[str] = frozenset()

    def cover(self, seconds: Mapping[str, float]) -> None:
        """Cover imported hashes, given how long the check of each takes, by its parameters."""
        slowest = max(seconds.values(), default=0.0)
        self.interval_s = RESPONSE_PADDING_S * max(1, math.ceil(HEADROOM * slowest / RESPONSE_PADDING_S))
        self.covered = frozenset(seconds)
