"""The activation of 2FA, step by step."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from resolvers import activation
from schema.arguments import OwnPassword
from schema.backup_codes import CODES_DESCRIPTION, FILE_DESCRIPTION, TextFile
from schema.info import Info
from schema.two_factor import TwoFactor
from schema.type_mapping import maps_from
from schema.user_errors import (
    ActivationExpired,
    OtpNotConfirmed,
    TooManyAttempts,
    TwoFactorAlreadyActive,
    WrongOtp,
    WrongPassword,
)
from schema.users import VIEWER_DESCRIPTION, User
from twofactor import results
from twofactor.directory import AUTHENTICATOR_APPS


@maps_from(
    results.AuthenticatorApp,
    description="An authenticator app that is known to work, for the first step of the activation page.",
)
class AuthenticatorApp:
    """An app that makes one-time passwords."""

    name: str = strawberry.field(description="The app's own name, for example `Google Authenticator`. Not translated.")
    app_store_url: str = strawberry.field(description="Its page in the Apple App Store, for iPhones and iPads.")
    play_store_url: str = strawberry.field(description="Its page in the Google Play Store, for Android devices.")


@maps_from(
    results.QrCode,
    description=(
        "The key of an activation as a picture for the authenticator app to scan, black on white with its quiet zone. "
        "Show it on light ground, and never log or cache it: whoever scans it can make the user's OTPs."
    ),
)
class QrCode:
    """A QR code."""

    @strawberry.field(description="A complete `<svg>` element, to be put into a page as markup. Scales freely.")
    async def svg(self, info: Info, code: strawberry.Parent[results.QrCode]) -> str:
        """A drawing."""
        return await activation.svg(info.context, code)

    @strawberry.field(description="The same drawing as a `data:image/svg+xml` URI, for the source of an image.")
    async def svg_data_uri(self, info: Info, code: strawberry.Parent[results.QrCode]) -> str:
        """A drawing that is a URI."""
        return await activation.svg_data_uri(info.context, code)

    @strawberry.field(
        description=(
            "A bitmap as a `data:image/png` URI, for native apps that cannot draw SVG. Drawn only when selected."
        )
    )
    async def png_data_uri(
        self,
        info: Info,
        code: strawberry.Parent[results.QrCode],
        scale: Annotated[
            int,
            strawberry.argument(
                description=(
                    "How many pixels wide each little square is, from 1 to 20. Any other number gives the error "
                    "`BAD_USER_INPUT`, and the whole answer with it is lost."
                )
            ),
        ] = 8,
    ) -> str:
        """A PNG."""
        return await activation.png_data_uri(info.context, code, scale)


@maps_from(
    results.TwoFactorActivation,
    description=(
        "An activation that waits for the first OTP. The secret is shown this once and never again; a client that "
        "lost it starts over. It has no field `id`, so that a normalising cache drops it with the answer."
    ),
)
class TwoFactorActivation:
    """An activation that is under way."""

    activation_id: strawberry.ID = strawberry.field(
        description="Hand it to `confirmOtp`. It is good for this viewer alone, and no id for `node`."
    )
    key: str = strawberry.field(
        description=(
            "The secret as base32 without padding, for users who cannot scan. Show it in groups of four; the apps "
            "ignore spaces."
        )
    )
    otpauth_uri: str = strawberry.field(
        description=(
            "The `otpauth://totp/…` link that the QR code says: SHA-1, 6 digits, 30 seconds. On a phone, make it a "
            "link that opens the app."
        )
    )
    issuer: str = strawberry.field(
        description="The product's name, under which the app files the entry. Show it as a hint."
    )
    account_name: str = strawberry.field(description="The email of the user, by which the app tells entries apart.")
    qr_code: QrCode = strawberry.field(
        description="The same link to scan with another device, drawn in the form that you select."
    )
    expires_at: datetime = strawberry.field(
        description=(
            "When the activation ends unless it is finished, acknowledgement included: 10 minutes after it began."
        )
    )


@maps_from(
    results.BackupCodesIssued,
    description=(
        "The OTP was right. Let the user store these codes, and only then call `acknowledgeBackupCodes`: 2FA stays "
        "inactive until that. They are shown this once."
    ),
)
class BackupCodesIssued:
    """The backup codes of an activation, this once."""

    activation_id: strawberry.ID = strawberry.field(
        description="Hand it to `acknowledgeBackupCodes`; it is the one that `startTwoFactorActivation` gave."
    )
    codes: list[str] = strawberry.field(description=CODES_DESCRIPTION)
    file: TextFile = strawberry.field(description=FILE_DESCRIPTION)
    expires_at: datetime = strawberry.field(
        description="Until when the acknowledgement has to come, else the codes are void: 10 minutes after the start."
    )


@maps_from(
    results.TwoFactorActivated,
    description=(
        "From now on signing in takes a second factor. A letter tells the user, and every session of theirs but this "
        "one has ended."
    ),
)
class TwoFactorActivated:
    """2FA is active."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    two_factor: TwoFactor = strawberry.field(
        description="The viewer's 2FA with `state` ACTIVE. To update a cached viewer, select `viewer { id twoFactor }`."
    )


