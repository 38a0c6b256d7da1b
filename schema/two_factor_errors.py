"""The user errors about the state of 2FA: it is active, inactive, or enforced."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

from schema.error_mapping import UserError, user_error
from twofactor.errors import (
    BackupCodesDisabledError,
    CannotResetOwnTwoFactorError,
    TwoFactorAlreadyActiveError,
    TwoFactorIsEnforcedError,
    TwoFactorNotActiveError,
)


@user_error(
    TwoFactorAlreadyActiveError,
    description=(
        "The viewer's 2FA is already active, and nothing was changed. For a new device, offer "
        "`startAuthenticatorReplacement`."
    ),
    en="2FA is already active. To use a new device, replace your authenticator app.",
    de="2FA ist bereits aktiv. Um ein neues Gerät zu verwenden, ersetzen Sie Ihre Authenticator-App.",
)
class TwoFactorAlreadyActive(UserError):
    """2FA is already active."""


@user_error(
    TwoFactorNotActiveError,
    description=(
        "There is no active 2FA to change: the user did not activate it, or it was deactivated in the meantime. "
        "Refetch `twoFactor`."
    ),
    en="2FA is not active.",
    de="2FA ist nicht aktiv.",
)
class TwoFactorNotActive(UserError):
    """2FA is not active."""


@user_error(
    TwoFactorIsEnforcedError,
    description=(
        "The rule of the company account or that of the viewer requires 2FA, so the viewer cannot deactivate it. For a "
        "new device, offer `startAuthenticatorReplacement`."
    ),
    en="2FA is required for your account, so you cannot deactivate it.",
    de="2FA ist für Ihr Konto vorgeschrieben, deshalb lässt sie sich nicht deaktivieren.",
)
class TwoFactorIsEnforced(UserError):
    """2FA is enforced for the viewer."""


@user_error(
    BackupCodesDisabledError,
    description=(
        "Backup codes are off for the company account, so the server issues none. Refetch `featureFlags` and hide the "
        "button."
    ),
    en="Backup codes are deactivated for your company.",
    de="Backup-Codes sind für Ihr Unternehmen deaktiviert.",
)
class BackupCodesDisabled(UserError):
    """Backup codes are off for the company account."""


@user_error(
    CannotResetOwnTwoFactorError,
    description=(
        "Admins cannot reset their own 2FA, because a reset is for users who cannot log in. The message names what "
        "helps instead: `deactivateTwoFactor` unless 2FA is enforced, another admin if there is one, or the operator "
        "of the service."
    ),
    en="You cannot reset your own 2FA. Deactivate it, or ask another admin.",
    de="Sie können Ihre eigene 2FA nicht zurücksetzen. Deaktivieren Sie sie, oder bitten Sie einen anderen Admin.",
    inactive={
        "en": "You cannot reset your own 2FA, and it is not active.",
        "de": "Sie können Ihre eigene 2FA nicht zurücksetzen, und sie ist nicht aktiv.",
    },
    enforced_without_other_admin={
        "en": (
            "You cannot reset your own 2FA. It is required for your account, and your company has no other admin, so "
            "only the operator of this service can reset it."
        ),
        "de": (
            "Sie können Ihre eigene 2FA nicht zurücksetzen. Sie ist für Ihr Konto vorgeschrieben, und Ihr Unternehmen "
            "hat keinen anderen Admin, deshalb kann nur der Betreiber dieses Dienstes sie zurücksetzen."
        ),
    },
    enforced={
        "en": "You cannot reset your own 2FA, and it is required for your account. Ask another admin to reset it.",
        "de": (
            "Sie können Ihre eigene 2FA nicht zurücksetzen, und sie ist für Ihr Konto vorgeschrieben. Bitten Sie einen "
            "anderen Admin, sie zurückzusetzen."
        ),
    },
    no_other_admin={
        "en": "You cannot reset your own 2FA. You can deactivate it.",
        "de": "Sie können Ihre eigene 2FA nicht zurücksetzen. Sie können sie deaktivieren.",
    },
)
class CannotResetOwnTwoFactor(UserError):
    """The user is the admin who sent the request."""
