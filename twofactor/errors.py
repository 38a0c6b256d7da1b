"""What can go wrong, as facts. How a client is told stands in `schema.errors`."""

from datetime import datetime


class TwoFactorError(Exception):
    """The base of every error of the domain."""


class AttemptRefusedError(TwoFactorError):
    """An attempt at a factor failed.

    `attempts_remaining` counts to the next wait, and is None where it must not be told; `was_checked` is false where
    the attempt was malformed and cost nothing.
    """

    def __init__(self, attempts_remaining: int | None, *, was_checked: bool = True) -> None:
        super().__init__()
        self.attempts_remaining = attempts_remaining
        self.was_checked = was_checked


class WrongEmailOrPasswordError(AttemptRefusedError):
    """No enabled account has this email and password."""

    def __init__(self, *, was_checked: bool = True) -> None:
        super().__init__(None, was_checked=was_checked)


class WrongPasswordError(AttemptRefusedError):
    """The password that was entered again does not match."""


class WrongSecondFactorError(AttemptRefusedError):
    """The OTP or backup code is wrong, expired, already used or malformed."""


class WrongOtpError(AttemptRefusedError):
    """The OTP does not confirm the activation."""


class ChallengeExpiredError(TwoFactorError):
    """The challenge is unknown, used, too old, or was ended by a change to the account."""


class ActivationExpiredError(TwoFactorError):
    """The activation is unknown, finished otherwise, too old, or replaced by a newer one."""


class SecondFactorLockedError(TwoFactorError):
    """The factor was wrong too often between two completed sign-ins."""


class OtpNotConfirmedError(TwoFactorError):
    """The activation has no confirmed OTP yet."""


class TwoFactorAlreadyActiveError(TwoFactorError):
    """2FA is active already."""


class TwoFactorNotActiveError(TwoFactorError):
    """2FA is not active."""


class TwoFactorIsEnforcedError(TwoFactorError):
    """The company account enforces 2FA."""


class BackupCodesDisabledError(TwoFactorError):
    """Backup codes are off for the company account."""


class UserNotFoundError(TwoFactorError):
    """The company account has no such user."""


class CannotResetOwnTwoFactorError(TwoFactorError):
    """An admin asked for the reset of their own 2FA."""


class SessionNotFoundError(TwoFactorError):
    """The viewer has no such session."""


class PasswordTooWeakError(TwoFactorError):
    """The new password is too easy to guess."""

    def __init__(self, minimum_length: int) -> None:
        super().__init__()
        self.minimum_length = minimum_length


class TooManyAttemptsError(TwoFactorError):
    """Nothing was checked: an attempt counts again from `retry_at` on."""

    def __init__(self, retry_at: datetime) -> None:
        super().__init__()
        self.retry_at = retry_at


class UnauthenticatedError(TwoFactorError):
    """The request carries no valid session."""


class ForbiddenError(TwoFactorError):
    """The viewer may not do or see this."""


class TwoFactorSetupRequiredError(TwoFactorError):
    """2FA is enforced, and the viewer has not activated it yet."""


class InvalidInputError(TwoFactorError):
    """An argument is out of its bounds. `argument` names it; its value is never repeated."""

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason


class OverloadedError(TwoFactorError):
    """Too much is being hashed already. Nothing was checked or counted."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s
