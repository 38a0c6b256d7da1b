"""The removal of 2FA by the user or by an admin."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import accounts.entities
import twofactor.removal
from accounts.permissions import Viewer
from resolvers import removal
from schema import ids
from schema.account_errors import UserNotFound
from schema.arguments import (
    ROTATED_DESCRIPTION,
    OwnPassword,
    RotateSession,
    SecondFactorOfChange,
    entered_second_factor,
    value_or_none,
)
from schema.fields import Access, mutation
from schema.info import Info
from schema.two_factor import TwoFactor
from schema.two_factor_errors import CannotResetOwnTwoFactor, TwoFactorIsEnforced, TwoFactorNotActive
from schema.type_mapping import maps_from
from schema.user_errors import (
    SecondFactorNeeded,
    TooManyAttempts,
    WrongPassword,
    WrongSecondFactor,
)
from schema.users import VIEWER_DESCRIPTION, User
from security.constants import REASON_MAX_LENGTH


@maps_from(
    twofactor.removal.TwoFactorDeactivated,
    description=(
        "A login requires only email and password again. The key and the backup codes are deleted, the user gets an "
        "email, and all their sessions except this one ended."
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
    session_token: str | None = strawberry.field(description=ROTATED_DESCRIPTION)


@maps_from(
    twofactor.removal.TwoFactorReset,
    description=(
        "An enabled user can log in with only email and password, and all their sessions ended. An email tells the "
        "user who reset their 2FA. If 2FA is enforced, they have to activate it again at their next login. The server "
        "returns the voucher once. The type has no field `id`, so that a normalising cache does not keep it."
    ),
)
class TwoFactorReset:
    """2FA of another user is inactive."""

    user: User = strawberry.field(description="The user whose 2FA was reset, with `twoFactor.state` INACTIVE.")
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    voucher: str | None = strawberry.field(
        description=(
            "The voucher that the user needs for `startTwoFactorActivation`: 10 letters and digits. Show it once, and "
            "ask the admin to hand it over in person or by phone, never by email. Null unless "
            "`Company.resetsNeedVoucher` is true."
        )
    )
    voucher_expires_at: datetime | None = strawberry.field(
        description="When the voucher expires, 24 hours after the reset. Null if `voucher` is null."
    )


DeactivateTwoFactorResult: TypeAlias = Annotated[
    TwoFactorDeactivated
    | WrongPassword
    | TwoFactorNotActive
    | TwoFactorIsEnforced
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "DeactivateTwoFactorResult",
        description="The viewer with inactive 2FA, or a user error. After a user error, 2FA is unchanged.",
    ),
]

AdminResetTwoFactorResult: TypeAlias = Annotated[
    TwoFactorReset
    | WrongPassword
    | UserNotFound
    | TwoFactorNotActive
    | CannotResetOwnTwoFactor
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "AdminResetTwoFactorResult",
        description=(
            "The other user with inactive 2FA, or a user error. `WrongPassword` refers to the admin's own password."
        ),
    ),
]

ResetUserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of the user who cannot log in. It must not be the admin's own id."),
]
Reason = Annotated[
    str | None,
    strawberry.argument(
        description=(
            f"The reason in the admin's words, at most {REASON_MAX_LENGTH} characters. Each line break is stored as "
            "`\\n` and each tab as a space, and white space around the text is removed. A longer text and other "
            "control characters give the error `BAD_USER_INPUT`. The audit log keeps the reason permanently, and the "
            "email to the user contains it."
        )
    ),
]


@strawberry.type
class RemovalMutation:
    """Remove 2FA."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Deactivates the viewer's own 2FA, permanently or to change to a new device. Deletes the key and the "
            "backup codes, ends the user's other sessions and sends an email. Not possible while the company account "
            "enforces 2FA."
        ),
    )
    def deactivate_two_factor(
        self,
        info: Info,
        viewer: Viewer,
        password: OwnPassword,
        rotate_session: RotateSession = False,  # noqa: FBT002  # GraphQL passes it by name
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> DeactivateTwoFactorResult | None:
        """Deactivate the viewer's own 2FA."""
        return removal.deactivate(
            info.context,
            viewer,
            password,
            rotate_session=rotate_session,
            second_factor=entered_second_factor(second_factor),
        )

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: deactivates 2FA for a user who lost their device and backup codes. Deletes their key and "
            "codes, ends all their sessions, removes locks and sends them an email. First make sure that the request "
            "really comes from the user. If `Company.resetsNeedVoucher` is true, it returns a voucher for the next "
            "activation. Until that is complete, call it again for a new voucher; the earlier one is invalid at once. "
            "Members get the error `FORBIDDEN`."
        ),
    )
    def admin_reset_two_factor(  # noqa: PLR0913, PLR0917  # the arguments of the mutation
        self,
        info: Info,
        viewer: Viewer,
        user_id: ResetUserId,
        password: OwnPassword,
        reason: Reason = strawberry.UNSET,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> AdminResetTwoFactorResult | None:
        """Reset the 2FA of another user."""
        user_key = ids.decode_as(accounts.entities.User, user_id)
        return twofactor.removal.reset_by_admin(
            info.context.services,
            info.context.client,
            viewer,
            user_key,
            password,
            value_or_none(reason),
            second_factor=entered_second_factor(second_factor),
        )
