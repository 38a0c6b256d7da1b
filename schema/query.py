"""What can be read."""

# A field is declared with its GraphQL type, and its resolver gives the facts that this type claims (`schema.twins`).
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated

import strawberry

from resolvers import account, directory, nodes
from schema import ids, types
from schema.info import Info
from schema.inputs import After, First, SecurityEventFilter, UserFilter, event_query, user_query
from schema.users import SecurityEventConnection, User, UserConnection
from twofactor import results
from twofactor.directory import UserOrder

AnyId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="An `id` from an earlier answer. What is no id of ours is treated like one that names nothing."
    ),
]
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
WantedEvents = Annotated[
    SecurityEventFilter | None,
    strawberry.argument(description="Which events to list; left out or null, all of the company account."),
]


@strawberry.type(
    description=(
        "Everything that can be read. Reading changes nothing and costs no attempt. Each field can fail by itself: it "
        "is null then, its error says why, and its neighbours stay readable."
    )
)
class Query:
    """What can be read."""

    @strawberry.field(
        description=(
            "Who is signed in; null, without an error, where nobody is. Ask for it first when the app starts. A user "
            "who has to set up 2FA sees `id`, `email`, `name`, `role`, `company` and `twoFactor` here, and the other "
            "fields give the error `TWO_FACTOR_SETUP_REQUIRED`."
        )
    )
    def viewer(self, info: Info) -> User | None:
        """The signed-in user."""
        return account.viewer(info.context)

    @strawberry.field(
        description=(
            "The optional features of the viewer's company account. Readable also before 2FA is set up; without a "
            "session it gives the error `UNAUTHENTICATED`."
        )
    )
    def feature_flags(self, info: Info) -> types.FeatureFlags | None:
        """What is on for the viewer's company account."""
        return account.feature_flags(info.context)

    @strawberry.field(
        description=(
            "The authenticator apps to recommend, in the order to show them. The same for everybody and readable "
            "without a session, so it may be cached for long."
        )
    )
    def authenticator_apps(self) -> list[types.AuthenticatorApp] | None:
        """The authenticator apps that users are pointed to."""
        return directory.authenticator_apps()

    @strawberry.field(
        description=(
            "One thing by its id, for clients that refetch by id alone: the viewer, their company account, their "
            "sessions and events, and for admins the users and events of the company account. Null for any other id, "
            "whether it exists or not."
        )
    )
    def node(self, info: Info, id: AnyId) -> types.Node | None:  # noqa: A002  # the contract's name
        """Whatever the viewer may see under this id."""
        return nodes.node(info.context, ids.decode(id))

    @strawberry.field(
        description=(
            "For admins: one user of their company account, for the page about that user. Null for any other id, "
            "those of other company accounts included. Members get the error `FORBIDDEN`."
        )
    )
    def user(self, info: Info, id: UserId) -> User | None:  # noqa: A002  # the contract's name
        """A user of the admin's company account."""
        return directory.user(info.context, ids.decode_as(results.User, id))

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
        return directory.users(info.context, user_query(first, after, order_by, filter))

    @strawberry.field(
        description=(
            "For admins: the audit trail of their company account, the latest first, page by page. Failed sign-ins "
            "with an email that nobody has belong to no company account and are not in it. Members get the error "
            "`FORBIDDEN`; their own trail is `User.securityEvents`."
        )
    )
    def security_events(
        self,
        info: Info,
        first: First = 25,
        after: After = strawberry.UNSET,
        filter: WantedEvents = strawberry.UNSET,  # noqa: A002  # the contract's name
    ) -> SecurityEventConnection | None:
        """What happened to sign-in and 2FA in the admin's company account."""
        return directory.security_events(info.context, event_query(first, after, filter))
