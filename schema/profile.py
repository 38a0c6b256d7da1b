"""The change of one's own name and language."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

import accounts.profile
from accounts.permissions import Viewer
from schema.account_errors import InvalidName, UnsupportedLocale
from schema.arguments import value_or_none
from schema.fields import Access, mutation
from schema.info import Info
from schema.type_mapping import maps_from
from schema.users import VIEWER_DESCRIPTION, User
from security.constants import NAME_MAX_LENGTH


@maps_from(
    accounts.profile.ProfileUpdated,
    description=(
        "The viewer has the new name and language. Emails about what happens from now on are in this language."
    ),
)
class ProfileUpdated:
    """The new name and language are in force."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


UpdateProfileResult: TypeAlias = Annotated[
    ProfileUpdated | InvalidName | UnsupportedLocale,
    strawberry.union(
        "UpdateProfileResult",
        description="The viewer after the change, or a user error. After a user error, nothing was changed.",
    ),
]

NewName = Annotated[
    str | None,
    strawberry.argument(
        description=(
            f"The name as the user writes it, at most {NAME_MAX_LENGTH} characters. White space around it is removed. "
            "An invalid one returns `InvalidName`. If it is omitted or null, the name does not change."
        )
    ),
]
NewLocale = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The language of emails, as a BCP 47 tag such as `de` or `de-AT`. A language that emails do not have "
            "returns `UnsupportedLocale`. If it is omitted or null, the language does not change."
        )
    ),
]


@strawberry.type
class ProfileMutation:
    """Change the viewer's profile."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=False,
        description=(
            "Sets the viewer's name, the language of their emails, or both. It needs no password, and ends no session."
        ),
    )
    def update_profile(
        self,
        info: Info,
        viewer: Viewer,
        name: NewName = strawberry.UNSET,
        locale: NewLocale = strawberry.UNSET,
    ) -> UpdateProfileResult | None:
        """Set the viewer's name and language."""
        return accounts.profile.update_profile(
            info.context.services,
            info.context.client,
            viewer,
            name=value_or_none(name),
            locale=value_or_none(locale),
        )
