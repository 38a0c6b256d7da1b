"""The user errors: expected errors that a mutation returns as a member of its union."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

from datetime import datetime

import strawberry

from security.constants import CONFIRM_ATTEMPTS, FREE_ATTEMPTS, PASSWORD_MIN_LENGTH

_MESSAGE = (
    "Text to show to the user, in English or German as the request's `Accept-Language` asks. The text may change at "
    "any time, so programs must not read it."
)
_ATTEMPTS_REMAINING = (
    f"Number of failed attempts left before a wait, from 0 to {FREE_ATTEMPTS - 1}. At 0 the wait has started: the next "
    "attempt returns `TooManyAttempts` with the end of the wait. Malformed input uses no attempt."
)


@strawberry.interface(
    description=(
        "An expected error that a correct client has to handle. Its `__typename` is its stable code. Handle the types "
        "that you know by name and treat any other type as a failure. A client with a cache matches `... on UserError` "
        "only against the possible types that it was built with."
    )
)
class UserError:
    """An expected error that a client has to handle."""

    message: str = strawberry.field(description=_MESSAGE)


@strawberry.type(
    description=(
        "No enabled account has this email and password. Neither the error nor the response time reveals whether the "
        f"email exists. It uses one attempt of this email. After {FREE_ATTEMPTS} in a row, `login` returns "
        "`TooManyAttempts`."
    ),
)
class WrongEmailOrPassword(UserError):
    """No enabled account has this email and password."""


@strawberry.type(
    description=(
        "The password that the user entered again for this change is wrong, and nothing was changed. It uses one "
        "attempt of the same attempt limit as `login`, so a wait after wrong attempts here applies to logins too."
    ),
)
class WrongPassword(UserError):
    """The password is wrong."""

    attempts_remaining: int = strawberry.field(description=_ATTEMPTS_REMAINING)


@strawberry.type(
    description=(
        "The OTP or backup code is wrong, expired, already used, malformed, or of a kind that the account does not "
        "have. The error does not reveal the reason. The challenge stays valid, so let the user try again."
    ),
)
class WrongSecondFactor(UserError):
    """The OTP or backup code is wrong."""

    attempts_remaining: int = strawberry.field(
        description=(
            f"{_ATTEMPTS_REMAINING} OTPs and backup codes have separate attempt limits, which apply to all challenges "
            "of the account together."
        )
    )


@strawberry.type(
    description=(
        "The OTP is wrong, expired, already used or malformed. Often the clock of the user's device is wrong: ask the "
        "user to set the time automatically."
    ),
)
class WrongOtp(UserError):
    """The OTP does not confirm the activation."""

    attempts_remaining: int = strawberry.field(
        description=(
            f"Number of wrong OTPs left before this activation ends, from 0 to {CONFIRM_ATTEMPTS}. At 0 it has ended: "
            "start again with `startTwoFactorActivation`. A wrong OTP affects no other attempt limit, and malformed "
            "input uses no attempt."
        )
    )


@strawberry.type(
    description=(
        "The challenge is older than 5 minutes, already used, unknown, or ended by a change to the account. Go back to "
        "the login page. It does not help to enter the second factor again."
    ),
)
class ChallengeExpired(UserError):
    """The challenge is no longer valid."""


@strawberry.type(
    description=(
        "The activation is older than 10 minutes, failed too often, was replaced by a newer one, was ended by a change "
        "to the account, or belongs to another user. Start again, and ask the user to delete the useless entry in the "
        "app."
    ),
)
class ActivationExpired(UserError):
    """The activation is no longer valid."""


@strawberry.type(
    description=(
        "This kind of second factor was wrong 100 times since the last completed login. The server no longer checks "
        "it, and waiting does not help. The other kind still works, or an admin can reset the user's 2FA."
    ),
)
class SecondFactorLocked(UserError):
    """This kind of second factor is locked."""


@strawberry.type(
    description=(
        "The client acknowledged backup codes before the server issued any. Show the page that asks for the OTP and "
        "call `confirmOtp` first."
    ),
)
class OtpNotConfirmed(UserError):
    """No OTP was confirmed for this activation yet."""


@strawberry.type(
    description=(
        "The viewer's 2FA is already active, and nothing was changed. To use a new device, call `deactivateTwoFactor` "
        "and then activate 2FA again."
    ),
)
class TwoFactorAlreadyActive(UserError):
    """2FA is already active."""


@strawberry.type(
    description=(
        "There is no active 2FA to change: the user did not activate it, or it was deactivated in the meantime. "
        "Refetch `twoFactor`."
    ),
)
class TwoFactorNotActive(UserError):
    """2FA is not active."""


@strawberry.type(
    description=(
        "The company account requires 2FA, so the viewer cannot deactivate it. For a new device, an admin can reset "
        "it. The user then has to activate it again at once."
    ),
)
class TwoFactorIsEnforced(UserError):
    """The company account enforces 2FA."""


@strawberry.type(
    description=(
        "Backup codes are off for the company account, so the server issues none. Refetch `featureFlags` and hide the "
        "button."
    ),
)
class BackupCodesDisabled(UserError):
    """Backup codes are off for the company account."""


@strawberry.type(
    description=(
        "The admin's company account has no user with this id. The result is the same for an unknown id, an id of "
        "another type, and an id of another company account."
    ),
)
class UserNotFound(UserError):
    """The company account has no such user."""


@strawberry.type(
    description=(
        "Admins cannot reset their own 2FA, because a reset is for users who cannot log in. Offer "
        "`deactivateTwoFactor`, or tell the admin to ask another admin."
    ),
)
class CannotResetOwnTwoFactor(UserError):
    """The user is the admin who sent the request."""


@strawberry.type(
    description=(
        "The viewer has no live session with this id. In most cases it has already ended, so remove it from the page "
        "and refetch `sessions`."
    ),
)
class SessionNotFound(UserError):
    """The viewer has no such session."""


@strawberry.type(
    description=(
        f"The new password is shorter than {PASSWORD_MIN_LENGTH} characters, longer than 256, common, or made of the "
        "user's own name or email. The old password still works, and no attempt is used."
    ),
)
class PasswordTooWeak(UserError):
    """The new password is too easy to guess."""

    minimum_length: int = strawberry.field(
        description="Minimum number of characters of a password. A common password is too weak at any length."
    )


@strawberry.type(
    description=(
        f"The server did not check the input, so it may have been correct. After {FREE_ATTEMPTS} failed attempts in a "
        "row, each further attempt has to wait, first 30 seconds, then twice as long each time, up to one hour. A "
        "successful attempt resets the wait. Many failed attempts from one IP address cause a wait too."
    ),
)
class TooManyAttempts(UserError):
    """The next attempt has to wait. Nothing was checked."""

    retry_at: datetime = strawberry.field(
        description=(
            "The server checks attempts again from this instant on. Disable the form until then. An earlier attempt "
            "is not counted."
        )
    )
