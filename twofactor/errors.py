"""Errors of two-factor authentication. They hold facts; `schema.error_mapping` maps them for clients."""

from accounts.errors import FailedAttemptError
from security.constants import AUTHENTICATORS_PER_USER
from security.errors import DomainError


class WrongSecondFactorError(FailedAttemptError):
    """Raised when the OTP or backup code is wrong, expired, already used or malformed."""


class WrongOtpError(FailedAttemptError):
    """Raised when the OTP does not confirm the activation."""


class ChallengeExpiredError(DomainError):
    """Raised when the challenge is unknown, used, expired, or was ended by a change to the account."""


class ActivationExpiredError(DomainError):
    """Raised when the activation is unknown, expired, or replaced by a newer one."""


class OtpNotConfirmedError(DomainError):
    """Raised when no OTP has confirmed the activation yet."""


class TwoFactorAlreadyActiveError(DomainError):
    """Raised when 2FA is already active."""


class TwoFactorNotActiveError(DomainError):
    """Raised when 2FA is not active."""


class TwoFactorIsEnforcedError(DomainError):
    """Raised when the company account enforces 2FA."""


class BackupCodesDisabledError(DomainError):
    """Raised when backup codes are off for the company account."""


class AuthenticatorNotFoundError(DomainError):
    """Raised when the user has no such authenticator."""


class LastAuthenticatorError(DomainError):
    """Raised when users ask to remove their only authenticator."""


class TooManyAuthenticatorsError(DomainError):
    """Raised when the user has as many authenticators as a user may have."""

    def __init__(self, limit: int = AUTHENTICATORS_PER_USER) -> None:
        super().__init__()
        self.limit = limit


class CannotResetOwnTwoFactorError(DomainError):
    """Raised when admins ask to reset their own 2FA."""
