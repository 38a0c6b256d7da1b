"""What admins read of their company account, and what everybody reads of their own.

Every query begins with the viewer's company account: another one's data does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from tortoise.queryset import QuerySet

import models
from models import Role, SecurityEventKind
from models.places import Beyond
from models.statements import columns, model_of, select
from twofactor import policy
from twofactor.access import Viewer, may_see_all_of
from twofactor.environment import Environment
from twofactor.errors import InvalidInputError
from twofactor.pages import decode_cursor, encode_cursor, page_of, require_page_size
from twofactor.results import AuthenticatorApp, Page, SecurityEvent, User
from twofactor.rules.identity import is_plain_text, search_key
from twofactor.rules.policy import BACKUP_CODES_A_SET, SEARCH_MAX_LENGTH

AUTHENTICATOR_APPS = (
    AuthenticatorApp(
        "Google Authenticator",
        "https://apps.apple.com/us/app/google-authenticator/id388497605",
        "https://play.google.com/store/apps/details?id=com.google.android.apps.authenticator2",
    ),
    AuthenticatorApp(
        "Microsoft Authenticator",
        "https://apps.apple.com/us/app/microsoft-authenticator/id983156458",
        "https://play.google.com/store/apps/details?id=com.azure.authenticator",
    ),
    AuthenticatorApp(
        "Authy",
        "https://apps.apple.com/us/app/authy/id494168017",
        "https://play.google.com/store/apps/details?id=com.authy.authy",
    ),
)


class UserOrder(StrEnum):
    """In which order users are listed."""

    NEWEST_FIRST = "NEWEST_FIRST"
    NAME = "NAME"
    LAST_LOGIN = "LAST_LOGIN"


@dataclass(frozen=True, slots=True)
class UserQuery:
    """Which users to list, and how. What is None does not restrict."""

    first: int
    after: str | None = None
    search: str | None = None
    role: Role | None = None
    is_active: bool | None = None
    backup_codes_remaining_at_most: int | None = None
    order: UserOrder = UserOrder.NEWEST_FIRST


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events to list. What is None does not restrict."""

    first: int
    after: str | None = None
    user_id: UUID | None = None
    kinds: tuple[SecurityEventKind, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None


# The column of each order, and whether it descends.
USER_ORDERS = {
    UserOrder.NEWEST_FIRST: ("created_at", True),
    UserOrder.NAME: ("name_key", False),
    UserOrder.LAST_LOGIN: ("last_login_at", False),
}


async def find_user(env: Environment, viewer: Viewer, user_id: UUID) -> User | None:
    """A user whom the viewer may see: themselves, and for admins everybody in their company account."""
    if user_id == viewer.user.id:
        return viewer.user
    if viewer.user.role is not Role.ADMIN:
        return None
    async with env.database.reading():
        row = await models.User.filter(id=user_id, company_id=viewer.user.company.id).select_related("company").first()
    return User.of(row, row.company) if row else None


async def list_users(env: Environment, viewer: Viewer, query: UserQuery) -> Page[User]:
    """The users of the admin's company account.

    Raises:
        InvalidInputError: The page size, the cursor or the search is out of bounds.
    """
    require_page_size(query.first)
    column, descends = USER_ORDERS[query.order]
    users = _matching_users(viewer, query)
    if query.after is not None:
        value, last_id = decode_cursor(query.order, query.after)
        place = value if column == "name_key" else _instant(value)
        users = users.filter(Beyond(column, place, last_id, descends=descends))
    async with env.database.reading():
        rows = (
            await users.order_by(*_ordering(column, descends=descends)).limit(query.first + 1).select_related("company")
        )
    return page_of(
        rows,
        query.first,
        is_first_page=query.after is None,
        cursor_of=lambda row: encode_cursor(query.order, _text(getattr(row, column)), row.id),
        node_of=lambda row: User.of(row, row.company),
    )


async def count_users(env: Environment, viewer: Viewer, query: UserQuery) -> int:
    """How many users match in all."""
    async with env.database.reading():
        return await _matching_users(viewer, query).count()


async def list_events(env: Environment, viewer: Viewer, query: EventQuery) -> Page[SecurityEvent]:
    """The events of the admin's company account, newest first.

    Raises:
        InvalidInputError: The page size or the cursor is out of bounds.
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
    return await _page_of_events(env, events, query.first, query.after)


async def list_events_of_users(
    env: Environment, viewer: Viewer, users: Sequence[User], first: int, after: str | None
) -> list[Page[SecurityEvent] | None]:
    """A page of events of each user, newest first: for the user and their admins, None for anybody else.

    Takes as many statements for many users as for one.

    Raises:
        InvalidInputError: The page size or the cursor is out of bounds.
    """
    require_page_size(first)
    place = None if after is None else _place_among_events(after)
    visible = {user.id for user in users if may_see_all_of(viewer, user)}
    async with env.database.reading():
        rows = await _newest_of_each(viewer.user.company.id, sorted(visible), first + 1, place)
        people = await _people_of(rows)
    rows_of: dict[UUID, list[models.SecurityEvent]] = {user_id: [] for user_id in visible}
    for row in rows:
        if row.user_id:
            rows_of[row.user_id].append(row)

    def page(user_id: UUID) -> Page[SecurityEvent]:
        return page_of(
            rows_of[user_id],
            first,
            is_first_page=after is None,
            cursor_of=_cursor_of_event,
            node_of=lambda row: _event(row, _person(people, row.user_id), _person(people, row.actor_id)),
        )

    return [page(user.id) if user.id in visible else None for user in users]


async def find_event(env: Environment, viewer: Viewer, event_id: UUID) -> SecurityEvent | None:
    """An event that the viewer may see: their own, and for admins every one of their company account."""
    events = models.SecurityEvent.filter(id=event_id, company_id=viewer.user.company.id)
    if viewer.user.role is not Role.ADMIN:
        events = events.filter(user_id=viewer.user.id)
    async with env.database.reading():
        row = await events.select_related("user__company", "actor__company").first()
    return _event(row, row.user, row.actor) if row else None


def _matching_users(viewer: Viewer, query: UserQuery) -> QuerySet[models.User]:
    users = models.User.filter(company_id=viewer.user.company.id)
    if query.search is not None:
        if len(query.search) > SEARCH_MAX_LENGTH or not is_plain_text(query.search):
            raise InvalidInputError("search", f"at most {SEARCH_MAX_LENGTH} characters of plain text")
        users = users.filter(search_key__contains=search_key(query.search))
    if query.role is not None:
        users = users.filter(role=query.role)
    if query.is_active is not None:
        users = users.filter(two_factor_activated_at__isnull=not query.is_active)
    if query.backup_codes_remaining_at_most is not None:
        if not policy.backup_codes_enabled(viewer.user.company):
            # Nobody has a number of codes where codes are off.
            return users.filter(id__in=[])
        # Nobody has more than a set; what is beyond that need not fit into the column.
        at_most = min(max(query.backup_codes_remaining_at_most, -1), BACKUP_CODES_A_SET)
        users = users.filter(two_factor_activated_at__isnull=False, backup_codes_remaining__lte=at_most)
    return users


async def _newest_of_each(
    company_id: UUID, user_ids: Sequence[UUID], limit: int, place: tuple[datetime, UUID] | None
) -> list[models.SecurityEvent]:
    """The newest events of each user, from a place in their lists on, in one statement.

    One small SELECT a user goes straight to its events in the index, however many the user has; a window function would
    read them all. The models cannot say it.
    """
    values: list[object] = [company_id, limit]
    beyond = ""
    if place is not None:
        beyond = "AND (occurred_at, id) < ($3, $4)"
        values += place
    selects = []
    for user_id in user_ids:
        values.append(user_id)
        selects.append(
            f"SELECT * FROM (SELECT {columns(models.SecurityEvent)} FROM security_event "  # noqa: S608  # of our own making
            f"WHERE company_id = $1 AND user_id = ${len(values)} {beyond} "
            "ORDER BY occurred_at DESC, id DESC LIMIT $2) AS newest"
        )
    rows = await select(" UNION ALL ".join(selects), *values) if selects else ()
    events = [model_of(models.SecurityEvent, row) for row in rows]
    return sorted(events, key=lambda event: (event.occurred_at, event.id), reverse=True)


async def _people_of(rows: Sequence[models.SecurityEvent]) -> dict[UUID, models.User]:
    ids = {person_id for row in rows for person_id in (row.user_id, row.actor_id) if person_id}
    people = await models.User.filter(id__in=ids).select_related("company") if ids else ()
    return {person.id: person for person in people}


def _person(people: Mapping[UUID, models.User], person_id: UUID | None) -> models.User | None:
    return people.get(person_id) if person_id else None


async def _page_of_events(
    env: Environment, events: QuerySet[models.SecurityEvent], first: int, after: str | None
) -> Page[SecurityEvent]:
    require_page_size(first)
    if after is not None:
        events = events.filter(Beyond("occurred_at", *_place_among_events(after), descends=True))
    async with env.database.reading():
        rows: Sequence[models.SecurityEvent] = (
            await events.order_by(*_ordering("occurred_at", descends=True))
            .limit(first + 1)
            .select_related("user__company", "actor__company")
        )
    return page_of(
        rows,
        first,
        is_first_page=after is None,
        cursor_of=_cursor_of_event,
        node_of=lambda row: _event(row, row.user, row.actor),
    )


def _place_among_events(cursor: str) -> tuple[datetime, UUID]:
    value, last_id = decode_cursor("EVENTS", cursor)
    return _instant(value), last_id


def _cursor_of_event(row: models.SecurityEvent) -> str:
    return encode_cursor("EVENTS", _text(row.occurred_at), row.id)


def _event(row: models.SecurityEvent, user: models.User | None, actor: models.User | None) -> SecurityEvent:
    return SecurityEvent(
        id=row.id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        user=_colleague(row, user),
        actor=_colleague(row, actor),
        ip_address=row.ip_address,
        user_agent=row.user_agent,
        note=row.note,
    )


def _colleague(event: models.SecurityEvent, person: models.User | None) -> User | None:
    """Somebody in an event, unless they have gone to another company account since: that one does not exist here."""
    return User.of(person, person.company) if person and person.company_id == event.company_id else None


def _ordering(column: str, *, descends: bool) -> tuple[str, str]:
    return (f"-{column}", "-id") if descends else (column, "id")


def _text(value: str | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInputError("after", "no cursor of this list")
