"""Errors of accounts and sessions. They hold facts; `schema.error_mapping` maps them for clients."""

from datetime import datetime

from security.errors import DomainError


class FailedAttemptError(DomainError):
    """The base class of errors for a wrong password, OTP or backup code.

    `attempts_remaining` is the number of attempts before the next wait. It is None if the client must not see it.
    `next_attempt_at` is the end of the wait before the next attempt. It is None if there is no wait, or if waiting does
    not help.
    `was_checked` is false if the input was malformed: the server then compared nothing and counted no attempt.
    """

    def __init__(
        self, attempts_remaining: int | None, next_attempt_at: datetime | None = None, *, was_checked: bool = True
    ) -> None:
        super().__init__()
        self.attempts_remaining = attempts_remaining
        self.next_attempt_at = next_attempt_at
        self.was_checked = was_checked

    def add_wait(self, until: datetime | None) -> None:
        """Add another wait before the next attempt. The later end counts."""
        self.next_attempt_at = max((each for each in (self.next_attempt_at, until) if each), default=None)

    @property
    def malformed(self) -> bool:
        """Whether the input was malformed. It depends on the input alone, so it reveals nothing about the account."""
        return not self.was_checked


class WrongEmailOrPasswordError(FailedAttemptError):
    """Raised when no enabled account has this email and password."""

    def __init__(self, next_attempt_at: datetime | None = None, *, was_checked: bool = True) -> None:
        super().__init__(None, next_attempt_at, was_checked=was_checked)


class WrongPasswordError(FailedAttemptError):
    """Raised when re-authentication gets a wrong password."""


class SecondFactorNeededError(DomainError):
    """Raised when a change needs a second factor, and the viewer entered none or has no active 2FA.

    `only_otp` is true if the viewer can enter no backup code.
    """

    def __init__(self, *, inactive: bool, only_otp: bool) -> None:
        super().__init__()
        self.inactive = inactive
        self.only_otp = only_otp


class SecondFactorLockedError(DomainError):
    """Raised when a factor had too many failures between two completed sign-ins.

    The arguments say what helps: another second factor that is not locked, and another user who is an admin.
    """

    def __init__(self, *, has_other_factor: bool = True, has_other_admin: bool = True) -> None:
        super().__init__()
        self.has_other_factor = has_other_factor
        self.has_other_admin = has_other_admin

    @property
    def only_operator_helps(self) -> bool:
        """Whether the user can neither enter another factor nor ask an admin."""
        return not self.has_other_factor and not self.has_other_admin

    @property
    def only_admin_helps(self) -> bool:
        """Whether the user can enter no other factor."""
        return not self.has_other_factor and self.has_other_admin

    @property
    def only_other_factor_helps(self) -> bool:
        """Whether the user can ask no admin."""
        return self.has_other_factor and not self.has_other_admin


class UnauthenticatedError(DomainError):
    """Raised when the request has no valid session."""


class ForbiddenError(DomainError):
    """Raised when the viewer lacks the permission."""


class TwoFactorSetupRequiredError(DomainError):
    """Raised when 2FA is enforced and the viewer has not activated it yet."""


class InvalidInputError(DomainError):
    """Raised when an argument is out of bounds. `argument` is its name. The error never holds its value.

    The reason is in English and, if the argument is one of the API, in German.
    """

    def __init__(self, argument: str, reason: str, *, de: str | None = None) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason
        self.de = f"{argument}: {de or reason}"


class LastAdminError(DomainError):
    """Raised when a change would leave a company account without an enabled admin."""


class UserNotFoundError(DomainError):
    """Raised when the company account has no such user."""


class SessionNotFoundError(DomainError):
    """Raised when the viewer has no such session."""


class DeviceNotFoundError(DomainError):
    """Raised when the viewer has no such known device."""


class CannotEndOwnSessionsError(DomainError):
    """Raised when admins ask to end all sessions of their own account."""


class CannotChangeOwnAccountError(DomainError):
    """Raised when admins ask for a change of their own account that needs another admin.

    `has_other_admin` says whether there is one.
    """

    def __init__(self, *, has_other_admin: bool) -> None:
        super().__init__()
        self.has_other_admin = has_other_admin

    @property
    def only_operator_helps(self) -> bool:
        """Whether the company account has no other admin."""
        return not self.has_other_admin


class InvalidNameError(DomainError):
    """Raised when a user's new name is empty, too long, not plain text, or invisible."""


class UnsupportedLocaleError(DomainError):
    """Raised when a user asks for a language that emails do not have. `supported` has those that they have."""

    def __init__(self, supported: tuple[str, ...]) -> None:
        super().__init__()
        self.supported = supported


class PasswordTooWeakError(DomainError):
    """Raised when the new password is too easy to guess, too short or too long."""

    def __init__(self, minimum_length: int, maximum_length: int, *, is_too_long: bool) -> None:
        super().__init__()
        self.minimum_length = minimum_length
        self.maximum_length = maximum_length
        self.is_too_long = is_too_long
