"""Errors of two-factor authentication. They hold facts; `schema.error_mapping` maps them for clients."""

from accounts.errors import FailedAttemptError
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


class CannotResetOwnTwoFactorError(DomainError):
    """Raised when admins ask to reset their own 2FA."""
