"""The state of a user's 2FA."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from enum import Enum

import strawberry

from models import SecondFactorMethod
from schema.type_mapping import describe_enum, maps_from
from twofactor import results


@strawberry.enum(description="Whether signing in takes a second factor.")
class TwoFactorState(Enum):
    """Whether 2FA is on."""

    INACTIVE = strawberry.enum_value(
        "INACTIVE", description="Email and password alone open a session. An activation under way leaves it so."
    )
    ACTIVE = strawberry.enum_value(
        "ACTIVE",
        description=("Signing in takes two steps: `login` answers with a challenge, and `verifyLogin` finishes it."),
    )


describe_enum(
    SecondFactorMethod,
    "What the user can show at sign-in besides the password. Each has attempts of its own.",
    {
        SecondFactorMethod.OTP: "The six digits that the authenticator app shows at the moment. Offer this one first.",
        SecondFactorMethod.BACKUP_CODE: (
            "One of the codes that were stored at activation, for the day the device is lost. Using one spends it."
        ),
    },
)


@maps_from(
    results.TwoFactor,
    description=(
        "How far a user's 2FA has come, and what their company account demands of it. It holds no secret: the key and "
        "the backup codes are shown once, by the mutations that make them."
    ),
)
class TwoFactor:
    """Where a user's 2FA stands."""

    @strawberry.field(
        description="Whether signing in takes a second factor. It turns active only when an activation is finished."
    )
    def state(self, two_factor: strawberry.Parent[results.TwoFactor]) -> TwoFactorState:
        """Whether 2FA is on."""
        return TwoFactorState.ACTIVE if two_factor.is_active else TwoFactorState.INACTIVE

    enforced: bool = strawberry.field(
        description=(
            "Whether the company account demands 2FA. While true, `deactivateTwoFactor` answers "
            "`TwoFactorIsEnforced`, so hide its button."
        )
    )
    setup_required: bool = strawberry.field(
        description=(
            "True where 2FA is demanded and not active: lead the user straight into the activation. Until it is "
            "finished, everything but the activation, `logout`, `featureFlags`, `authenticatorApps` and the viewer's "
            "id, email, name, role, company and twoFactor gives the error `TWO_FACTOR_SETUP_REQUIRED`."
        )
    )
    activated_at: datetime | None = strawberry.field(
        description="When the present activation was finished; null while 2FA is inactive."
    )
    last_used_at: datetime | None = strawberry.field(
        description=(
            "When an OTP or a backup code was last accepted at sign-in; null where none has been since the activation."
        )
    )
    backup_codes_remaining: int | None = strawberry.field(
        description=(
            "How many backup codes are unused, 0 to 10. Suggest `regenerateBackupCodes` when it gets low. Null while "
            "2FA is inactive or the company account has backup codes off."
        )
    )