StartTwoFactorActivationResult: TypeAlias = Annotated[
    TwoFactorActivation | WrongPassword | TwoFactorAlreadyActive | TooManyAttempts,
    strawberry.union(
        "StartTwoFactorActivationResult",
        description="The beginning of an activation. Only `TwoFactorActivation` carries something to scan.",
    ),
]


ConfirmOtpResult: TypeAlias = Annotated[
    BackupCodesIssued | TwoFactorActivated | WrongOtp | ActivationExpired | TooManyAttempts,
    strawberry.union(
        "ConfirmOtpResult",
        description=(
            "The middle of an activation, and with backup codes off its end. Branch by the name, not by a feature "
            "flag: `BackupCodesIssued` leads to the page with the codes, `TwoFactorActivated` to the success page."
        ),
    ),
]


AcknowledgeBackupCodesResult: TypeAlias = Annotated[
    TwoFactorActivated | OtpNotConfirmed | ActivationExpired,
    strawberry.union(
        "AcknowledgeBackupCodesResult",
        description="The end of an activation. With anything but `TwoFactorActivated`, 2FA is still off.",
    ),
]


StartedActivation = Annotated[
    strawberry.ID, strawberry.argument(description="The `activationId` that `startTwoFactorActivation` answered with.")
]


Otp = Annotated[
    str,
    strawberry.argument(
        description=(
            "What the app shows for the new entry: six ASCII digits as text, leading zeros kept. Anything else is a "
            "`WrongOtp` that costs no attempt."
        )
    ),
]


ConfirmedActivation = Annotated[
    strawberry.ID,
    strawberry.argument(description=("The `activationId` of the activation whose backup codes were shown.")),
]


@strawberry.type
class ActivationQuery:
    """Read the authenticator apps."""

    @strawberry.field(
        description=(
            "The authenticator apps to recommend, in the order to show them. The same for everybody and readable "
            "without a session, so it may be cached for long."
        )
    )
    def authenticator_apps(self) -> list[AuthenticatorApp] | None:
        """The authenticator apps that users are pointed to."""
        return AUTHENTICATOR_APPS


@strawberry.type
class ActivationMutation:
    """Activate 2FA."""

    @strawberry.field(
        description=(
            "Begins an activation and shows its secret, for this answer only. An unfinished activation of the viewer "
            "is replaced; nothing else changes, and no letter is sent. Open also to users who have to set up 2FA."
        )
    )
    def start_two_factor_activation(self, info: Info, password: OwnPassword) -> StartTwoFactorActivationResult | None:
        """The first step of an activation."""
        return activation.start(info.context, password)

    @strawberry.field(
        description=(
            "Shows that the app is set up. With backup codes on it issues them, and 2FA waits for the "
            "acknowledgement; with backup codes off it activates 2FA right away, with all that `TwoFactorActivated` "
            "says. If the answer got lost, ask again: before the acknowledgement with a newer OTP, for codes that "
            "replace the first. 5 wrong OTPs end the activation and touch no other count."
        )
    )
    def confirm_otp(self, info: Info, activation_id: StartedActivation, otp: Otp) -> ConfirmOtpResult | None:
        """The second step of an activation."""
        return activation.confirm_otp(info.context, activation_id, otp)

    @strawberry.field(
        description=(
            "Says that the user has stored the backup codes, and activates 2FA: a letter tells of it, and the user's "
            "other sessions end. It costs no attempt. If the answer got lost, ask again: the answer is the same for "
            "as long as that activation is in force."
        )
    )
    def acknowledge_backup_codes(
        self, info: Info, activation_id: ConfirmedActivation
    ) -> AcknowledgeBackupCodesResult | None:
        """The last step of an activation."""
        return activation.acknowledge_backup_codes(info.context, activation_id)
