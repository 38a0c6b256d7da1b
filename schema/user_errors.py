"""The user errors: expected errors that a mutation returns as a member of its union.

`schema/account_errors.py` and `schema/two_factor_errors.py` have those about accounts and about the state of 2FA.
"""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

from datetime import datetime

import strawberry

from accounts.errors import (
    SecondFactorLockedError,
    SecondFactorNeededError,
    WrongEmailOrPasswordError,
    WrongPasswordError,
)
from schema.error_mapping import UserError, user_error
from schema.waits import (
    NEXT_ATTEMPT_AT_DESCRIPTION,
    RETRY_AFTER_DESCRIPTION,
    seconds_to_next_attempt,
    seconds_to_retry,
)
from security.constants import CONFIRM_ATTEMPTS, FREE_ATTEMPTS, REAUTHENTICATION_FAILURES_ALLOWED
from security.errors import TooManyAttemptsError
from twofactor.errors import (
    ActivationExpiredError,
    ChallengeExpiredError,
    OtpNotConfirmedError,
    WrongOtpError,
    WrongSecondFactorError,
)

ATTEMPTS_REMAINING = (
    f"Number of failed attempts left before a wait, from 0 to {FREE_ATTEMPTS - 1}. At 0 the wait has started: the next "
    "attempt returns `TooManyAttempts` until `nextAttemptAt`. Malformed input uses no attempt."
)
RETRY_AFTER = f"{RETRY_AFTER_DESCRIPTION.format(instant='nextAttemptAt')} Null if `nextAttemptAt` is null."
MALFORMED = (
    "True if the input cannot be a code: another length, or other characters. The server then compared nothing, and "
    "the input used no attempt. It depends on the input alone."
)


@user_error(
    WrongEmailOrPasswordError,
    description=(
        "No enabled account has this email and password. Neither the error nor the response time reveals whether the "
        f"email exists. It uses one attempt of this email. After {FREE_ATTEMPTS} in a row, `login` returns "
        "`TooManyAttempts`."
    ),
    en="This email and password do not match an account.",
    de="Zu dieser E-Mail-Adresse und diesem Passwort gibt es kein Konto.",
)
class WrongEmailOrPassword(UserError):
    """No enabled account has this email and password."""

    next_attempt_at: datetime | None = strawberry.field(
        description=(
            f"{NEXT_ATTEMPT_AT_DESCRIPTION} Also null if the email or password is malformed: the server then compares "
            "nothing. It does not reveal whether the email exists."
        )
    )
    retry_after_seconds: int | None = strawberry.field(resolver=seconds_to_next_attempt, description=RETRY_AFTER)


@user_error(
    WrongPasswordError,
    description=(
        "The password that the user entered again for this change is wrong, and nothing was changed. It uses one "
        "attempt of this session: its limit is its own, so attempts elsewhere do not count. "
        f"{REAUTHENTICATION_FAILURES_ALLOWED} wrong passwords in a row end the session; the answer to the last one is "
        "the error `UNAUTHENTICATED`."
    ),
    en="This password is wrong. Attempts left before you have to wait: {attempts_remaining}.",
    de="Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: {attempts_remaining}.",
)
class WrongPassword(UserError):
    """The password is wrong."""

    attempts_remaining: int = strawberry.field(description=ATTEMPTS_REMAINING)
    next_attempt_at: datetime | None = strawberry.field(description=NEXT_ATTEMPT_AT_DESCRIPTION)
    retry_after_seconds: int | None = strawberry.field(resolver=seconds_to_next_attempt, description=RETRY_AFTER)


