"""The user errors about accounts, sessions and devices. `schema/user_errors.py` names where the others are."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

import strawberry

from accounts.errors import (
    CannotChangeOwnAccountError,
    CannotEndOwnSessionsError,
    DeviceNotFoundError,
    InvalidNameError,
    LastAdminError,
    PasswordTooWeakError,
    SessionNotFoundError,
    UnsupportedLocaleError,
    UserNotFoundError,
)
from mail.messages import LANGUAGES
from schema.error_mapping import UserError, user_error
from security.constants import NAME_MAX_LENGTH, PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH


@user_error(
    UserNotFoundError,
    description=(
        "The admin's company account has no user with this id. The result is the same for an unknown id, an id of "
        "another type, and an id of another company account."
    ),
    en="There is no such user in your company.",
    de="In Ihrem Unternehmen gibt es diesen Benutzer nicht.",
)
class UserNotFound(UserError):
    """The company account has no such user."""


@user_error(
    DeviceNotFoundError,
    description="The viewer has no known device with this id. Remove it from the page and refetch `devices`.",
    en="This device was already forgotten.",
    de="Dieses Gerät ist bereits entfernt.",
)
class DeviceNotFound(UserError):
    """The viewer has no such device."""


@user_error(
    CannotEndOwnSessionsError,
    description=(
        "Admins cannot end all sessions of their own account, because the current one is among them. Offer "
        "`revokeOtherSessions`, and `logout` for the current session."
    ),
    en="This is your own account. Sign out your other sessions on the page of your account.",
    de="Das ist Ihr eigenes Konto. Beenden Sie Ihre anderen Sitzungen auf der Seite Ihres Kontos.",
)
class CannotEndOwnSessions(UserError):
    """The user is the admin who sent the request."""


@user_error(
    CannotChangeOwnAccountError,
    description=(
        "Admins can neither disable nor unlock their own account, nor set its rule for 2FA. Another admin can do it if "
        "there is one, or the operator of the service. The message says who."
    ),
    en="This is your own account. Please ask another admin of your company.",
    de="Das ist Ihr eigenes Konto. Bitte fragen Sie einen anderen Admin Ihres Unternehmens.",
    only_operator_helps={
        "en": (
            "This is your own account, and your company has no other admin. Only the operator of this service can do "
            "that."
        ),
        "de": (
            "Das ist Ihr eigenes Konto, und Ihr Unternehmen hat keinen anderen Admin. Das kann nur der Betreiber "
            "dieses Dienstes."
        ),
    },
)
class CannotChangeOwnAccount(UserError):
    """The user is the admin who sent the request."""


@user_error(
    LastAdminError,
    description=(
        "The user is the last enabled admin of the company account, who has to stay: without an admin, nobody could "
        "help its users. Make another user an admin first."
    ),
    en="You are the last admin of your company. Please make another user an admin first.",
    de="Sie sind der letzte Admin Ihres Unternehmens. Bitte machen Sie zuerst eine andere Person zum Admin.",
)
class LastAdmin(UserError):
    """The company account has no other enabled admin."""


@user_error(
    SessionNotFoundError,
    description=(
        "The viewer has no live session with this id. In most cases it has already ended, so remove it from the page "
        "and refetch `sessions`."
    ),
    en="This session has already ended.",
    de="Diese Sitzung ist bereits beendet.",
)
class SessionNotFound(UserError):
    """The viewer has no such session."""


@user_error(
    InvalidNameError,
    description=(
        "The new name is empty, invisible or too long, or has control characters or other invisible ones. Nothing was "
        "changed."
    ),
    en=f"This name cannot be used. Enter 1 to {NAME_MAX_LENGTH} visible characters.",
    de=f"Dieser Name ist nicht möglich. Geben Sie 1 bis {NAME_MAX_LENGTH} sichtbare Zeichen ein.",
)
class InvalidName(UserError):
    """The name is not allowed."""


@user_error(
    UnsupportedLocaleError,
    description="The text is not a BCP 47 tag, or emails are not available in its language. Nothing was changed.",
    en="Emails are not available in this language.",
    de="In dieser Sprache gibt es keine E-Mails.",
)
class UnsupportedLocale(UserError):
    """Emails are not available in the language."""

    supported: list[str] = strawberry.field(
        description="The languages of emails, as BCP 47 tags. A tag with a region, such as `de-AT`, is accepted too.",
        metadata={"max_items": len(LANGUAGES)},
    )


@user_error(
    PasswordTooWeakError,
    description=(
        f"The new password is shorter than {PASSWORD_MIN_LENGTH} characters, longer than {PASSWORD_MAX_LENGTH}, "
        "common, easy to guess, or made of the user's own name or email, or of the names of the company account "
        "or the product. The old password still works, and no attempt is used."
    ),
    en="This password is too easy to guess. Use at least {minimum_length} characters that nobody would expect.",
    de=(
        "Dieses Passwort ist zu leicht zu erraten. Verwenden Sie mindestens {minimum_length} Zeichen, mit denen "
        "niemand rechnet."
    ),
    is_too_long={
        "en": "This password is too long. Use at most {maximum_length} characters.",
        "de": "Dieses Passwort ist zu lang. Verwenden Sie höchstens {maximum_length} Zeichen.",
    },
)
class PasswordTooWeak(UserError):
    """The new password is too easy to guess, or too long."""

    minimum_length: int = strawberry.field(
        description="Minimum number of characters of a password. A common password is too weak at any length."
    )
    maximum_length: int = strawberry.field(
        description="Maximum number of characters of a password. The server never cuts off a longer one."
    )
