"""The activation of 2FA in three steps."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import twofactor.activation
import twofactor.authenticator_apps
import twofactor.authenticators
import twofactor.confirmation
from accounts.permissions import Viewer
from resolvers import activation
from schema.arguments import ROTATED_DESCRIPTION, OwnPassword, RotateSession, value_or_none
from schema.backup_codes import CODES_DESCRIPTION, FILE_DESCRIPTION, BackupCodesAcknowledged, TextFile
from schema.fields import Access, mutation, query
from schema.info import Info
from schema.qr_codes import QrCode, require_valid_scales
from schema.two_factor import TwoFactor
from schema.two_factor_errors import TwoFactorAlreadyActive
from schema.type_mapping import maps_from
from schema.user_errors import (
    ActivationExpired,
    OtpNotConfirmed,
    SecondFactorLocked,
    TooManyAttempts,
    WrongOtp,
    WrongPassword,
)
from schema.users import VIEWER_DESCRIPTION, User
from schema.voucher_errors import VoucherNeeded, WrongVoucher
from twofactor.authenticator_apps import AUTHENTICATOR_APPS
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.vouchers import EnteredVoucher


@maps_from(
    twofactor.authenticator_apps.AuthenticatorApp,
    description="An authenticator app that is known to work, for the first step of the activation page.",
)
class AuthenticatorApp:
    """An app that generates OTPs."""

    name: str = strawberry.field(description="The name of the app, for example `Google Authenticator`. Not translated.")
    app_store_url: str = strawberry.field(description="URL of its page in the Apple App Store, for iPhones and iPads.")
    play_store_url: str = strawberry.field(description="URL of its page in the Google Play Store, for Android devices.")


def _qr_code(info: Info, started: strawberry.Parent[AuthenticatorActivation]) -> QrCode:
    return info.context.qr_code(started.otpauth_uri)


@maps_from(
    AuthenticatorActivation,
    description=(
        "An activation that waits for the first OTP. The server returns the secret once. A client that loses it has "
        "to start again. The type has no field `id`, so that a normalising cache does not keep it."
    ),
)
class TwoFactorActivation:
    """An unfinished activation."""

    activation_id: strawberry.ID = strawberry.field(
        description="Send it to `confirmOtp`. It works only for this viewer. `node` does not accept it."
    )
    key: str = strawberry.field(
        description=(
            "The TOTP secret in base32 without padding, for users who cannot scan. Show it in groups of four; the "
            "apps ignore spaces."
        ),
    )
    otpauth_uri: str = strawberry.field(
        description=(
            "The `otpauth://totp/…` URI in the QR code: SHA-1, 6 digits, 30 seconds. On a phone, use it as a link "
            "that opens the app."
        ),
    )
    issuer: str = strawberry.field(
        description="The product name under which the app stores the entry. Show it as a hint."
    )
    account_name: str = strawberry.field(description="The email of the user. The app shows it to distinguish entries.")
    qr_code: QrCode = strawberry.field(
        resolver=_qr_code,
        description="The same URI to scan with another device. Select the image format that you need.",
    )
    expires_at: datetime = strawberry.field(
        description=(
            "When the activation expires, 10 minutes after its start. All steps, including the acknowledgement, must "
            "be complete by then."
        )
    )


@maps_from(
    twofactor.confirmation.BackupCodesIssued,
    description=(
        "The OTP was correct. Let the user store these codes, then call `acknowledgeBackupCodes`. 2FA stays inactive "
        "until then. The server returns the codes again if this session repeats the call with the same OTP."
    ),
)
class BackupCodesIssued:
    """The backup codes of an activation, shown once."""

    activation_id: strawberry.ID = strawberry.field(
        description="Send it to `acknowledgeBackupCodes`. `startTwoFactorActivation` returned the same value."
    )
    codes: list[str] = strawberry.field(description=CODES_DESCRIPTION)
    file: TextFile = strawberry.field(description=FILE_DESCRIPTION)
    expires_at: datetime = strawberry.field(
        description=(
            "Deadline of the acknowledgement, 10 minutes after the start of the activation. After that, the codes are "
            "invalid."
        )
    )


@maps_from(
    twofactor.activation.TwoFactorActivated,
    description=(
        "From now on, a login requires a second factor. The user gets an email, and all their sessions except this one "
        "ended."
    ),
)
class TwoFactorActivated:
    """2FA is active."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    two_factor: TwoFactor = strawberry.field(
        description="The viewer's 2FA with `state` ACTIVE. To update a cached viewer, select `viewer { id twoFactor }`."
    )
    session_token: str | None = strawberry.field(description=ROTATED_DESCRIPTION)


@maps_from(
    twofactor.authenticators.AuthenticatorReplaced,
    description=(
        "The new authenticator is in force, and the old one is not. 2FA was active throughout, and the backup codes "
        "are unchanged. The user gets an email. Their other sessions ended, and their other devices are no longer "
        "known. Ask the user to delete the old entry in the app."
    ),
)
class AuthenticatorReplaced:
    """A new authenticator is in force instead of the old one."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    session_token: str | None = strawberry.field(description=ROTATED_DESCRIPTION)


@maps_from(
    twofactor.authenticators.AuthenticatorAdded,
    description="The new authenticator is in force beside the others. The user gets an email. No session ended.",
)
class AuthenticatorAdded:
    """A new authenticator is in force beside the others."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    session_token: str | None = strawberry.field(description=ROTATED_DESCRIPTION)


StartTwoFactorActivationResult: TypeAlias = Annotated[
    TwoFactorActivation
    | WrongPassword
    | TwoFactorAlreadyActive
    | TooManyAttempts
    | VoucherNeeded
    | WrongVoucher
    | SecondFactorLocked,
    strawberry.union(
        "StartTwoFactorActivationResult",
        description="The first step of an activation. Only `TwoFactorActivation` has a QR code to scan.",
    ),
]

