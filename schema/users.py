"""Users and what happened to them, with their pages: types that refer to each other, hence in one file."""

# A field is declared with its GraphQL type, and its resolver gives the facts that this type claims (`schema.twins`).
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime

import strawberry

from models import Role, SecurityEventKind
from resolvers import account, directory
from schema import types
from schema.info import Info
from schema.inputs import After, First, given
from schema.twins import twin_of
from twofactor import results


@twin_of(
    results.User,
    description=(
        "A person who can sign in. Users see everything of themselves, and admins everything of the users of their "
        "company account but the sessions. Whoever meets another user elsewhere, say as the actor of an event, may "
        "ask for `id`, `email`, `name`, `role` and `company`; `twoFactor`, `locale`, `createdAt` and `lastLoginAt` "
        "then give the error `FORBIDDEN`."
    ),
)
class User(types.Node):
    """A person with an account."""

    email: str = strawberry.field(
        description="The address that the user signs in with and that letters go to. No two users share one."
    )
    name: str = strawberry.field(description="The name to show, as the user writes it. At most 200 characters.")
    role: Role = strawberry.field(
        description="Whether to offer the admin pages. Every request is checked again anyway."
    )
    company: types.Company = strawberry.field(description="The company account whose rules hold for the user.")

    @strawberry.field(
        description=(
            "The user's 2FA as it is now. Select it with the `id` in the answers of mutations, so that caches and "
            "screens follow."
        )
    )
    def two_factor(self, info: Info, user: strawberry.Parent[results.User]) -> types.TwoFactor:
        """Where the user's 2FA stands."""
        return account.two_factor(info.context, user)

    @strawberry.field(
        description=(
            "The language that letters to the user are written in, as a BCP 47 tag such as `de`. It is what the "
            "`Accept-Language` of the user's first sign-in asked for; `en` until there was one."
        )
    )
    def locale(self, info: Info, user: strawberry.Parent[results.User]) -> str:
        """The language of letters to the user."""
        return account.locale(info.context, user)

    @strawberry.field(description="When the account was made, by the operator of the service.")
    def created_at(self, info: Info, user: strawberry.Parent[results.User]) -> datetime:
        """When the account was made."""
        return account.created_at(info.context, user)

    @strawberry.field(description="When a sign-in of the user was last completed; null where none ever was.")
    def last_login_at(self, info: Info, user: strawberry.Parent[results.User]) -> datetime | None:
        """When the user last signed in."""
        return account.last_login_at(info.context, user)

    @strawberry.field(
        description=(
            "Where the viewer is signed in, this session included. Sessions are their user's own business: for any "
            "user but the viewer the list is empty, for admins too."
        )
    )
    def sessions(self, info: Info, user: strawberry.Parent[results.User]) -> list[types.Session]:
        """The viewer's own sessions."""
        return account.sessions(info.context, user)

    @strawberry.field(
        description=(
            "The user's own audit trail, the latest first: for the page where people check what happened to their "
            "account. Null for whoever is neither the user nor one of their admins."
        )
    )
    def security_events(
        self, info: Info, user: strawberry.Parent[results.User], first: First = 25, after: After = strawberry.UNSET
    ) -> "SecurityEventConnection | None":
        """What happened to sign-in and 2FA of this user."""
        return account.security_events(info.context, user, first, given(after))


@twin_of(
    results.SecurityEvent,
    description=(
        "An entry of the audit trail on sign-in and 2FA. Entries are written together with what they tell of, and no "
        "request changes or removes one."
    ),
)
class SecurityEvent(types.Node):
    """Something that happened to sign-in or 2FA."""

    kind: SecurityEventKind = strawberry.field(description="What happened. Be ready for kinds that are added later.")
    occurred_at: datetime = strawberry.field(description="When it happened, by the clock of the server.")
    user: User | None = strawberry.field(
        description="Whose account it happened to; null where that account was deleted, or never existed."
    )
    actor: User | None = strawberry.field(
        description=(
            "Who did it, where that was not the user: the admin of a reset, for one. Null where it was the user, the "
            "operator of the service, or an account that was deleted."
        )
    )
    ip_address: str | None = strawberry.field(
        description="The address that the request came from, IPv4 or IPv6; null where there was no request."
    )
    user_agent: str | None = strawberry.field(
        description="What the client called itself, at most 500 characters. Written by strangers at times: escape it."
    )
    note: str | None = strawberry.field(
        description=(
            "A remark for people, at most 500 characters: the admin's reason for a reset, or what exactly changed. It "
            "never holds a password, code or token. Escape it."
        )
    )


@twin_of(
    results.Edge,
    description="A user at their place in the list. Ask for it where you need cursors within a page, else for `nodes`.",
)
class UserEdge:
    """A user in a page."""

    cursor: str = strawberry.field(description="As `after`, it begins the next page behind this user.")
    node: User = strawberry.field(description="The user at this place, as they are now.")


@twin_of(
    directory.UserPage,
    description=(
        "A stretch of the admin's list of users. Users who come or go while you turn pages neither repeat nor hide "
        "others."
    ),
)
class UserConnection:
    """A page of users."""

    edges: list[UserEdge] = strawberry.field(description="The users of the page, each with the cursor of its place.")
    nodes: list[User] = strawberry.field(description="The users of the page alone, for those who need no cursors.")
    page_info: types.PageInfo = strawberry.field(description="Whether the list goes on, and from which cursor.")

    @strawberry.field(
        description=(
            "How many users match the filter over all pages. Counted only when selected, which costs a query of its "
            "own: ask once, not with every page."
        )
    )
    def total_count(self, info: Info, page: strawberry.Parent[directory.UserPage]) -> int:
        """How many users match in all."""
        return directory.total_count(info.context, page)


@twin_of(
    results.Edge,
    description="An event at its place in the list. Ask for it where you need cursors within a page, else for `nodes`.",
)
class SecurityEventEdge:
    """An event in a page."""

    cursor: str = strawberry.field(description="As `after`, it begins the next page behind this event.")
    node: SecurityEvent = strawberry.field(description="The event at this place. It never changes.")


@twin_of(
    results.Page,
    description=(
        "A stretch of an audit trail, the latest first. Events that come meanwhile stand before the first page."
    ),
)
class SecurityEventConnection:
    """A page of events."""

    edges: list[SecurityEventEdge] = strawberry.field(description="The events of the page, each with its cursor.")
    nodes: list[SecurityEvent] = strawberry.field(description="The events of the page alone, without their cursors.")
    page_info: types.PageInfo = strawberry.field(description="Whether the trail goes on, and from which cursor.")
