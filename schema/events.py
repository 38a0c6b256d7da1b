"""The audit log: security events of a company account and of a user."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated

import strawberry

import accounts.directory
import accounts.entities
import accounts.event_facts
import accounts.pagination
from accounts.directory import EventQuery
from accounts.permissions import Viewer
from models import ChangedField, SecondFactorMethod, SecurityEventContext, SecurityEventKind
from schema import ids
from schema.arguments import value_or_none
from schema.costs import EVENT_ROW_COST, READ_COST
from schema.fields import Access, query
from schema.info import Info
from schema.nodes import Node
from schema.pagination import After, First, PageInfo
from schema.type_mapping import describe_enum, maps_from
from schema.users import User

describe_enum(
    SecurityEventKind,
    "What a security event records. New kinds are added over time: show the name of a kind that you do not know.",
    {kind: kind.description for kind in SecurityEventKind},
)


describe_enum(
    SecurityEventContext,
    "What was going on when a security event occurred. New values are added over time: treat them like null.",
    {
        SecurityEventContext.LOGIN: "A login: `login`, or `verifyLogin` after it.",
        SecurityEventContext.ACTIVATION: "The set-up of 2FA, in a session.",
        SecurityEventContext.REAUTHENTICATION: (
            "A change in a session, for which the user entered the password again, or a second factor."
        ),
        SecurityEventContext.REGENERATION: (
            "The mutation `regenerateBackupCodes`. The new set replaced the earlier one at once."
        ),
        SecurityEventContext.REGENERATION_UNTIL_ACKNOWLEDGED: (
            "The mutation `regenerateBackupCodes` with `untilAcknowledged`. The new set replaces the earlier one when "
            "the user acknowledges it."
        ),
    },
)

describe_enum(
    ChangedField,
    "What a security event reports as changed. New values are added over time.",
    {
        ChangedField.TWO_FACTOR_ENFORCED: "The rule `Company.twoFactorEnforced` of the company account.",
        ChangedField.ENFORCED_FOR: "The rule `Company.enforcedFor` of the company account.",
        ChangedField.ENFORCE_FROM: "The date `Company.enforceFrom` of the rule on 2FA of the company account.",
        ChangedField.BACKUP_CODES_ENABLED: "The rule `Company.backupCodesEnabled` of the company account.",
        ChangedField.NEW_DEVICE_EMAILS: "The rule `Company.newDeviceEmails` of the company account.",
        ChangedField.SECOND_FACTOR_FOR_CHANGES: "The rule `Company.secondFactorForChanges` of the company account.",
        ChangedField.RESETS_NEED_VOUCHER: "The rule `Company.resetsNeedVoucher` of the company account.",
        ChangedField.ROLE: "The permissions of the user in the company account, `User.role`.",
        ChangedField.NAME: "What the user is called in the company account, `User.name`.",
        ChangedField.ENFORCEMENT: "The rule of the user, `TwoFactor.enforcement`.",
        ChangedField.EXEMPT_UNTIL: "The end of the user's exemption, `TwoFactor.exemptUntil`.",
    },
)


@maps_from(
    accounts.event_facts.Change,
    description="A value before and after a change. The client has the words for it.",
)
class SecurityEventChange:
    """A value before and after a change."""

    field: ChangedField = strawberry.field(
        description="What changed: a rule of the company account, or a value of the user."
    )
    before: str | None = strawberry.field(
        name="from",
        description=(
            "The value before: true or false for a rule of the company account, a value of `EnforcedFor` or `Role`, a "
            "value of `UserEnforcement` for the rule of a user, a `DateTime` for a date, or the text of a name, which "
            "you have to escape. Null if there was no date, or if an event from before this field does not say it."
        ),
    )
    after: str | None = strawberry.field(
        name="to", description="The value since then, in the same form. Null if there is no exemption."
    )


@maps_from(
    accounts.directory.SecurityEvent,
    description=(
        "An audit event about login or 2FA. The server stores it in the same transaction as the change that it "
        "records. No request changes or deletes an event."
    ),
)
class SecurityEvent(Node):
    """An audit event about login or 2FA."""

    kind: SecurityEventKind = strawberry.field(description="What the event records. Expect kinds that are added later.")
    occurred_at: datetime = strawberry.field(description="When it happened, according to the clock of the server.")
    user: User | None = strawberry.field(
        description="The user whose account is affected; null if the account was deleted or never existed."
    )
    actor: User | None = strawberry.field(
        description=(
            "Who caused the event, if it was another user, for example the admin of a reset. Null if it was the user, "
            "the operator of the service or an account that was deleted."
        )
    )
    ip_address: str | None = strawberry.field(
        description="The IPv4 or IPv6 address that sent the request; null if there was no request."
    )
    user_agent: str | None = strawberry.field(
        description="The `User-Agent` of the client, at most 500 characters. It can be any text from anyone: escape it."
    )
    device_name: str | None = strawberry.field(
        description="The browser and the operating system in `userAgent`, as in `Session.deviceName`."
    )
    note: str | None = strawberry.field(
        description=(
            "A note for people, at most 500 characters: the admin's reason for a reset. `USER_DELETED` has the id of "
            "the user. For other kinds it is the text that earlier clients read: if `factor`, `during` or `change` is "
            "not null, show that instead. It never contains a password, code or token. Escape it."
        )
    )
    factor: SecondFactorMethod | None = strawberry.field(
        description=(
            "The kind of second factor that the event is about. Null if it is about none, or if an event from before "
            "this field does not say it."
        )
    )
    during: SecurityEventContext | None = strawberry.field(
        description=(
            "What was going on, so that you can say, for example, where a code was wrong. Null for kinds that say it "
            "themselves, and if an event from before this field does not say it. Expect values that are added later."
        )
    )
    change: list[SecurityEventChange] | None = strawberry.field(
        description=(
            "What changed: each rule of `SECURITY_POLICY_CHANGED`, the role of `ROLE_CHANGED`, the name of "
            "`NAME_CHANGED`, the rule and the end of the exemption of `USER_ENFORCEMENT_CHANGED`, as far as they "
            "changed. Null for other kinds."
        ),
        metadata={"max_items": len(ChangedField)},
    )


@maps_from(
    accounts.pagination.Edge,
    description=(
        "An event and its cursor in the list. Select it if you need cursors within a page; otherwise select `nodes`."
    ),
)
class SecurityEventEdge:
    """An event in a page."""

    cursor: str = strawberry.field(description="Send it as `after` to get the page that starts after this event.")
    node: SecurityEvent = strawberry.field(description="The event at this position. An event never changes.")


@maps_from(
    accounts.pagination.Page,
    description="A page of audit events, newest first. Events that are added later come before the first page.",
)
class SecurityEventConnection:
    """A page of events."""

    edges: list[SecurityEventEdge] = strawberry.field(description="The events of the page, each with its cursor.")
    nodes: list[SecurityEvent] = strawberry.field(description="The events of the page without their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether more events follow, and the cursor to continue from.")


@strawberry.input(
    description=(
        "Filters the list of events. A field that is omitted or null does not filter. An event must match all other "
        "fields."
    )
)
class SecurityEventFilter:
    """The filter of the list of events."""

    user_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only events of this user's account. If the company account has no such user, the list is empty.",
    )
    kinds: list[SecurityEventKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only events of one of these kinds. An empty list finds nothing."
    )
    since: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only events at this instant or later."
    )
    until: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only events before this instant; the instant itself is excluded."
    )


def event_query(first: int, after: str | None, event_filter: SecurityEventFilter | None) -> EventQuery:
    """Convert the arguments of `securityEvents` into a query of the domain."""
    event_filter = value_or_none(event_filter) or SecurityEventFilter()
    user_id, kinds = value_or_none(event_filter.user_id), value_or_none(event_filter.kinds)
    return EventQuery(
        first=first,
        after=value_or_none(after),
        user_id=None if user_id is None else ids.decode_as(accounts.entities.User, user_id) or ids.UNKNOWN,
        kinds=None if kinds is None else tuple(kinds),
        since=value_or_none(event_filter.since),
        until=value_or_none(event_filter.until),
    )


FilterOfEvents = Annotated[
    SecurityEventFilter | None,
    strawberry.argument(description="Filters the list. If it is omitted or null, all events of the company account."),
]


@strawberry.type
class EventsQuery:
    """Read the audit log of a company account."""

    @query(
        Access.ADMIN,
        description=(
            "For admins: the audit log of the company account in pages, newest event first. Failed logins with an "
            "unknown email belong to no company account and are not included. Members get the error `FORBIDDEN`; "
            "their own events are in `User.securityEvents`."
        ),
        metadata={"cost": READ_COST, "item_cost": EVENT_ROW_COST},
    )
    def security_events(
        self,
        info: Info,
        viewer: Viewer,
        first: First = 25,
        after: After = strawberry.UNSET,
        filter: FilterOfEvents = strawberry.UNSET,  # noqa: A002  # the name in the contract
    ) -> SecurityEventConnection | None:
        """The audit events of the admin's company account."""
        return accounts.directory.list_events(info.context.services, viewer, event_query(first, after, filter))
