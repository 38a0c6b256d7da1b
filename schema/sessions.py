"""Sessions, and the mutations that end them."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.sessions
from accounts.permissions import Viewer
from models import SecondFactorMethod
from resolvers import sessions
from schema import ids
from schema.account_errors import CannotEndOwnSessions, SessionNotFound, UserNotFound
from schema.arguments import OwnPassword, SecondFactorOfChange, entered_second_factor
from schema.fields import Access, mutation
from schema.info import Info
from schema.nodes import Node
from schema.type_mapping import maps_from
from schema.user_errors import SecondFactorNeeded, TooManyAttempts, WrongPassword, WrongSecondFactor
from schema.users import VIEWER_DESCRIPTION, User


@maps_from(
    accounts.entities.Session,
    description=(
        "A device or browser on which the viewer is logged in. A session ends with `logout` or `revokeSession`, after "
        "7 days without use, and after 30 days in any case. A change to the password or 2FA in another session ends "
        "it too, and so do `revokeOtherSessions` and `endUserSessions`."
    ),
)
class Session(Node):
    """A live session."""

    created_at: datetime = strawberry.field(description="When the login was completed, including the second factor.")
    last_seen_at: datetime = strawberry.field(
        description="When the session last sent a request. The value may be up to one minute old."
    )
    expires_at: datetime = strawberry.field(
        description="When the session ends even if it is in use: 30 days after the login. Use does not extend it."
    )
    ip_address: str | None = strawberry.field(
        description="The IPv4 or IPv6 address from which the user logged in; null if it is unknown."
    )
    user_agent: str | None = strawberry.field(
        description=(
            "The `User-Agent` that the browser or app sent at login, at most 500 characters. The client can send any "
            "text: escape it, and do not base decisions on it."
        )
    )
    device_name: str | None = strawberry.field(
        description=(
            "The browser and the operating system in `userAgent`, for example `Firefox, Linux`, or one of them. For a "
            "client that is not a browser, its own name of letters and dashes. Null if the server recognises neither."
        )
    )
    current: bool = strawberry.field(
        description="True for the session of this request. If the viewer revokes it, they are logged out here."
    )
    second_factor: SecondFactorMethod | None = strawberry.field(
        description=(
            "The second factor of the login, or of the activation of 2FA in this session; null if the password was "
            "sufficient and 2FA was not activated in this session."
        )
    )


@maps_from(
    accounts.sessions.SessionRevoked,
    description=(
        "The session ended on its device: its next request is anonymous. If it was the current session, this client "
        "is logged out."
    ),
)
class SessionRevoked:
    """A session ended."""

    @strawberry.field(description="The id that the client sent: evict it from the cache.")
    def session_id(self, revoked: strawberry.Parent[accounts.sessions.SessionRevoked]) -> strawberry.ID:
        """The session that ended."""
        return ids.encode(accounts.entities.Session, revoked.session_id)

    viewer: User = strawberry.field(description="The viewer. `sessions` lists the remaining sessions.")


@maps_from(
    accounts.sessions.OtherSessionsRevoked,
    description=(
        "The viewer is logged in only here: all their other sessions ended. The result is the same if there was none."
    ),
)
class OtherSessionsRevoked:
    """All other sessions ended."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


@maps_from(
    accounts.sessions.UserSessionsEnded,
    description=(
        "The user is logged out everywhere, and their unfinished logins and activations ended. An email tells an "
        "enabled user who did it. Their password and 2FA did not change, so an enabled user can log in again."
    ),
)
class UserSessionsEnded:
    """All sessions of another user ended."""

    user: User = strawberry.field(description="The user, who is logged out everywhere. Their 2FA is unchanged.")
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


RevokeSessionResult: TypeAlias = Annotated[
    SessionRevoked | SessionNotFound,
    strawberry.union(
        "RevokeSessionResult",
        description="With both members, the session is no longer in use. Remove it from the screen.",
    ),
]

EndUserSessionsResult: TypeAlias = Annotated[
    UserSessionsEnded
    | WrongPassword
    | UserNotFound
    | CannotEndOwnSessions
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "EndUserSessionsResult",
        description=(
            "The other user, who is logged out everywhere, or a user error. After a user error, no session ended. "
            "`WrongPassword` refers to the admin's own password."
        ),
    ),
]

SessionId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of one of the viewer's `sessions`, which may be the current one."),
]

UserId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The `id` of the user to log out. It must not be the admin's own id."),
]


@strawberry.type
class SessionsMutation:
    """End sessions."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=False,
        description=(
            "Ends one of the viewer's sessions, for example on a lost device. Uses no attempt and sends no email. If "
            "it is the current session, the effect is the same as `logout`."
        ),
    )
    def revoke_session(
        self,
        info: Info,
        viewer: Viewer,
        id: SessionId,  # noqa: A002  # the name in the contract
    ) -> RevokeSessionResult | None:
        """End one of the viewer's sessions."""
        return sessions.revoke_session(info.context, viewer, ids.decode_as(accounts.entities.Session, id))

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=False,
        description=(
            "Ends all sessions of the viewer except the current one. Uses no attempt and sends no email. Unfinished "
            "logins and activations continue."
        ),
    )
    def revoke_other_sessions(self, info: Info, viewer: Viewer) -> OtherSessionsRevoked | None:
        """End all other sessions of the viewer."""
        return accounts.sessions.revoke_other_sessions(info.context.services, info.context.client, viewer)

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: ends all sessions, unfinished logins and unfinished activations of another user, for example "
            "if a device was stolen, and sends an enabled user an email. Works with and without 2FA, and changes "
            "neither 2FA nor the password. Members get the error `FORBIDDEN`."
        ),
    )
    def end_user_sessions(
        self,
        info: Info,
        viewer: Viewer,
        user_id: UserId,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> EndUserSessionsResult | None:
        """End all sessions of another user."""
        user_key = ids.decode_as(accounts.entities.User, user_id)
        return accounts.sessions.end_user_sessions(
            info.context.services,
            info.context.client,
            viewer,
            user_key,
            password,
            second_factor=entered_second_factor(second_factor),
        )
