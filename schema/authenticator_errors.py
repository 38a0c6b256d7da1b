"""The user errors about the authenticators of a user."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

import strawberry

from schema.error_mapping import UserError, user_error
from twofactor.errors import AuthenticatorNotFoundError, LastAuthenticatorError, TooManyAuthenticatorsError


@user_error(
    AuthenticatorNotFoundError,
    description="The viewer has no authenticator with this id. Refetch `authenticators`.",
    en="This authenticator app was already removed.",
    de="Diese Authenticator-App ist bereits entfernt.",
)
class AuthenticatorNotFound(UserError):
    """The viewer has no such authenticator."""


@user_error(
    LastAuthenticatorError,
    description=(
        "The viewer's only authenticator cannot be removed. For a new device offer `startAuthenticatorReplacement`."
    ),
    en="This is your only authenticator app. Replace it with the app on your new device.",
    de="Das ist Ihre einzige Authenticator-App. Ersetzen Sie sie durch die App auf Ihrem neuen Gerät.",
)
class LastAuthenticator(UserError):
    """It is the only authenticator."""


@user_error(
    TooManyAuthenticatorsError,
    description="The viewer has as many authenticators as a user may have. Remove one first.",
    en="You have {limit} authenticator apps, which is the maximum. Remove one first.",
    de="Sie haben {limit} Authenticator-Apps, mehr sind nicht möglich. Entfernen Sie zuerst eine.",
)
class TooManyAuthenticators(UserError):
    """The user has the maximum number of authenticators."""

    limit: int = strawberry.field(description="The maximum number of authenticators of a user.")
