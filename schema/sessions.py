"""Sessions, and the mutation that ends one."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from models import SecondFactorMethod
from resolvers import sessions
from schema import ids
from schema.info import Info
from schema.nodes import Node
from schema.type_mapping import maps_from
from schema.user_errors import SessionNotFound
from schema.users import User
from twofactor import results


@maps_from(
    results.Session,
    description=(
        "One device or browser in which the viewer is signed in. It ends by `logout` or `revokeSession`, after 7 days "
        "without use, after 30 days in any case, and by changes to password or 2FA that are made elsewhere."
    ),
)
class Session(Node):
    """A sign-in that is still good."""

    created_at: datetime = strawberry.field(description="When the sign-in was completed, second factor included.")
    last_seen_at: datetime = strawberry.field(
        description="When a request last came in it. It may lag behind by up to a minute."
    )
    expires_at: datetime = strawberry.field(
        description="When it ends however much it is used: 30 days after it began. It is not put off."
    )
    ip_address: str | None = strawberry.field(
        description="The address that the sign-in came from, IPv4 or IPv6; null where it is not known."
    )
    user_agent: str | None = strawberry.field(
        description=(
            "What the browser or app called itself at sign-in, at most 500 characters. Anybody can write anything "
            "there: escape it, and take no decision by it."
        )
    )
    current: bool = strawberry.field(
        description="True for the very session of this request: revoking it signs the viewer out here."
    )
    second_factor: SecondFactorMethod | None = strawberry.field(
        description="Which second factor opened it; null where 2FA was inactive and the password was enough."
    )


@maps_from(
    results.SessionRevoked,
    description=(
        "The session is over, wherever it was in use: its next request is anonymous. If it was the current one, this "
        "client is signed out."
    ),
)
class SessionRevoked:
    """A session was ended."""

    @strawberry.field(description="The id that was asked for: evict it from the cache.")
    def session_id(self, revoked: strawberry.Parent[results.SessionRevoked]) -> strawberry.ID:
        """The session that ended."""
        return ids.encode(results.Session, revoked.session_id)

    viewer: User = strawberry.field(description="The viewer, whose `sessions` are those that are left.")


RevokeSessionResult: TypeAlias = Annotated[
    SessionRevoked | SessionNotFound,
    strawberry.union(
        "RevokeSessionResult",
        description="Either way the session is not in use any more, so both may take it from the screen.",
    ),
]


SessionId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of one of the viewer's `sessions`; the current one may be it."),
]


@strawberry.type
class SessionsMutation:
    """End a session."""

    @strawberry.field(
        description=(
            "Ends one of the viewer's sessions, such as that of a device that was lost. It costs no attempt and sends "
            "no letter. With the current session it does what `logout` does."
        )
    )
    def revoke_session(self, info: Info, id: SessionId) -> RevokeSessionResult | None:  # noqa: A002  # as above
        """The end of one of the viewer's sessions."""
        return sessions.revoke_session(info.context, ids.decode_as(results.Session, id))
