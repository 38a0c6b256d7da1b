"""The removal of 2FA, by the user or by an admin."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

from resolvers import removal
from schema import ids
from schema.arguments import OwnPassword, value_or_none
from schema.info import Info
from schema.two_factor import TwoFactor
from schema.type_mapping import maps_from
from schema.user_errors import (
    CannotResetOwnTwoFactor,
    TooManyAttempts,
    TwoFactorIsEnforced,
    TwoFactorNotActive,
    UserNotFound,
    WrongPassword,
)
from schema.users import VIEWER_DESCRIPTION, User
from twofactor import results
from twofactor.rules.policy import REASON_MAX_LENGTH


@maps_from(
    results.TwoFactorDeactivated,
    description=(
        "Email and password are enough again. Key and backup codes are deleted, a letter tells the user, and every "
        "session of theirs but this one has ended."
    ),
)
class TwoFactorDeactivated:
    """2FA is inactive."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    two_factor: TwoFactor = strawberry.field(
        description=(
            "The viewer's 2FA with `state` INACTIVE. To update a cached viewer, select `viewer { id twoFactor }`."
        )
    )


@maps_from(
    results.TwoFactorReset,
    description=(
        "The user can sign in with email and password alone, and all their sessions have ended. A letter tells them "
        "who did it. Where 2FA is enforced, they have to activate it again first thing."
    ),
)
class TwoFactorReset:
    """2FA of another user is inactive."""

    user: User = strawberry.field(description="The user who was helped, with `twoFactor.state` INACTIVE.")


DeactivateTwoFactorResult: TypeAlias = Annotated[
    TwoFactorDeactivated | WrongPassword | TwoFactorNotActive | TwoFactorIsEnforced | TooManyAttempts,
    strawberry.union(
        "DeactivateTwoFactorResult",
        description="Whether the viewer's 2FA is off. With any refusal it stands as it stood.",
    ),
]


AdminResetTwoFactorResult: TypeAlias = Annotated[
    TwoFactorReset | WrongPassword | UserNotFound | TwoFactorNotActive | CannotResetOwnTwoFactor | TooManyAttempts,
    strawberry.union(
        "AdminResetTwoFactorResult",
        description="Whether the other user's 2FA is off. `WrongPassword` speaks of the admin's own password.",
    ),
]


ResetUserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of the user who cannot sign in; any id but the admin's own."),
]


Reason = Annotated[
    str | None,
    strawberry.argument(
        description=(
            f"Why, in the admin's words, at most {REASON_MAX_LENGTH} characters without control characters; else the "
            "error `BAD_USER_INPUT`. It stands in the audit trail for good and in the letter to the user."
        )
    ),
]


@strawberry.type
class RemovalMutation:
    """Remove 2FA."""

    @strawberry.field(
        description=(
            "Switches the viewer's own 2FA off, for good or to move to a new device. Key and backup codes are "
            "deleted, the user's other sessions end, and a letter tells of it. Refused while the company account "
            "enforces 2FA."
        )
    )
    def deactivate_two_factor(self, info: Info, password: OwnPassword) -> DeactivateTwoFactorResult | None:
        """The end of the viewer's own 2FA."""
        return removal.deactivate(info.context, password)

    @strawberry.field(
        description=(
            "For admins: switches 2FA off for a user who has lost device and codes. Their key and codes are deleted, "
            "all their sessions end, locks are lifted, and a letter tells them. Make sure that it is really them who "
            "ask. Members get the error `FORBIDDEN`."
        )
    )
    def admin_reset_two_factor(
        self, info: Info, user_id: ResetUserId, password: OwnPassword, reason: Reason = strawberry.UNSET
    ) -> AdminResetTwoFactorResult | None:
        """The end of another user's 2FA."""
        return removal.reset_by_admin(
            info.context, ids.decode_as(results.User, user_id), password, value_or_none(reason)
        )
