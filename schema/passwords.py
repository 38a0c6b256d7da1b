"""The change of a password."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

from resolvers import passwords
from schema.arguments import OwnPassword
from schema.info import Info
from schema.type_mapping import maps_from
from schema.user_errors import PasswordTooWeak, TooManyAttempts, WrongPassword
from schema.users import VIEWER_DESCRIPTION, User
from twofactor import results
from twofactor.rules.policy import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH


@maps_from(
    results.PasswordChanged,
    description=(
        "Only the new password works. A letter tells the user, and every session of theirs but this one has ended, as "
        "has any sign-in or activation that was half done."
    ),
)
class PasswordChanged:
    """The new password is in force."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


ChangePasswordResult: TypeAlias = Annotated[
    PasswordChanged | WrongPassword | PasswordTooWeak | TooManyAttempts,
    strawberry.union(
        "ChangePasswordResult",
        description=(
            "Which password holds now. `WrongPassword` speaks of the current one, `PasswordTooWeak` of the new one."
        ),
    ),
]


NewPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            f"What is to hold from now on, {PASSWORD_MIN_LENGTH} to {PASSWORD_MAX_LENGTH} characters, taken as it is. "
            "Common ones and those made of the user's own name or email are refused."
        )
    ),
]


@strawberry.type
class PasswordsMutation:
    """Change a password."""

    @strawberry.field(
        description=(
            "Sets a new password for the viewer. Their other sessions and half-done sign-ins and activations end, and "
            "a letter tells of it; this session and 2FA stay."
        )
    )
    def change_password(
        self, info: Info, current_password: OwnPassword, new_password: NewPassword
    ) -> ChangePasswordResult | None:
        """A new password."""
        return passwords.change(info.context, current_password, new_password)
