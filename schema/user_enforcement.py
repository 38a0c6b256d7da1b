"""The rule of one user, set by an admin."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.user_enforcement
from accounts.permissions import Viewer
from models import UserEnforcement
from schema import ids
from schema.account_errors import CannotChangeOwnAccount, UserNotFound
from schema.arguments import OwnPassword, SecondFactorOfChange, entered_second_factor, value_or_none
from schema.fields import Access, mutation
from schema.info import Info
from schema.type_mapping import maps_from
from schema.user_errors import SecondFactorNeeded, TooManyAttempts, WrongPassword, WrongSecondFactor
from schema.users import VIEWER_DESCRIPTION, User
from security.constants import EXEMPTION_MAX


@maps_from(
    accounts.user_enforcement.UserEnforcementChanged,
    description=(
        "The rule applies to the user from their next request. No session ends. An email tells an enabled user who "
        "changed it, and what they have to do. If nothing had to change, the result is the same, without an email."
    ),
)
class UserEnforcementChanged:
    """The rule of another user is in force."""

    user: User = strawberry.field(description="The user. `twoFactor` says what holds for them now.")
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


SetUserEnforcementResult: TypeAlias = Annotated[
    UserEnforcementChanged
    | WrongPassword
    | UserNotFound
    | CannotChangeOwnAccount
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "SetUserEnforcementResult",
        description=(
            "The other user with the new rule, or a user error. After a user error, the rule is unchanged. "
            "`WrongPassword` refers to the admin's own password."
        ),
    ),
]

ChangedUserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of the user. It must not be the admin's own id."),
]
NewEnforcement = Annotated[UserEnforcement, strawberry.argument(description="The rule of the user from now on.")]
ExemptUntil = Annotated[
    datetime | None,
    strawberry.argument(
        description=(
            f"The end of the exemption, in the future and at most {EXEMPTION_MAX.days} days from now; a fraction of a "
            "second is cut off. Send it with `EXEMPT` only. Otherwise the error is `BAD_USER_INPUT`."
        )
    ),
]


@strawberry.type
class UserEnforcementMutation:
    """Set the rule of one user."""

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: requires 2FA of one user, exempts them for some time, or lets the rule of the company account "
            "decide again. Ends no session. For the admin's own account it returns `CannotChangeOwnAccount`. Members "
            "get the error `FORBIDDEN`."
        ),
    )
    def set_user_enforcement(  # noqa: PLR0913, PLR0917  # the arguments of the mutation
        self,
        info: Info,
        viewer: Viewer,
        user_id: ChangedUserId,
        password: OwnPassword,
        enforcement: NewEnforcement,
        exempt_until: ExemptUntil = strawberry.UNSET,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> SetUserEnforcementResult | None:
        """Set the rule of another user."""
        return accounts.user_enforcement.set_user_enforcement(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(accounts.entities.User, user_id),
            password,
            enforcement,
            value_or_none(exempt_until),
            second_factor=entered_second_factor(second_factor),
        )
