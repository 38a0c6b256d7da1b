"""Users and audit events, as admins and users read them.

Every query filters by the viewer's company account, so it never returns data of another company account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

import models
from accounts import security_policy
from accounts.enforcement import EnforcementRule, users_to_set_up
from accounts.entities import User, rule_of
from accounts.errors import InvalidInputError
from accounts.event_facts import Change, facts_of
from accounts.free_text import normalise_free_text
from accounts.identity import search_key
from accounts.login_locks import locked_users
from accounts.pagination import Page, decode_cursor, encode_cursor, page_of, require_page_size
from accounts.permissions import Viewer, may_see_all_of
from accounts.services import Services
from models import Role, SecurityEventContext, SecurityEventKind
from models.keyset import KeysetCondition
from models.sql.security_events import event_of_row, newest_events_of_users
from security.constants import BACKUP_CODES_PER_SET, SEARCH_MAX_LENGTH
from security.device_names import device_name
from security.time_slices import map_in_slices


class UserOrder(StrEnum):
    """The order of a list of users."""

    NEWEST_FIRST = "NEWEST_FIRST"
    NAME = "NAME"
    LAST_LOGIN = "LAST_LOGIN"


@dataclass(frozen=True, slots=True)
class UserQuery:
    """The filter, order and page of a list of users. None means no restriction."""

    first: int
    after: str | None = None
    search: str | None = None
    role: Role | None = None
    is_active: bool | None = None
    backup_codes_remaining_at_most: int | None = None
    is_enabled: bool | None = None
    # The users who would have to set up 2FA under this rule at this time.
    to_set_up: tuple[EnforcementRule, datetime] | None = None
    is_setup_due: bool | None = None
    is_locked: bool | None = None
    order: UserOrder = UserOrder.NEWEST_FIRST


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The filter and page of a list of audit events. None means no restriction."""

    first: int
    after: str | None = None
    user_id: UUID | None = None
    kinds: tuple[SecurityEventKind, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """An audit event."""

    id: UUID
    kind: SecurityEventKind
    occurred_at: datetime
    user: User | None
    actor: User | None
    ip_address: str | None
    user_agent: str | None
    note: str | None
    factor: str | None
    during: SecurityEventContext | None
    change: tuple[Change, ...] | None

    @property
    def device_name(self) -> str | None:
        """The browser and the operating system, as far as the user agent names them."""
        return device_name(self.user_agent)


# The column of each order, and whether the order is descending.
USER_ORDERS = {
    UserOrder.NEWEST_FIRST: ("created_at", True),
    UserOrder.NAME: ("name_key", False),
    UserOrder.LAST_LOGIN: ("last_login_at", False),
}
# The kinds of cursors that are not those of the versions before. Their cursors by name hold a name and no sort key.
CURSORS = {UserOrder.NAME: "NAME_SORT_KEY"}


async def find_user(services: Services, viewer: Viewer, user_id: UUID) -> User | None:
    """Return a user if the viewer may see them: admins see all users of their company account, others themselves."""
    if user_id == viewer.user.id:
        return viewer.user
    if viewer.user.role is not Role.ADMIN:
        return None
    async with services.database.reading():
        row = await models.User.filter(id=user_id, company_id=viewer.user.company.id).select_related("company").first()
    return User.of(row, row.company) if row else None


async def list_users(services: Services, viewer: Viewer, query: UserQuery) -> Page[User]:
    """Return a page of the users of the viewer's company account.

    Raises:
        InvalidInputError: The page size, the cursor or the search is invalid.
    """
    require_page_size(query.first)
    column, descends = USER_ORDERS[query.order]
    cursors = CURSORS.get(query.order, query.order)
    users = _matching_users(viewer, query, services.now())
    if query.after is not None:
        value, last_id = decode_cursor(cursors, query.after)
        last_value = value if column == "name_key" else _datetime_of(value)
        users = users.filter(KeysetCondition(column, last_value, last_id, descends=descends))
    async with services.database.reading():
        rows = (
            await users.order_by(*_ordering(column, descends=descends)).limit(query.first + 1).select_related("company")
        )
    return page_of(
        rows,
        query.first,
        is_first_page=query.after is None,
        cursor_of=lambda row: encode_cursor(cursors, _text_of(getattr(row, column)), row.id),
        node_of=lambda row: User.of(row, row.company),
    )


async def count_users(services: Services, viewer: Viewer, query: UserQuery) -> int:
    """Return the number of users that match the filter."""
    async with services.database.reading():
        return await _matching_users(viewer, query, services.now()).count()


async def list_events(services: Services, viewer: Viewer, query: EventQuery) -> Page[SecurityEvent]:
    """Return a page of the audit events of the admin's company account, newest first.

    Raises:
        InvalidInputError: The page size or the cursor is invalid.
    """
    events = models.SecurityEvent.filter(company_id=viewer.user.company.id)
    if query.user_id is not None:
        events = events.filter(user_id=query.user_id)
    if query.kinds is not None:
        events = events.filter(kind__in=query.kinds)
    if query.since is not None:
        events = events.filter(occurred_at__gte=query.since)
    if query.until is not None:
        events = events.filter(occurred_at__lt=query.until)
    return await _page_of_events(services, viewer, events, query.first, query.after)


async def list_events_of_users(
    services: Services, viewer: Viewer, users: Sequence[User], first: int, after: str | None
) -> list[Page[SecurityEvent] | None]:
    """Return a page of audit events for each user, newest first. Return None for users that the viewer may not see.

    The number of SQL statements does not depend on the number of users.

    Raises:
        InvalidInputError: The page size or the cursor is invalid.
    """
    require_page_size(first)
    position = None if after is None else _event_position(after)
    visible = {user.id for user in users if may_see_all_of(viewer, user)}
    async with services.database.reading():
        found = await newest_events_of_users(viewer.user.company.id, sorted(visible), limit=first + 1, after=position)
    # There may be thousands. Others use the connection meanwhile.
    rows = await map_in_slices(event_of_row, found)
    async with services.database.reading():
        users_in_events = await _users_in(viewer, rows)
    rows_of: dict[UUID, list[models.SecurityEvent]] = {user_id: [] for user_id in visible}
    for row in sorted(rows, key=lambda row: (row.occurred_at, row.id), reverse=True):
        if row.user_id:
            rows_of[row.user_id].append(row)

    def page(user_id: UUID) -> Page[SecurityEvent]:
        return page_of(
            rows_of[user_id],
            first,
            is_first_page=after is None,
            cursor_of=_event_cursor,
            node_of=lambda row: _event(row, users_in_events.get(row.user_id), users_in_events.get(row.actor_id)),
        )

    return await map_in_slices(lambda user: page(user.id) if user.id in visible else None, users)


async def find_event(services: Services, viewer: Viewer, event_id: UUID) -> SecurityEvent | None:
    """Return an audit event if the viewer may see it.

    Admins see all events of their company account, others their own events.
    """
    events = models.SecurityEvent.filter(id=event_id, company_id=viewer.user.company.id)
    if viewer.user.role is not Role.ADMIN:
        events = events.filter(user_id=viewer.user.id)
    async with services.database.reading():
        row = await events.select_related("user__company", "actor__company").first()
    return _event(row, _if_same_company(row, row.user), _if_same_company(row, row.actor)) if row else None


def _matching_users(viewer: Viewer, query: UserQuery, now: datetime) -> QuerySet[models.User]:
    users = models.User.filter(company_id=viewer.user.company.id)
    if query.search is not None:
        search = normalise_free_text("search", query.search, max_length=SEARCH_MAX_LENGTH).replace("\n", " ")
        users = users.filter(search_key__contains=search_key(search))
    if query.role is not None:
        users = users.filter(role=query.role)
    if query.is_active is not None:
        users = users.filter(two_factor_activated_at__isnull=not query.is_active)
    if query.is_enabled is not None:
        users = users.filter(is_enabled=query.is_enabled)
    if query.to_set_up is not None:
        users = users.filter(users_to_set_up(*query.to_set_up))
    if query.is_setup_due is not None:
        users = users.filter(_is(users_to_set_up(rule_of(viewer.user.company), now), query.is_setup_due))
    if query.is_locked is not None:
        users = users.filter(_is(locked_users(viewer.user.company, now), query.is_locked))
    if query.backup_codes_remaining_at_most is not None:
        if not security_policy.backup_codes_enabled(viewer.user.company):
            # If backup codes are off, no user has a number of codes.
            return users.filter(id__in=[])
        # No user has more codes than a set. A larger number might not fit into the column.
        at_most = min(max(query.backup_codes_remaining_at_most, -1), BACKUP_CODES_PER_SET)
        users = users.filter(two_factor_activated_at__isnull=False, backup_codes_remaining__lte=at_most)
    return users


def _is(condition: Q, wanted: bool) -> Q:  # noqa: FBT001  # the value of a filter
    return Q(condition) if wanted else ~Q(condition)


async def _users_in(viewer: Viewer, rows: Sequence[models.SecurityEvent]) -> Mapping[UUID | None, User]:
    """Return the users of some events, without those who now belong to another company account."""
    ids = {user_id for row in rows for user_id in (row.user_id, row.actor_id) if user_id}
    users = models.User.filter(id__in=ids, company_id=viewer.user.company.id).select_related("company")
    return {user.id: User.of(user, user.company) for user in (await users if ids else ())}


async def _page_of_events(
    services: Services, viewer: Viewer, events: QuerySet[models.SecurityEvent], first: int, after: str | None
) -> Page[SecurityEvent]:
    require_page_size(first)
    if after is not None:
        events = events.filter(KeysetCondition("occurred_at", *_event_position(after), descends=True))
    async with services.database.reading():
        rows = await events.order_by(*_ordering("occurred_at", descends=True)).limit(first + 1)
        # Not by a join: most events of a page belong to few users, and Tortoise would build them for each event.
        users_in_events = await _users_in(viewer, rows)
    return page_of(
        rows,
        first,
        is_first_page=after is None,
        cursor_of=_event_cursor,
        node_of=lambda row: _event(row, users_in_events.get(row.user_id), users_in_events.get(row.actor_id)),
    )


def _event_position(cursor: str) -> tuple[datetime, UUID]:
    value, last_id = decode_cursor("EVENTS", cursor)
    return _datetime_of(value), last_id


def _event_cursor(row: models.SecurityEvent) -> str:
    return encode_cursor("EVENTS", _text_of(row.occurred_at), row.id)


def _event(row: models.SecurityEvent, user: User | None, actor: User | None) -> SecurityEvent:
    facts = facts_of(row)
    return SecurityEvent(
        id=row.id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        user=user,
        actor=actor,
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        note=row.note,
        factor=facts.factor,
        during=facts.during,
        change=facts.change,
    )


def _if_same_company(event: models.SecurityEvent, user: models.User | None) -> User | None:
    """Return the user of an event, or None if they now belong to another company account."""
    return User.of(user, user.company) if user and user.company_id == event.company_id else None


def _ordering(column: str, *, descends: bool) -> tuple[str, str]:
    return (f"-{column}", "-id") if descends else (column, "id")


def _text_of(value: str | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def _datetime_of(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInputError("after", "not a cursor of this list", de="keine Position in dieser Liste")