@user_error(
    WrongSecondFactorError,
    description=(
        "The OTP or backup code is wrong, expired, already used, malformed, or of a kind that the account does not "
        "have. The error does not reveal the reason, except that `malformed` says whether the input can be a code. At "
        "a login, the challenge stays valid. Let the user try again."
    ),
    en="This code is wrong, expired or already used. Attempts left before you have to wait: {attempts_remaining}.",
    de=(
        "Dieser Code ist falsch, abgelaufen oder schon benutzt. Verbleibende Versuche bis zu einer Wartezeit: "
        "{attempts_remaining}."
    ),
    only_otp_malformed={
        "en": "This code is malformed, and no attempt was used. A one-time password has 6 digits.",
        "de": (
            "Dieser Code hat nicht die richtige Form, und kein Versuch wurde verbraucht. Ein Einmalpasswort hat 6 "
            "Ziffern."
        ),
    },
    malformed={
        "en": (
            "This code is malformed, and no attempt was used. A one-time password has 6 digits. A backup code has 10 "
            "letters and digits."
        ),
        "de": (
            "Dieser Code hat nicht die richtige Form, und kein Versuch wurde verbraucht. Ein Einmalpasswort hat 6 "
            "Ziffern. Ein Backup-Code hat 10 Buchstaben und Ziffern."
        ),
    },
)
class WrongSecondFactor(UserError):
    """The OTP or backup code is wrong."""

    attempts_remaining: int = strawberry.field(
        description=(
            f"{ATTEMPTS_REMAINING} At a login, OTPs and backup codes have separate attempt limits, which apply to all "
            "challenges of the account together. For a change, both share one attempt limit of the session, and "
            f"{REAUTHENTICATION_FAILURES_ALLOWED} wrong ones in a row end the session."
        )
    )
    malformed: bool = strawberry.field(description=MALFORMED)
    next_attempt_at: datetime | None = strawberry.field(
        description=(
            f"{NEXT_ATTEMPT_AT_DESCRIPTION} At a login it concerns the kind of second factor that was wrong, and it is "
            "null if this kind is locked: the next attempt returns `SecondFactorLocked`."
        )
    )
    retry_after_seconds: int | None = strawberry.field(resolver=seconds_to_next_attempt, description=RETRY_AFTER)


@user_error(
    SecondFactorNeededError,
    description=(
        "The company account requires a second factor for this change (`Company.secondFactorForChanges`). Ask the user "
        "for an OTP or a backup code, and send the mutation again with `secondFactor`. If the viewer's 2FA is "
        "inactive, they have to activate it first. The message says what applies. The password was correct, and "
        "nothing changed."
    ),
    en="Please also enter a one-time password or a backup code.",
    de="Bitte geben Sie auch ein Einmalpasswort oder einen Backup-Code ein.",
    inactive={
        "en": "This change needs a second factor. Please activate 2FA first.",
        "de": "Diese Änderung braucht einen zweiten Faktor. Bitte aktivieren Sie zuerst 2FA.",
    },
    only_otp={
        "en": "Please also enter a one-time password.",
        "de": "Bitte geben Sie auch ein Einmalpasswort ein.",
    },
)
class SecondFactorNeeded(UserError):
    """The change needs a second factor."""


