"""The state of a user's 2FA, and the second factors."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from enum import Enum

import strawberry

import accounts.entities
from models import SecondFactorMethod, UserEnforcement
from schema.info import Info
from schema.type_mapping import describe_enum, maps_from


@strawberry.enum(description="Whether a login requires a second factor.")
class TwoFactorState(Enum):
    """Whether 2FA is active."""

    INACTIVE = strawberry.enum_value(
        "INACTIVE",
        description="A login requires only email and password. An unfinished activation does not change this.",
    )
    ACTIVE = strawberry.enum_value(
        "ACTIVE",
        description="A login has two steps: `login` returns a challenge, and `verifyLogin` completes the login.",
    )


describe_enum(
    SecondFactorMethod,
    "The second factor that a user can enter at login besides the password. Each has its own attempt limit.",
    {
        SecondFactorMethod.OTP: "The six digits that the authenticator app shows now. Offer this factor first.",
        SecondFactorMethod.BACKUP_CODE: (
            "One of the codes that the user stored at activation, for the case that the device is lost. Each works "
            "once."
        ),
    },
)


describe_enum(
    UserEnforcement,
    "The rule of one user, beside that of the company account. An admin sets it with `setUserEnforcement`.",
    {
        UserEnforcement.AS_COMPANY: "The user has no rule of their own: `Company.enforcedFor` decides.",
        UserEnforcement.ENFORCED: "The user has to use 2FA, whatever the rule of the company account.",
        UserEnforcement.EXEMPT: "The rule of the company account does not apply until `TwoFactor.exemptUntil`.",
    },
)


@maps_from(
    accounts.entities.TwoFactor,
    description=(
        "The state of a user's 2FA, and the rules about it. It contains no secret: the mutations that "
        "create the key and the backup codes return them once."
    ),
)
class TwoFactor:
    """The state of a user's 2FA."""

    @strawberry.field(
        description="Whether a login requires a second factor. It becomes `ACTIVE` only when an activation is complete."
    )
    def state(self, two_factor: strawberry.Parent[accounts.entities.TwoFactor]) -> TwoFactorState:
        """Whether 2FA is active."""
        return TwoFactorState.ACTIVE if two_factor.is_active else TwoFactorState.INACTIVE

    @strawberry.field(
        description=(
            "Whether 2FA is required of this user now, by the rule of the company account or by their own. While true, "
            "`deactivateTwoFactor` returns `TwoFactorIsEnforced`, so hide its button."
        )
    )
    def enforced(self, info: Info, two_factor: strawberry.Parent[accounts.entities.TwoFactor]) -> bool:
        """Whether the user has to use 2FA."""
        return two_factor.is_enforced(info.context.services.now())

    @strawberry.field(
        description=(
            "True if 2FA is required and not active: show the activation page first. Until 2FA is active, the user "
            "can use only the activation, `logout`, `featureFlags`, `authenticatorApps` and the fields of `viewer` "
            "that cannot be null. Everything else gives the error `TWO_FACTOR_SETUP_REQUIRED`."
        )
    )
    def setup_required(self, info: Info, two_factor: strawberry.Parent[accounts.entities.TwoFactor]) -> bool:
        """Whether the user has to activate 2FA first."""
        return two_factor.is_setup_required(info.context.services.now())

    @strawberry.field(
        description=(
            "When 2FA will be required of this user, whose 2FA is inactive: show a banner with the date. The user gets "
            "emails about it 14 days, 7 days and 1 day before. Null if 2FA is active, if it is required already "
            "(`setupRequired`), and if no rule will require it."
        )
    )
    def setup_required_from(
        self, info: Info, two_factor: strawberry.Parent[accounts.entities.TwoFactor]
    ) -> datetime | None:
        """From when the user will have to activate 2FA."""
        return two_factor.setup_required_from(info.context.services.now())

    @strawberry.field(
        description=(
            "The rule of this user, beside that of the company account. When an exemption has ended, it is "
            "`AS_COMPANY`. What holds because of both rules is in `enforced` and `setupRequiredFrom`."
        )
    )
    def enforcement(
        self, info: Info, two_factor: strawberry.Parent[accounts.entities.TwoFactor]
    ) -> UserEnforcement | None:
        """The rule of the user."""
        return two_factor.rule.at(info.context.services.now()).enforcement

    @strawberry.field(description="The end of the exemption; null unless `enforcement` is `EXEMPT`.")
    def exempt_until(self, info: Info, two_factor: strawberry.Parent[accounts.entities.TwoFactor]) -> datetime | None:
        """The end of the exemption."""
        return two_factor.rule.at(info.context.services.now()).exempt_until

    activated_at: datetime | None = strawberry.field(
        description="When the current activation was completed; null while 2FA is inactive."
    )
    last_used_at: datetime | None = strawberry.field(
        description=(
            "When the server last accepted an OTP or a backup code at login; null if it accepted none since the "
            "activation."
        )
    )
    backup_codes_remaining: int | None = strawberry.field(
        description=(
            "Number of unused backup codes, from 0 to 10. If it is low, suggest `regenerateBackupCodes`. It is also 0 "
            "if backup codes were off when the user activated 2FA, and are on now: the user has none yet. Null while "
            "2FA is inactive or backup codes are off for the company account."
        )
    )
    voucher_needed: bool = strawberry.field(
        description=(
            "True if the user's 2FA was reset and `Company.resetsNeedVoucher` is true: `startTwoFactorActivation` then "
            "needs the voucher of the reset, so show a field for it. It stays true after the voucher has expired: then "
            "the user has to ask for another reset. False once 2FA is active."
        )
    )
