"""The base class of domain errors, and the errors of this package. `schema.error_mapping` maps them for clients."""

from datetime import datetime


class DomainError(Exception):
    """The base class of every error that a use case raises on purpose."""


class TooManyAttemptsError(DomainError):
    """Raised when an attempt has to wait. The server checked and counted nothing. `retry_at` is the end of the wait."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__()
        self.retry_at = retry_at


class OverloadedError(DomainError):
    """Raised when the server, or what a client may ask of it, is used up. The server checked and counted nothing.

    `source` names for the log what is used up.
    """

    def __init__(self, retry_after_s: int, source: str) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s
        self.source = source
