"""Users, and the list of users for admins."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.pagination
from accounts.directory import UserOrder
from accounts.permissions import Viewer
from models import Role, SecondFactorMethod
from resolvers import events, sessions, users
from resolvers.users import UserPage
from schema import ids
from schema.arguments import value_or_none
from schema.costs import ATTEMPT_COUNTS_COST, COUNT_COST, PLAIN_ROW_COST, READ_COST, USER_ROW_COST
from schema.fields import Access, query
from schema.info import Info
from schema.nodes import Node
from schema.pagination import After, First, PageInfo
from schema.security_policy import Company
from schema.two_factor import TwoFactor
from schema.type_mapping import maps_from
from schema.user_filter import FilterOfUsers, Order, user_query
from security.constants import AUTHENTICATORS_PER_USER, KNOWN_DEVICES_PER_USER, SESSIONS_PER_USER

if TYPE_CHECKING:
    from schema.authenticators import Authenticator
    from schema.events import SecurityEventConnection
    from schema.known_devices import KnownDevice
    from schema.sessions import Session

# These modules import `User`, so this module cannot import them at run time.
AuthenticatorRef: TypeAlias = Annotated["Authenticator", strawberry.lazy("schema.authenticators")]
KnownDeviceRef: TypeAlias = Annotated["KnownDevice", strawberry.lazy("schema.known_devices")]
SessionRef: TypeAlias = Annotated["Session", strawberry.lazy("schema.sessions")]
SecurityEventConnectionRef: TypeAlias = Annotated["SecurityEventConnection", strawberry.lazy("schema.events")]

# Of the field `viewer` in the results of mutations.
VIEWER_DESCRIPTION = (
    "The viewer after the change. Select its `id` and the fields that your pages show, so that a cache updates them."
)


@maps_from(
    accounts.entities.User,
    description=(
        "A person who can log in. Users see all their own fields. Admins see all fields of the users of their company "
        "account except sessions and devices. Other viewers, for example of the actor of an event, see only `id`, "
        "`email`, `name`, `role` and `company`; for them `twoFactor`, `locale`, `createdAt`, `lastLoginAt`, `enabled`, "
        "`lockedUntil`, `lockedSecondFactors`, `sessionCount` and `deviceCount` give the error `FORBIDDEN`."
    ),
)
class User(Node):
    """A person with an account."""

    email: str = strawberry.field(
        description=(
            "The email address for login, which also receives the emails, in the spelling in which it was entered. "
            "Each address belongs to one user. Upper and lower case, and both forms of an internationalised domain, "
            "are one address."
        )
    )
    name: str = strawberry.field(description="The name to show, as the user writes it, at most 200 characters.")
    role: Role = strawberry.field(
        description="Decides whether to show the admin pages. The server checks the role of every request anyway."
    )
    company: Company = strawberry.field(description="The company account whose rules apply to the user.")

    @strawberry.field(
        description=(
            "The current state of the user's 2FA. Select it with the `id` in the results of mutations, so that caches "
            "and pages are updated."
        )
    )
    def two_factor(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> TwoFactor:
        """The state of the user's 2FA."""
        return users.two_factor(info.context, user)

    @strawberry.field(
        description=(
            "The language of emails to the user and of their file of backup codes, as a BCP 47 tag such as `de`. The "
            "user sets it with `updateProfile`. If nobody has set it, the next login sets it whose `Accept-Language` "
            "header asks for a language that emails have. Before that it is `en`."
        )
    )
    def locale(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> str:
        """The language of emails to the user."""
        return users.locale(info.context, user)

    @strawberry.field(description="When the operator of the service created the account.")
    def created_at(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> datetime:
        """When the account was created."""
        return users.created_at(info.context, user)

    @strawberry.field(description="When the user last completed a login; null if they never did.")
    def last_login_at(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> datetime | None:
        """When the user last logged in."""
        return users.last_login_at(info.context, user)

    @strawberry.field(
        description=(
            "False if an admin or the operator of the service has disabled the user, who then cannot log in and has no "
            "sessions. Mark these users in lists."
        )
    )
    def enabled(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> bool | None:
        """Whether the user can log in."""
        return users.is_enabled(info.context, user)

    @strawberry.field(
        description=(
            "Until when logins from unknown devices have to wait, after failed attempts at the password or at a second "
            "factor; null if they do not. If several waits run, it is the end of the last one. Known devices and live "
            "sessions do not wait with them."
        ),
        metadata={"cost": ATTEMPT_COUNTS_COST},
    )
    def locked_until(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> datetime | None:
        """Until when strangers have to wait."""
        return users.locked_until(info.context, user)

    @strawberry.field(
        description=(
            "The second factors that the server no longer checks for logins from unknown devices, since they return "
            "`SecondFactorLocked`. Waiting does not help: the user can log in with another second factor or on a "
            "known device, and an admin can unlock the user or reset their 2FA. Usually the list is empty."
        ),
        metadata={"cost": ATTEMPT_COUNTS_COST},
    )
    def locked_second_factors(
        self, info: Info, user: strawberry.Parent[accounts.entities.User]
    ) -> list[SecondFactorMethod] | None:
        """The second factors that are locked for strangers."""
        return users.locked_second_factors(info.context, user)

    @strawberry.field(
        description=(
            "Number of live sessions of the user: on how many devices and in how many browsers they are logged in. "
            "Admins see only the number, and can end all of them with `endUserSessions`."
        ),
        metadata={"cost": COUNT_COST},
    )
    def session_count(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> int | None:
        """The number of live sessions."""
        return users.session_count(info.context, user)

    @strawberry.field(
        description="Number of known devices of the user, as in `devices`. Admins see only the number.",
        metadata={"cost": COUNT_COST},
    )
    def device_count(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> int | None:
        """The number of known devices."""
        return users.device_count(info.context, user)

    @strawberry.field(
        description=(
            "The viewer's known devices, the most recently used first: browsers, and apps that asked for "
            "`rememberDevice`, on which the user completed a login within 90 days. Only the user can see them: for "
            "any other user the list is empty, also for admins. A user has at most 20."
        ),
        metadata={"max_items": KNOWN_DEVICES_PER_USER},
    )
    def devices(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> list[KnownDeviceRef] | None:
        """The viewer's own known devices."""
        return sessions.list_devices(info.context, user)

    @strawberry.field(
        description=(
            "The authenticators whose OTPs are accepted, the oldest first; none while 2FA is inactive. Null, beside "
            "the error `FORBIDDEN`, if the viewer is neither this user nor one of their admins. A user has at most 5 "
            "authenticators."
        ),
        metadata={"max_items": AUTHENTICATORS_PER_USER},
    )
    def authenticators(
        self, info: Info, user: strawberry.Parent[accounts.entities.User]
    ) -> list[AuthenticatorRef] | None:
        """The user's authenticators."""
        return users.authenticators(info.context, user)

    @strawberry.field(
        description=(
            "The viewer's live sessions, including the session of this request. Only the user can see them: for any "
            "other user the list is empty, also for admins. A user has at most 100 sessions. If the server cannot read "
            "it after a mutation, it has only the current session, beside the error `SERVICE_UNAVAILABLE`."
        ),
        metadata={"max_items": SESSIONS_PER_USER},
    )
    def sessions(self, info: Info, user: strawberry.Parent[accounts.entities.User]) -> list[SessionRef]:
        """The viewer's own sessions."""
        return sessions.list_sessions(info, user)

    @strawberry.field(
        description=(
            "The user's own audit events, newest first, for a page on which users check what happened to their "
            "account. Null if the viewer is neither this user nor one of their admins."
        ),
        metadata={"item_cost": PLAIN_ROW_COST},
    )
    def security_events(
        self,
        info: Info,
        user: strawberry.Parent[accounts.entities.User],
        first: First = 25,
        after: After = strawberry.UNSET,
    ) -> SecurityEventConnectionRef | None:
        """The audit events of this user."""
        return events.security_events_of_user(info.context, user, first, value_or_none(after))


@maps_from(
    accounts.pagination.Edge,
    description=(
        "A user and their cursor in the list. Select it if you need cursors within a page; otherwise select `nodes`."
    ),
)
class UserEdge:
    """A user in a page."""

    cursor: str = strawberry.field(description="Send it as `after` to get the page that starts after this user.")
    node: User = strawberry.field(description="The user at this position, in their current state.")


@maps_from(
    UserPage,
    description=(
        "A page of a list of users. If users are added or deleted between two pages, the pages repeat and skip no "
        "other users."
    ),
)
class UserConnection:
    """A page of users."""

    edges: list[UserEdge] = strawberry.field(description="The users of the page, each with its cursor.")
    nodes: list[User] = strawberry.field(description="The users of the page without cursors.")
    page_info: PageInfo = strawberry.field(description="Whether more users follow, and the cursor to continue from.")

    @strawberry.field(
        description=(
            "Number of users on all pages that match the filter. The server counts only if the field is selected, "
            "with an extra database query: select it once, not with every page."
        ),
        metadata={"cost": READ_COST},
    )
    def total_count(self, info: Info, page: strawberry.Parent[UserPage]) -> int:
        """The number of users on all pages."""
        return users.total_count(info.context, page)


UserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of a user of the company account, for example from a list or an event."),
]


@strawberry.type
class UsersQuery:
    """Read the users of a company account."""

    @query(
        Access.ADMIN,
        description=(
            "For admins: one user of the company account, for the page about this user. Null for any other id, "
            "including ids of other company accounts. Members get the error `FORBIDDEN`."
        ),
        metadata={"cost": READ_COST},
    )
    def user(
        self,
        info: Info,
        viewer: Viewer,
        id: UserId,  # noqa: A002  # the name in the contract
    ) -> User | None:
        """A user of the admin's company account."""
        return users.user(info.context, viewer, ids.decode_as(accounts.entities.User, id))

    @query(
        Access.ADMIN,
        description=(
            "For admins: the users of the company account in pages, including disabled users unless the filter leaves "
            "them out. Members get the error `FORBIDDEN`."
        ),
        metadata={"cost": READ_COST, "item_cost": USER_ROW_COST},
    )
    def users(  # noqa: PLR0913, PLR0917  # the arguments in the contract
        self,
        info: Info,
        viewer: Viewer,
        first: First = 25,
        after: After = strawberry.UNSET,
        filter: FilterOfUsers = strawberry.UNSET,  # noqa: A002  # the name in the contract
        order_by: Order = UserOrder.NEWEST_FIRST,
    ) -> UserConnection | None:
        """The users of the admin's company account."""
        return users.users(info.context, viewer, user_query(first, after, order_by, filter))
