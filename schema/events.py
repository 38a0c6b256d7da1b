"""The audit trail."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from models import SecurityEventKind
from resolvers import events
from schema import ids
from schema.arguments import value_or_none
from schema.info import Info
from schema.nodes import Node
from schema.pagination import After, First, PageInfo
from schema.type_mapping import describe_enum, maps_from
from schema.users import User
from twofactor import results
from twofactor.directory import EventQuery

# No row has the nil UUID (RFC 9562 §5.9): what is asked for under it is not there.
NIL_UUID = UUID(int=0)


describe_enum(
    SecurityEventKind,
    "What a security event tells of. New kinds are added over time: show one that you do not know by its name.",
    {
        SecurityEventKind.LOGIN_SUCCEEDED: (
            "A session began; `note` names the second factor that opened it, where there was one."
        ),
        SecurityEventKind.LOGIN_FAILED: (
            "Email and password did not match an enabled account. `user` is null where nobody has that email."
        ),
        SecurityEventKind.SECOND_FACTOR_FAILED: (
            "Email and password were right, and then an OTP or a backup code was not: somebody may know the password."
        ),
        SecurityEventKind.LOGGED_OUT: "The user signed out by `logout`.",
        SecurityEventKind.SESSION_REVOKED: "The user ended one of their sessions by `revokeSession`.",
        SecurityEventKind.LOCKED: (
            "So many attempts failed that the next one has to wait, or that a second factor is stopped altogether."
        ),
        SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED: (
            "A key and its QR code were shown, for an activation that may or may not have been finished."
        ),
        SecurityEventKind.TWO_FACTOR_ACTIVATED: "The user finished an activation: 2FA is on since then.",
        SecurityEventKind.TWO_FACTOR_DEACTIVATED: "The user switched their own 2FA off.",
        SecurityEventKind.TWO_FACTOR_RESET: (
            "Somebody else switched the user's 2FA off: the admin in `actor`, or the operator of the service where "
            "that is null. The reason, if one was given, is in `note`."
        ),
        SecurityEventKind.BACKUP_CODES_ISSUED: (
            "A new set of backup codes was shown to the user, and any set before it is void."
        ),
        SecurityEventKind.BACKUP_CODE_USED: "The user signed in with a backup code, which is spent now.",
        SecurityEventKind.SECURITY_POLICY_CHANGED: (
            "An admin changed a rule of the company account: enforcement of 2FA, or backup codes."
        ),
        SecurityEventKind.PASSWORD_CHANGED: "The user has a new password.",
        SecurityEventKind.REAUTHENTICATION_FAILED: (
            "Within a session, the password that a sensitive change asks for again was wrong."
        ),
        SecurityEventKind.COMPANY_CREATED: "The operator of the service made the company account.",
        SecurityEventKind.USER_CREATED: "The operator of the service made the account.",
        SecurityEventKind.USER_DELETED: "The operator of the service deleted the account; `user` is null from then on.",
        SecurityEventKind.USER_DISABLED: "The operator of the service barred the user, and all their sessions ended.",
        SecurityEventKind.USER_ENABLED: "The operator of the service lets the user sign in again.",
        SecurityEventKind.ROLE_CHANGED: "The user became an admin, or ceased to be one.",
    },
)


@maps_from(
    results.SecurityEvent,
    description=(
        "An entry of the audit trail on sign-in and 2FA. Entries are written together with what they tell of, and no "
        "request changes or removes one."
    ),
)
class SecurityEvent(Node):
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


@maps_from(
    results.Edge,
    description="An event at its place in the list. Ask for it where you need cursors within a page, else for `nodes`.",
)
class SecurityEventEdge:
    """An event in a page."""

    cursor: str = strawberry.field(description="As `after`, it begins the next page behind this event.")
    node: SecurityEvent = strawberry.field(description="The event at this place. It never changes.")


@maps_from(
    results.Page,
    description=(
        "A stretch of an audit trail, the latest first. Events that come meanwhile stand before the first page."
    ),
)
class SecurityEventConnection:
    """A page of events."""

    edges: list[SecurityEventEdge] = strawberry.field(description="The events of the page, each with its cursor.")
    nodes: list[SecurityEvent] = strawberry.field(description="The events of the page alone, without their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether the trail goes on, and from which cursor.")


@strawberry.input(
    description="Narrows the list of events. Parts that are left out or null narrow nothing; all others must hold."
)
class SecurityEventFilter:
    """Which events to list."""

    user_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Only what happened to this user's account. An id that names no user of the company account finds nothing."
        ),
    )
    kinds: list[SecurityEventKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only events of one of these kinds. An empty list finds nothing."
    )
    since: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only what happened at this instant or later."
    )
    until: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only what happened earlier than this instant, which itself is left out."
    )


def event_query(first: int, after: str | None, wanted: SecurityEventFilter | None) -> EventQuery:
    """Say in the directory's words which events to list."""
    wanted = value_or_none(wanted) or SecurityEventFilter()
    user_id, kinds = value_or_none(wanted.user_id), value_or_none(wanted.kinds)
    return EventQuery(
        first=first,
        after=value_or_none(after),
        user_id=None if user_id is None else ids.decode_as(results.User, user_id) or NIL_UUID,
        kinds=None if kinds is None else tuple(kinds),
        since=value_or_none(wanted.since),
        until=value_or_none(wanted.until),
    )


WantedEvents = Annotated[
    SecurityEventFilter | None,
    strawberry.argument(description="Which events to list; left out or null, all of the company account."),
]


@strawberry.type
class EventsQuery:
    """Read the audit trail of a company account."""

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
        return events.security_events(info.context, event_query(first, after, filter))
