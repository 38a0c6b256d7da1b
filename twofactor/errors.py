"""Errors of two-factor authentication. They hold facts; `schema.error_mapping` maps them for clients."""

from typing import Self

from accounts.errors import FailedAttemptError
from security.constants import AUTHENTICATORS_PER_USER
from security.errors import DomainError


class WrongSecondFactorError(FailedAttemptError):
    """Raised when the OTP or backup code is wrong, expired, already used or malformed.

    `only_otp` is true if the user can enter no backup code.
    """

    only_otp = False

    @classmethod
    def of_malformed_input(cls, attempts_remaining: int, *, only_otp: bool) -> Self:
        """Return the error for input that cannot be a code."""
        error = cls(attempts_remaining, was_checked=False)
        error.only_otp = only_otp
        return error

    @property
    def only_otp_malformed(self) -> bool:
        """Whether the input was malformed and can only be an OTP."""
        return self.malformed and self.only_otp


class WrongOtpError(FailedAttemptError):
    """Raised when the OTP does not confirm the activation."""


class VoucherNeededError(DomainError):
    """Raised when an activation needs the voucher of a reset, and the viewer entered none."""


class WrongVoucherError(FailedAttemptError):
    """Raised when the voucher of a reset is wrong, expired, replaced by a newer one or malformed."""


class ChallengeExpiredError(DomainError):
    """Raised when the challenge is unknown, used, expired, or was ended by a change to the account."""


class ActivationExpiredError(DomainError):
    """Raised when an activation, or a replacement of backup codes, is unknown, expired, or replaced by a newer one.

    `may_restart` is false if the viewer cannot start another one, since 2FA is active, or since they can get no codes.
    """

    def __init__(self, *, is_replacement: bool = False, may_restart: bool = True) -> None:
        super().__init__()
        self.is_replacement = is_replacement
        self.may_restart = may_restart

    @property
    def already_active(self) -> bool:
        """Whether 2FA is active, so that the viewer cannot start another activation."""
        return not self.is_replacement and not self.may_restart

    @property
    def useless_replacement(self) -> bool:
        """Whether the viewer can get no backup codes."""
        return self.is_replacement and not self.may_restart


class OtpNotConfirmedError(DomainError):
    """Raised when no OTP has confirmed the activation yet."""


class TwoFactorAlreadyActiveError(DomainError):
    """Raised when 2FA is already active."""


class TwoFactorNotActiveError(DomainError):
    """Raised when 2FA is not active."""


class TwoFactorIsEnforcedError(DomainError):
    """Raised when 2FA is enforced for the user."""


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
    """Raised when admins ask to reset their own 2FA. The arguments say what they can do instead."""

    def __init__(self, *, inactive: bool, enforced: bool, has_other_admin: bool) -> None:
        super().__init__()
        self.inactive = inactive
        self.enforced = enforced
        self.has_other_admin = has_other_admin

    @property
    def enforced_without_other_admin(self) -> bool:
        """Whether only the operator can remove 2FA."""
        return self.enforced and not self.has_other_admin

    @property
    def no_other_admin(self) -> bool:
        """Whether nobody else is an admin."""
        return not self.has_other_admin
