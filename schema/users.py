"""Users, and the list of users for admins."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from models import Role
from resolvers import events, sessions, users
from resolvers.users import UserPage
from schema import ids
from schema.arguments import value_or_none
from schema.info import Info
from schema.nodes import Node
from schema.pagination import After, First, PageInfo
from schema.security_policy import Company
from schema.two_factor import TwoFactor, TwoFactorState
from schema.type_mapping import describe_enum, maps_from
from twofactor import results
from twofactor.directory import UserOrder, UserQuery

if TYPE_CHECKING:
    from schema.events import SecurityEventConnection
    from schema.sessions import Session

# Types that refer to `User` themselves.
SessionRef: TypeAlias = Annotated["Session", strawberry.lazy("schema.sessions")]
SecurityEventConnectionRef: TypeAlias = Annotated["SecurityEventConnection", strawberry.lazy("schema.events")]

VIEWER_DESCRIPTION = (
    "The viewer as they are now. Select its `id` and what your screens show, so that a cache updates them."
)


describe_enum(
    Role,
    "What a user may do within their company account.",
    {
        Role.MEMBER: "Signs in, and looks after their own sessions, password and 2FA.",
        Role.ADMIN: (
            "All that a member may do. Also lists the users and security events of the company account, resets the 2FA "
            "of other users and sets the security policy."
        ),
    },
)


describe_enum(
    UserOrder,
    "How a list of users is sorted. A cursor is good only in the order that it was given in.",
    {
        UserOrder.NEWEST_FIRST: "By `createdAt`, the latest account at the top.",
        UserOrder.NAME: "By `name` from A to Z, capitals and small letters alike.",
        UserOrder.LAST_LOGIN: "By `lastLoginAt`: those who never signed in at the top, then the longest absent.",
    },
)


@maps_from(
    results.User,
    description=(
        "A person who can sign in. Users see everything of themselves, and admins everything of the users of their "
        "company account but the sessions. Whoever meets another user elsewhere, say as the actor of an event, may "
        "ask for `id`, `email`, `name`, `role` and `company`; `twoFactor`, `locale`, `createdAt` and `lastLoginAt` "
        "then give the error `FORBIDDEN`."
    ),
)
class User(Node):
    """A person with an account."""

    email: str = strawberry.field(
        description="The address that the user signs in with and that letters go to. No two users share one."
    )
    name: str = strawberry.field(description="The name to show, as the user writes it. At most 200 characters.")
    role: Role = strawberry.field(
        description="Whether to offer the admin pages. Every request is checked again anyway."
    )
    company: Company = strawberry.field(description="The company account whose rules hold for the user.")

    @strawberry.field(
        description=(
            "The user's 2FA as it is now. Select it with the `id` in the answers of mutations, so that caches and "
            "screens follow."
        )
    )
    def two_factor(self, info: Info, user: strawberry.Parent[results.User]) -> TwoFactor:
        """Where the user's 2FA stands."""
        return users.two_factor(info.context, user)

    @strawberry.field(
        description=(
            "The language that letters to the user are written in, as a BCP 47 tag such as `de`. It is what the "
            "`Accept-Language` of the user's first sign-in asked for; `en` until there was one."
        )
    )
    def locale(self, info: Info, user: strawberry.Parent[results.User]) -> str:
        """The language of letters to the user."""
        return users.locale(info.context, user)

    @strawberry.field(description="When the account was made, by the operator of the service.")
    def created_at(self, info: Info, user: strawberry.Parent[results.User]) -> datetime:
        """When the account was made."""
        return users.created_at(info.context, user)

    @strawberry.field(description="When a sign-in of the user was last completed; null where none ever was.")
    def last_login_at(self, info: Info, user: strawberry.Parent[results.User]) -> datetime | None:
        """When the user last signed in."""
        return users.last_login_at(info.context, user)

    @strawberry.field(
        description=(
            "Where the viewer is signed in, this session included. Sessions are their user's own business: for any "
            "user but the viewer the list is empty, for admins too."
        )
    )
    def sessions(self, info: Info, user: strawberry.Parent[results.User]) -> list[SessionRef]:
        """The viewer's own sessions."""
        return sessions.list_sessions(info.context, user)

    @strawberry.field(
        description=(
            "The user's own audit trail, the latest first: for the page where people check what happened to their "
            "account. Null for whoever is neither the user nor one of their admins."
        )
    )
    def security_events(
        self, info: Info, user: strawberry.Parent[results.User], first: First = 25, after: After = strawberry.UNSET
    ) -> SecurityEventConnectionRef | None:
        """What happened to sign-in and 2FA of this user."""
        return events.security_events_of_user(info.context, user, first, value_or_none(after))


