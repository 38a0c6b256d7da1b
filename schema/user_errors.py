"""The user errors: what a mutation returns when it does not do what the client asked for."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

from datetime import datetime

import strawberry

from twofactor.rules.policy import CONFIRM_ATTEMPTS, FREE_ATTEMPTS, PASSWORD_MIN_LENGTH

_MESSAGE = (
    "What to show to the person at the screen, in English or German after the `Accept-Language` of the request. Its "
    "words may change at any time, so let no program read them."
)


_ATTEMPTS_REMAINING = (
    f"How many more may be wrong before the next one has to wait, 0 to {FREE_ATTEMPTS - 1}. At 0 the wait has begun: "
    "the next attempt answers `TooManyAttempts` with its end. A malformed entry costs none."
)


@strawberry.interface(
    description=(
        "A refusal that correct clients meet too, and whose `__typename` is its stable code. Spread the refusals that "
        "you handle by name and treat any other as a refusal: caching clients match `... on UserError` only against "
        "the list of possible types that they were built with."
    )
)
class UserError:
    """A refusal that a client must be ready for."""

    message: str = strawberry.field(description=_MESSAGE)


@strawberry.type(
    description=(
        "No enabled account has this email and password. Whether the email exists cannot be told from it, nor from "
        f"the time it takes. It costs an attempt of that email: after {FREE_ATTEMPTS} in a row `login` answers "
        "`TooManyAttempts`."
    ),
)
class WrongEmailOrPassword(UserError):
    """Email and password match no account."""


@strawberry.type(
    description=(
        "The password that a sensitive change asks for again is wrong, and nothing was changed. It costs an attempt "
        "of the same budget as `login`, so wrong entries here make sign-ins wait too."
    ),
)
class WrongPassword(UserError):
    """The password does not match."""

    attempts_remaining: int = strawberry.field(description=_ATTEMPTS_REMAINING)


@strawberry.type(
    description=(
        "The OTP or backup code is wrong, expired, already used, malformed, or of a kind that the account does not "
        "have: which of these is not told. The challenge stays good, so let the user enter another one."
    ),
)
class WrongSecondFactor(UserError):
    """The OTP or backup code does not open the sign-in."""

    attempts_remaining: int = strawberry.field(
        description=(
            f"{_ATTEMPTS_REMAINING} OTPs and backup codes are counted apart, and over all challenges of the account."
        )
    )


@strawberry.type(
    description=(
        "The OTP is wrong, expired, already used or malformed. Often the clock of the device is off: ask the user to "
        "let it set the time by itself."
    ),
)
class WrongOtp(UserError):
    """The OTP does not confirm the activation."""

    attempts_remaining: int = strawberry.field(
        description=(
            f"How many more may be wrong before this activation ends, 0 to {CONFIRM_ATTEMPTS}. At 0 it is over: begin "
            "again by `startTwoFactorActivation`. Nothing else is counted by it, and a malformed entry costs none."
        )
    )


@strawberry.type(
    description=(
        "The challenge is older than 5 minutes, was used, never was, or was ended by a change to the account. Go back "
        "to the login screen; entering the second factor again is of no use."
    ),
)
class ChallengeExpired(UserError):
    """The challenge is no good any more."""


@strawberry.type(
    description=(
        "The activation is older than 10 minutes, failed too often, was replaced by a newer one, was ended by a "
        "change to the account, or is not the viewer's. Begin again, and have the user delete the entry in the app: "
        "it is worthless."
    ),
)
class ActivationExpired(UserError):
    """The activation is no good any more."""


@strawberry.type(
    description=(
        "This kind of second factor was wrong 100 times since the last completed sign-in, and is not looked at any "
        "more, right or wrong. Waiting does not help: the other kind still works, or an admin resets the user's 2FA."
    ),
)
class SecondFactorLocked(UserError):
    """This factor has stopped."""


@strawberry.type(
    description=(
        "The backup codes were acknowledged before any were issued: show the page that asks for the OTP and call "
        "`confirmOtp` first."
    ),
)
class OtpNotConfirmed(UserError):
    """No OTP has been confirmed for this activation yet."""


@strawberry.type(
    description=(
        "The viewer has 2FA on already, and nothing was changed. For a new device, call `deactivateTwoFactor` and then "
        "activate anew."
    ),
)
class TwoFactorAlreadyActive(UserError):
    """2FA is active already."""


@strawberry.type(
    description=(
        "There is no 2FA to change: the user has not activated it, or it was switched off meanwhile. Refetch "
        "`twoFactor`."
    ),
)
class TwoFactorNotActive(UserError):
    """2FA is not active."""


@strawberry.type(
    description=(
        "The company account demands 2FA, so the viewer cannot switch it off. An admin can reset it for a new device; "
        "the user then has to activate it again at once."
    ),
)
class TwoFactorIsEnforced(UserError):
    """The company account enforces 2FA."""


@strawberry.type(
    description=(
        "The company account has backup codes off, so none are issued. Refetch `featureFlags` and hide the button."
    ),
)
class BackupCodesDisabled(UserError):
    """Backup codes are off for the company account."""


@strawberry.type(
    description=(
        "The id names no user of the admin's company account. Ids of other company accounts, of other things and of "
        "nothing at all are told apart by nothing."
    ),
)
class UserNotFound(UserError):
    """The company account has no such user."""


@strawberry.type(
    description=(
        "The user to reset is the admin who asks. A reset is for users who cannot sign in: send the admin to "
        "`deactivateTwoFactor`, or to another admin."
    ),
)
class CannotResetOwnTwoFactor(UserError):
    """It is the admin's own 2FA."""


@strawberry.type(
    description=(
        "The viewer has no live session under this id. Most often it has ended already, so take it from the screen and "
        "refetch `sessions`."
    ),
)
class SessionNotFound(UserError):
    """The viewer has no such session."""


@strawberry.type(
    description=(
        f"The new password is shorter than {PASSWORD_MIN_LENGTH} characters, longer than 256, a common one, or made "
        "of the user's own name or email. The old one stays in force, and no attempt is lost."
    ),
)
class PasswordTooWeak(UserError):
    """The new password is too easy to guess."""

    minimum_length: int = strawberry.field(
        description="How many characters a password needs at least. Reaching it does not make a common one good enough."
    )


@strawberry.type(
    description=(
        f"The entry was not looked at, so it may have been right. After {FREE_ATTEMPTS} wrong ones in a row each "
        "further one has to wait, from 30 seconds doubling to an hour; success ends that. Many failures from one "
        "address make it wait as well."
    ),
)
class TooManyAttempts(UserError):
    """Nothing was checked: the next attempt has to wait."""

    retry_at: datetime = strawberry.field(
        description=(
            "From this instant on an attempt is looked at again. Disable the form until then; asking earlier costs "
            "nothing."
        )
    )
