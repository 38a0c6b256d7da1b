"""The changes of an admin to the account of a user: unlock, disable, enable, and set the role."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

import accounts.admin_changes
import accounts.entities
from accounts.permissions import Viewer
from models import Role
from schema import ids
from schema.account_errors import CannotChangeOwnAccount, LastAdmin, UserNotFound
from schema.arguments import OwnPassword, SecondFactorOfChange, entered_second_factor
from schema.fields import Access, mutation
from schema.info import Info
from schema.type_mapping import maps_from
from schema.user_errors import SecondFactorNeeded, TooManyAttempts, WrongPassword, WrongSecondFactor
from schema.users import VIEWER_DESCRIPTION, User

_SAME_IF_UNCHANGED = "The result is the same if it was so before; then there is no email."


@maps_from(
    accounts.admin_changes.UserUnlocked,
    description=(
        "Logins of the user no longer have to wait, and no second factor is locked. An email tells an enabled user who "
        f"did it. {_SAME_IF_UNCHANGED}"
    ),
)
class UserUnlocked:
    """Logins of the user do not wait."""

    user: User = strawberry.field(
        description="The user. `lockedUntil` is null and `lockedSecondFactors` is empty, unless more attempts failed."
    )
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


@maps_from(
    accounts.admin_changes.UserDisabled,
    description=(
        "The user cannot log in. All their sessions, known devices, unfinished logins and activations ended. Their "
        f"password and 2FA did not change. An email tells the user who did it. {_SAME_IF_UNCHANGED}"
    ),
)
class UserDisabled:
    """The user cannot log in."""

    user: User = strawberry.field(description="The user, whose `enabled` is false.")
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


@maps_from(
    accounts.admin_changes.UserEnabled,
    description=(
        "The user can log in again, with the same password and the same 2FA. An email tells the user who did it. "
        f"{_SAME_IF_UNCHANGED}"
    ),
)
class UserEnabled:
    """The user can log in again."""

    user: User = strawberry.field(description="The user, whose `enabled` is true.")
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


@maps_from(
    accounts.admin_changes.UserRoleSet,
    description=(
        "The role applies from the next request of the user. Their sessions continue; unfinished logins and "
        f"activations ended. An email tells an enabled user who did it. {_SAME_IF_UNCHANGED}"
    ),
)
class UserRoleSet:
    """The user has the role."""

    user: User = strawberry.field(
        description="The user with the role. If 2FA is enforced for admins, select `twoFactor { enforced }` too."
    )
    viewer: User = strawberry.field(
        description=(
            "The admin who changed the role. Select `id` and `role`: whoever gives up their own role can no longer "
            "open the admin pages."
        )
    )


UnlockUserResult: TypeAlias = Annotated[
    UserUnlocked
    | WrongPassword
    | UserNotFound
    | CannotChangeOwnAccount
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "UnlockUserResult",
        description=(
            "The user, whose logins do not wait, or a user error. `WrongPassword` refers to the admin's own password."
        ),
    ),
]

DisableUserResult: TypeAlias = Annotated[
    UserDisabled
    | WrongPassword
    | UserNotFound
    | CannotChangeOwnAccount
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "DisableUserResult",
        description="The disabled user, or a user error. `WrongPassword` refers to the admin's own password.",
    ),
]

EnableUserResult: TypeAlias = Annotated[
    UserEnabled | WrongPassword | UserNotFound | TooManyAttempts | SecondFactorNeeded | WrongSecondFactor,
    strawberry.union(
        "EnableUserResult",
        description="The enabled user, or a user error. `WrongPassword` refers to the admin's own password.",
    ),
]

SetUserRoleResult: TypeAlias = Annotated[
    UserRoleSet | WrongPassword | UserNotFound | LastAdmin | TooManyAttempts | SecondFactorNeeded | WrongSecondFactor,
    strawberry.union(
        "SetUserRoleResult",
        description="The user with the role, or a user error. `WrongPassword` refers to the admin's own password.",
    ),
]

OtherUserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of a user of the company account. It must not be the admin's own id."),
]
ChangedUserId = Annotated[strawberry.ID, strawberry.argument(description="The `id` of a user of the company account.")]
NewRole = Annotated[Role, strawberry.argument(description="The role that the user shall have.")]


@strawberry.type
class AdminChangesMutation:
    """Change the account of a user."""

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: ends the waits and locks after failed logins of another user, which `lockedUntil` and "
            "`lockedSecondFactors` show, and sends an enabled user an email. First make sure that the request really "
            "comes from the user: whoever knows the password can then try second factors again. Does not end the wait "
            "of an IP address, and changes nothing of known devices and live sessions. Members get the error "
            "`FORBIDDEN`."
        ),
    )
    def unlock_user(
        self,
        info: Info,
        viewer: Viewer,
        user_id: OtherUserId,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> UnlockUserResult | None:
        """End the waits and locks after failed logins."""
        return accounts.admin_changes.unlock_by_admin(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(accounts.entities.User, user_id),
            password,
            second_factor=entered_second_factor(second_factor),
        )

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: disables another user, for example one who left the company, so that they cannot log in. Ends "
            "all their sessions, known devices, unfinished logins and activations, and sends them an email. "
            "`enableUser` undoes it. Members get the error `FORBIDDEN`."
        ),
    )
    def disable_user(
        self,
        info: Info,
        viewer: Viewer,
        user_id: OtherUserId,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> DisableUserResult | None:
        """Disable another user."""
        return accounts.admin_changes.disable_by_admin(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(accounts.entities.User, user_id),
            password,
            second_factor=entered_second_factor(second_factor),
        )

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: enables a disabled user, who can then log in with the same password and the same 2FA, and "
            "sends them an email. Members get the error `FORBIDDEN`."
        ),
    )
    def enable_user(
        self,
        info: Info,
        viewer: Viewer,
        user_id: ChangedUserId,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> EnableUserResult | None:
        """Enable a disabled user."""
        return accounts.admin_changes.enable_by_admin(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(accounts.entities.User, user_id),
            password,
            second_factor=entered_second_factor(second_factor),
        )

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: makes a user an admin or a member, from their next request on, and sends an enabled user an "
            "email. Ends their unfinished logins and activations, but no session. Admins can give up their own role "
            "while there is another enabled admin. Members get the error `FORBIDDEN`."
        ),
    )
    def set_user_role(  # noqa: PLR0913, PLR0917  # the arguments of the mutation
        self,
        info: Info,
        viewer: Viewer,
        user_id: ChangedUserId,
        role: NewRole,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> SetUserRoleResult | None:
        """Set the role of a user."""
        return accounts.admin_changes.set_role_by_admin(
            info.context.services,
            info.context.client,
            viewer,
            ids.decode_as(accounts.entities.User, user_id),
            role,
            password,
            second_factor=entered_second_factor(second_factor),
        )