@maps_from(
    results.Edge,
    description="A user at their place in the list. Ask for it where you need cursors within a page, else for `nodes`.",
)
class UserEdge:
    """A user in a page."""

    cursor: str = strawberry.field(description="As `after`, it begins the next page behind this user.")
    node: User = strawberry.field(description="The user at this place, as they are now.")


@maps_from(
    UserPage,
    description=(
        "A stretch of the admin's list of users. Users who come or go while you turn pages neither repeat nor hide "
        "others."
    ),
)
class UserConnection:
    """A page of users."""

    edges: list[UserEdge] = strawberry.field(description="The users of the page, each with the cursor of its place.")
    nodes: list[User] = strawberry.field(description="The users of the page alone, for those who need no cursors.")
    page_info: PageInfo = strawberry.field(description="Whether the list goes on, and from which cursor.")

    @strawberry.field(
        description=(
            "How many users match the filter over all pages. Counted only when selected, which costs a query of its "
            "own: ask once, not with every page."
        )
    )
    def total_count(self, info: Info, page: strawberry.Parent[UserPage]) -> int:
        """How many users match in all."""
        return users.total_count(info.context, page)


@strawberry.input(
    description="Narrows the list of users. Parts that are left out or null narrow nothing; all others must hold."
)
class UserFilter:
    """Which users to list."""

    search: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Finds a text anywhere in the name or the email, capitals and small letters alike. At most 200 characters, "
            "else the error `BAD_USER_INPUT`."
        ),
    )
    role: Role | None = strawberry.field(
        default=strawberry.UNSET, description=("Only users with this role: `ADMIN` finds whom members can turn to.")
    )
    two_factor: TwoFactorState | None = strawberry.field(
        default=strawberry.UNSET, description="Only users whose 2FA is in this state: `INACTIVE` finds whom to remind."
    )
    backup_codes_remaining_at_most: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Only users with 2FA active who have this many unused backup codes or fewer: 0 finds those who have none "
            "left."
        ),
    )


def user_query(first: int, after: str | None, order: UserOrder, wanted: UserFilter | None) -> UserQuery:
    """Say in the directory's words which users to list."""
    wanted = value_or_none(wanted) or UserFilter()
    state = value_or_none(wanted.two_factor)
    return UserQuery(
        first=first,
        after=value_or_none(after),
        search=value_or_none(wanted.search),
        role=value_or_none(wanted.role),
        is_active=None if state is None else state is TwoFactorState.ACTIVE,
        backup_codes_remaining_at_most=value_or_none(wanted.backup_codes_remaining_at_most),
        order=order,
    )


UserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of a user of the company account, as lists and events give it."),
]


WantedUsers = Annotated[
    UserFilter | None,
    strawberry.argument(description="Which users to list; left out or null, all of the company account."),
]


Order = Annotated[
    UserOrder,
    strawberry.argument(description="How to sort them. Begin again at the first page when you change it."),
]


@strawberry.type
class UsersQuery:
    """Read the users of a company account."""

    @strawberry.field(
        description=(
            "For admins: one user of their company account, for the page about that user. Null for any other id, "
            "those of other company accounts included. Members get the error `FORBIDDEN`."
        )
    )
    def user(self, info: Info, id: UserId) -> User | None:  # noqa: A002  # the contract's name
        """A user of the admin's company account."""
        return users.user(info.context, ids.decode_as(results.User, id))

    @strawberry.field(
        description=(
            "For admins: the users of their company account, page by page. Disabled users are listed too. Members get "
            "the error `FORBIDDEN`."
        )
    )
    def users(
        self,
        info: Info,
        first: First = 25,
        after: After = strawberry.UNSET,
        filter: WantedUsers = strawberry.UNSET,  # noqa: A002  # the contract's name
        order_by: Order = UserOrder.NEWEST_FIRST,
    ) -> UserConnection | None:
        """The users of the admin's company account."""
        return users.users(info.context, user_query(first, after, order_by, filter))
