"""The change of a password."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

import accounts.passwords
from accounts.permissions import Viewer
from resolvers import passwords
from schema.account_errors import PasswordTooWeak
from schema.arguments import ROTATED_DESCRIPTION, OwnPassword, RotateSession
from schema.fields import Access, mutation
from schema.info import Info
from schema.type_mapping import maps_from
from schema.user_errors import TooManyAttempts, WrongPassword
from schema.users import VIEWER_DESCRIPTION, User
from security.constants import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH


@maps_from(
    accounts.passwords.PasswordChanged,
    description=(
        "Only the new password works now. The user gets an email. All their sessions except this one and their "
        "unfinished logins and activations ended."
    ),
)
class PasswordChanged:
    """The new password works."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    session_token: str | None = strawberry.field(description=ROTATED_DESCRIPTION)


ChangePasswordResult: TypeAlias = Annotated[
    PasswordChanged | WrongPassword | PasswordTooWeak | TooManyAttempts,
    strawberry.union(
        "ChangePasswordResult",
        description=(
            "The viewer after the change, or a user error. `WrongPassword` refers to the current password, "
            "`PasswordTooWeak` to the new one."
        ),
    ),
]

NewPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            f"The new password, {PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH} characters in Unicode NFC. The server "
            "normalises it to this form and changes nothing else. Common passwords, and passwords "
            "made of the user's own name or email or of the names of the company account or the product, return "
            "`PasswordTooWeak`."
        )
    ),
]


@strawberry.type
class PasswordsMutation:
    """Change a password."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Sets a new password for the viewer. Ends their other sessions and their unfinished logins and "
            "activations, and sends an email. This session continues; in a cookie, with a new token."
        ),
    )
    def change_password(
        self,
        info: Info,
        viewer: Viewer,
        current_password: OwnPassword,
        new_password: NewPassword,
        rotate_session: RotateSession = False,  # noqa: FBT002  # GraphQL passes it by name
    ) -> ChangePasswordResult | None:
        """Set a new password."""
        return passwords.change_password(
            info.context, viewer, current_password, new_password, rotate_session=rotate_session
        )