@user_error(
    WrongOtpError,
    description=(
        "The OTP is wrong, expired, already used or malformed. Often the clock of the user's device is wrong: ask the "
        "user to set the time automatically."
    ),
    en=(
        "This one-time password is wrong, expired or already used. Attempts left before you have to start again: "
        "{attempts_remaining}."
    ),
    de=(
        "Dieses Einmalpasswort ist falsch, abgelaufen oder schon benutzt. Verbleibende Versuche bis zu einem "
        "Neubeginn: {attempts_remaining}."
    ),
    malformed={
        "en": "This one-time password is malformed, and no attempt was used. It has 6 digits.",
        "de": "Dieses Einmalpasswort hat nicht die richtige Form, und kein Versuch wurde verbraucht. Es hat 6 Ziffern.",
    },
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
    malformed: bool = strawberry.field(description=MALFORMED)
    next_attempt_at: datetime | None = strawberry.field(
        description="Null, since a wrong OTP causes no wait here. The field lets one form handle all wrong codes alike."
    )
    retry_after_seconds: int | None = strawberry.field(
        resolver=seconds_to_next_attempt,
        description="Null, as `nextAttemptAt` is: the user can enter the next OTP at once.",
    )


@user_error(
    ChallengeExpiredError,
    description=(
        "The challenge is older than 5 minutes, already used, unknown, or ended by a change to the account. Go back to "
        "the login page. It does not help to enter the second factor again."
    ),
    en="This login took too long or has ended. Please log in again.",
    de="Diese Anmeldung hat zu lange gedauert oder ist beendet. Bitte melden Sie sich erneut an.",
)
class ChallengeExpired(UserError):
    """The challenge is no longer valid."""


@user_error(
    ActivationExpiredError,
    description=(
        "The activation is older than 10 minutes, failed too often, was replaced by a newer one, was ended by a change "
        "to the account, or belongs to another user. Its entry in the app is useless. If the viewer's 2FA is inactive, "
        "start again, and ask the user to delete that entry. If it is active, the app has the entry in force too, so "
        "ask the user to delete nothing. An activation that is finished and in force never returns this error. After "
        "`regenerateBackupCodes` there is no such entry: the new backup codes are invalid, and the set in force is "
        "unchanged. The message asks to start again only if the viewer can."
    ),
    en="This activation took too long or has ended. Please start again.",
    de="Diese Aktivierung hat zu lange gedauert oder ist beendet. Bitte beginnen Sie von vorn.",
    already_active={
        "en": "This activation took too long or has ended. Your 2FA is active and unchanged.",
        "de": "Diese Aktivierung hat zu lange gedauert oder ist beendet. Ihre 2FA ist aktiv und unverändert.",
    },
    useless_replacement={
        "en": "These new backup codes are not valid, because your account or your company has changed.",
        "de": "Diese neuen Backup-Codes gelten nicht, weil sich bei Ihrem Konto oder Unternehmen etwas geändert hat.",
    },
    is_replacement={
        "en": "These new backup codes are not valid: it took too long, or they have ended. Please start again.",
        "de": (
            "Diese neuen Backup-Codes gelten nicht: Es hat zu lange gedauert, oder sie sind beendet. Bitte "
            "beginnen Sie von vorn."
        ),
    },
)
class ActivationExpired(UserError):
    """The activation is no longer valid."""


@user_error(
    SecondFactorLockedError,
    description=(
        "This kind of second factor was wrong 100 times since the last completed login, or the voucher was since the "
        "reset. The server no longer checks it, and waiting does not help. The message names what helps: the other "
        "kind if the user has it and it is not locked, an admin if there is another one, who can unlock the user or "
        "reset their 2FA, or the operator of the service."
    ),
    en="There were too many wrong codes. Please log in with your other method, or ask an admin to reset your 2FA.",
    de=(
        "Es gab zu viele falsche Codes. Bitte melden Sie sich mit der anderen Methode an, oder lassen Sie Ihre 2FA "
        "von einem Admin zurücksetzen."
    ),
    only_operator_helps={
        "en": "There were too many wrong codes. Please ask the operator of this service to reset your 2FA.",
        "de": ("Es gab zu viele falsche Codes. Bitte lassen Sie Ihre 2FA vom Betreiber dieses Dienstes zurücksetzen."),
    },
    only_admin_helps={
        "en": "There were too many wrong codes. Please ask an admin to reset your 2FA.",
        "de": "Es gab zu viele falsche Codes. Bitte lassen Sie Ihre 2FA von einem Admin zurücksetzen.",
    },
    only_other_factor_helps={
        "en": "There were too many wrong codes. Please log in with your other method.",
        "de": "Es gab zu viele falsche Codes. Bitte melden Sie sich mit der anderen Methode an.",
    },
)
class SecondFactorLocked(UserError):
    """This kind of second factor is locked."""


@user_error(
    OtpNotConfirmedError,
    description=(
        "The client acknowledged backup codes before the server issued any. Show the page that asks for the OTP and "
        "call `confirmOtp` first."
    ),
    en="Please enter a one-time password from your authenticator app first.",
    de="Bitte geben Sie zuerst ein Einmalpasswort aus Ihrer Authenticator-App ein.",
)
class OtpNotConfirmed(UserError):
    """No OTP was confirmed for this activation yet."""


@user_error(
    TooManyAttemptsError,
    description=(
        f"The server did not check the input, so it may have been correct. After {FREE_ATTEMPTS} failed attempts in a "
        "row, each further attempt has to wait, first 30 seconds, then twice as long each time, up to one hour. A "
        "successful attempt resets the wait. Many failed attempts from one IP address cause a wait too."
    ),
    en="There were too many attempts. Please wait a moment and try again.",
    de="Es gab zu viele Versuche. Bitte warten Sie einen Moment und versuchen Sie es dann erneut.",
)
class TooManyAttempts(UserError):
    """The next attempt has to wait. Nothing was checked."""

    retry_at: datetime = strawberry.field(
        description=(
            "The server checks attempts again from this instant on. Disable the form until then. An earlier attempt "
            "is not counted."
        )
    )
    retry_after_seconds: int | None = strawberry.field(
        resolver=seconds_to_retry, description=RETRY_AFTER_DESCRIPTION.format(instant="retryAt")
    )