ConfirmOtpResult: TypeAlias = Annotated[
    BackupCodesIssued
    | TwoFactorActivated
    | AuthenticatorReplaced
    | AuthenticatorAdded
    | WrongOtp
    | ActivationExpired
    | TooManyAttempts,
    strawberry.union(
        "ConfirmOtpResult",
        description=(
            "The second step of an activation, and the last step if backup codes are off, or if 2FA was active before. "
            "Decide by the type, not by a feature flag: after `BackupCodesIssued` show the codes, after "
            "`TwoFactorActivated`, `AuthenticatorReplaced` and `AuthenticatorAdded` the success page."
        ),
    ),
]

AcknowledgeBackupCodesResult: TypeAlias = Annotated[
    TwoFactorActivated | BackupCodesAcknowledged | OtpNotConfirmed | ActivationExpired,
    strawberry.union(
        "AcknowledgeBackupCodesResult",
        description=(
            "The last step of an activation, or of a regeneration of backup codes. `TwoFactorActivated` is the success "
            "of the former, `BackupCodesAcknowledged` that of the latter."
        ),
    ),
]

StartedActivation = Annotated[
    strawberry.ID,
    strawberry.argument(
        description=(
            "The `activationId` that `startTwoFactorActivation`, `startAuthenticatorReplacement` or `addAuthenticator` "
            "returned to this viewer."
        )
    ),
]
Otp = Annotated[
    str,
    strawberry.argument(
        description=(
            "The OTP of the new entry in the app, as the user types or pastes it: six digits as text, with leading "
            "zeros. White space, dashes, quotation marks and invisible characters are ignored, and full-width digits "
            "are accepted. Any other text returns `WrongOtp` with `malformed` true, and uses no attempt."
        )
    ),
]
ConfirmedActivation = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="The `activationId` of the activation or regeneration whose backup codes the user stored."
    ),
]
Voucher = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The voucher of the last reset, as the user types or pastes it, if `TwoFactor.voucherNeeded` is true: "
            "without it, the result is `VoucherNeeded`. It is read as a backup code is. It stays valid until the "
            "activation is complete, so that the user can start again. If none is needed, the server ignores it."
        )
    ),
]


@strawberry.type
class ActivationQuery:
    """Read the authenticator apps."""

    @query(
        Access.ANYONE,
        description=(
            "The recommended authenticator apps, in the order to show them. They are the same for everyone and "
            "readable without a session, so a client may cache them for long."
        ),
        metadata={"max_items": len(AUTHENTICATOR_APPS)},
    )
    def authenticator_apps(self) -> list[AuthenticatorApp] | None:
        """The recommended authenticator apps."""
        return AUTHENTICATOR_APPS


@strawberry.type
class ActivationMutation:
    """Activate 2FA."""

    @mutation(
        Access.VIEWER,
        uses_attempt=True,
        description=(
            "Starts an activation and returns its secret once. Replaces an unfinished activation of the viewer, "
            "changes nothing else and sends no email. Users who have to set up 2FA can call it too. It checks the "
            "voucher after the password, so a wrong password uses no attempt of the voucher."
        ),
    )
    def start_two_factor_activation(
        self, info: Info, viewer: Viewer, password: OwnPassword, voucher: Voucher = strawberry.UNSET
    ) -> StartTwoFactorActivationResult | None:
        """The first step of an activation."""
        require_valid_scales(info.selected_fields)
        text = value_or_none(voucher)
        return twofactor.activation.start_activation(
            info.context.services,
            info.context.client,
            viewer,
            password,
            voucher=None if text is None else EnteredVoucher(text),
        )

    @mutation(
        Access.VIEWER,
        uses_attempt=True,
        description=(
            "Confirms with an OTP that the app is set up. If backup codes are on, it issues them, and 2FA waits for "
            "the acknowledgement. If they are off, it activates 2FA with all effects of `TwoFactorActivated`. After "
            "`startAuthenticatorReplacement` or `addAuthenticator` it puts the new authenticator in force. If the "
            "response was lost, call it again with the same OTP. The result is the same, until the acknowledgement. "
            "After that it is `TwoFactorActivated`, while this activation is in force. A newer OTP issues new codes, "
            "which replace the first ones. 5 wrong OTPs end the activation and affect no other attempt limit."
        ),
    )
    def confirm_otp(
        self,
        info: Info,
        viewer: Viewer,
        activation_id: StartedActivation,
        otp: Otp,
        rotate_session: RotateSession = False,  # noqa: FBT002  # GraphQL passes it by name
    ) -> ConfirmOtpResult | None:
        """The second step of an activation."""
        return activation.confirm_otp(info.context, viewer, activation_id, otp, rotate_session=rotate_session)

    @mutation(
        Access.VIEWER,
        uses_attempt=False,
        description=(
            "Confirms that the user stored the backup codes and activates 2FA. Sends an email and ends the user's "
            "other sessions. With the `activationId` of `regenerateBackupCodes` it puts the new set in force instead, "
            "and ends no session. Uses no attempt. If the response was lost, call it again: the result is the same "
            "while this activation, or this set, is in force, also if `confirmOtp` has activated 2FA."
        ),
    )
    def acknowledge_backup_codes(
        self,
        info: Info,
        viewer: Viewer,
        activation_id: ConfirmedActivation,
        rotate_session: RotateSession = False,  # noqa: FBT002  # GraphQL passes it by name
    ) -> AcknowledgeBackupCodesResult | None:
        """The last step of an activation."""
        return activation.acknowledge_backup_codes(info.context, viewer, activation_id, rotate_session=rotate_session)
