"""Lists of users and events: admins read their own company account, page by page, and no other."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from accounts.directory import (
    EventQuery,
    SecurityEvent,
    UserOrder,
    UserQuery,
    count_users,
    find_event,
    find_user,
    list_events,
    list_events_of_users,
    list_users,
)
from accounts.entities import User
from accounts.errors import InvalidInputError
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import NewUser, create_user
from models import Role, SecurityEventKind
from models.database import Database
from tests.integration.use_cases.helpers import CLIENT, Enrolled, raises, reload_viewer, sign_in
from tests.support.clock import Clock
from tests.support.users import make_user, set_security_policy
from twofactor.authenticator_apps import AUTHENTICATOR_APPS

Event = SecurityEventKind


async def names(services: Services, viewer: Viewer, query: UserQuery) -> list[str]:
    """Return the names of the users on one page."""
    page = await list_users(services, viewer, query)
    return [user.name for user in page.nodes]


@pytest.fixture
async def five_members(
    database: Database, company: models.Company, password_hash: str, clock: Clock
) -> list[models.User]:
    """Create five more members, one each minute. The last two have the same creation time."""
    members = []
    for name in ("eve", "Dan", "cleo", "Bob", "100%_Amy"):
        members.append(await make_user(database, company, password_hash, clock, name=name))
        clock.advance(timedelta(minutes=name != "Bob"))
    return members


class TestFindUser:
    async def test_finds_only_users_that_the_viewer_may_see(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer, other_company_admin: models.User
    ) -> None:
        """Members find only themselves. Admins find every user of their company account."""
        other = await sign_in(services, other_company_admin.email)
        viewers = {each.user.name: each for each in (viewer, admin_viewer, other)}

        found = [(a, b) for a in viewers for b in viewers if await find_user(services, viewers[a], viewers[b].user.id)]

        assert sorted(found) == [("Ada", "Ada"), ("Ada", "Mia"), ("Mia", "Mia"), ("Stella", "Stella")]
        assert await find_user(services, admin_viewer, uuid4()) is None


class TestListUsers:
    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            (UserOrder.NAME, ["100%_Amy", "Ada", "Bob", "cleo", "Dan", "eve"]),
            (UserOrder.LAST_LOGIN, ["100%_Amy", "Bob", "cleo", "Dan", "eve", "Ada"]),
        ],
    )
    async def test_pages_contain_every_user_once_in_order(
        self,
        services: Services,
        admin_viewer: Viewer,
        five_members: list[models.User],
        order: UserOrder,
        expected: list[str],
    ) -> None:
        """`has_previous_page` and `has_next_page` show whether there are more users."""
        seen: list[str] = []
        after = None
        while True:
            page = await list_users(services, admin_viewer, UserQuery(2, after, order=order))
            seen += [user.name for user in page.nodes]
            assert page.page_info.has_previous_page == (after is not None)
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        # Users who never signed in have no defined order.
        assert (sorted(seen[:5]), seen[5:]) == (sorted(expected[:5]), expected[5:])
        assert order is not UserOrder.NAME or seen == expected

    @pytest.mark.parametrize("name", ["ﷺ" * 33, "㌖" * 100, "李" * 200, "𞤀" * 200])
    async def test_cursors_of_the_longest_names_work(
        self, services: Services, company: models.Company, admin_viewer: Viewer, password_hash: str, name: str
    ) -> None:
        """A cursor contains the search key of the name."""
        for number in range(2):
            new = NewUser(f"anna{number}@acme.example", name, password_hash=password_hash)
            await create_user(services, company.id, new)
        seen, after = [], None

        while True:
            page = await list_users(services, admin_viewer, UserQuery(1, after, order=UserOrder.NAME))
            seen += [user.email for user in page.nodes]
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        assert len(seen) == len(set(seen)) == 3

    async def test_user_created_between_two_pages_moves_no_row(
        self, services: Services, database: Database, company: models.Company, password_hash: str, clock: Clock,
        admin_viewer: Viewer, five_members: list[models.User],
    ) -> None:  # fmt: skip
        """The newest users come first. No row is missing or repeated (GraphQL Cursor Connections)."""
        first = await list_users(services, admin_viewer, UserQuery(3))
        await make_user(database, company, password_hash, clock, name="Zoe")

        second = await list_users(services, admin_viewer, UserQuery(100, first.page_info.end_cursor))

        assert sorted(user.name for user in (*first.nodes, *second.nodes)) == [
            "100%_Amy", "Ada", "Bob", "Dan", "cleo", "eve",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (UserQuery(100, search="A"), ["100%_Amy", "Ada", "Bob", "Dan", "Mia", "cleo", "eve"]),
            (UserQuery(100, search="MI"), ["Mia"]),
            (UserQuery(100, search="%_"), ["100%_Amy"]),
            (UserQuery(100, search="_"), ["100%_Amy"]),
            (UserQuery(100, search="\\"), []),
            (UserQuery(100, search="'; --"), []),
            (UserQuery(100, role=Role.ADMIN), ["Ada"]),
            (UserQuery(100, is_active=True), ["Mia"]),
            (UserQuery(100, is_active=False, role=Role.MEMBER), ["100%_Amy", "Bob", "Dan", "cleo", "eve"]),
            (UserQuery(100, backup_codes_remaining_at_most=10), ["Mia"]),
            (UserQuery(100, backup_codes_remaining_at_most=9), []),
            (UserQuery(100, backup_codes_remaining_at_most=-1), []),
            (UserQuery(100, backup_codes_remaining_at_most=2_147_483_647), ["Mia"]),
            (UserQuery(100, backup_codes_remaining_at_most=-2_147_483_648), []),
        ],
    )
    async def test_every_part_of_the_filter_has_to_match(
        self,
        services: Services,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        five_members: list[models.User],
        other_company_admin: models.User,
        *,
        query: UserQuery,
        expected: list[str],
    ) -> None:
        """Search text is literal. `count_users` counts the users of all pages."""
        assert sorted(await names(services, admin_viewer, query)) == expected
        assert await count_users(services, admin_viewer, query) == len(expected)

    @pytest.mark.parametrize("email", ["anna@bücher.example", "anna@xn--bcher-kva.example"])
    async def test_search_finds_both_spellings_of_a_domain(
        self, services: Services, company: models.Company, admin_viewer: Viewer, password_hash: str, email: str
    ) -> None:
        """The operator may have entered either. A part of the domain is enough."""
        await create_user(services, company.id, NewUser(email, "Anna", password_hash=password_hash))

        for search in ("@BÜCHER.", "bu\u0308ch", "a@xn--bcher-kva.example", "xn--bch", email):
            assert await names(services, admin_viewer, UserQuery(100, search=search)) == ["Anna"]

    async def test_filter_by_codes_finds_no_user_while_backup_codes_are_off(
        self, services: Services, company: models.Company, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """No user has a number of codes then."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        query = UserQuery(100, backup_codes_remaining_at_most=10)
        admin = await reload_viewer(services, admin_viewer)

        assert await names(services, admin, query) == []
        assert await count_users(services, admin, query) == 0

    @pytest.mark.parametrize("first", [0, -1, 101, 2_147_483_647])
    async def test_rejects_an_invalid_page_size(self, services: Services, admin_viewer: Viewer, first: int) -> None:
        """A page has 1 to 100 users."""
        assert (
            await raises(list_users(services, admin_viewer, UserQuery(first)), InvalidInputError)
        ).argument == "first"

    @pytest.mark.parametrize("search", ["x" * 201, "\0", "\ud800"], ids=ascii)
    async def test_rejects_an_invalid_search_text(self, services: Services, admin_viewer: Viewer, search: str) -> None:
        """The limit is 200 characters. NUL and lone surrogates are invalid."""
        query = UserQuery(10, search=search)
        assert (await raises(list_users(services, admin_viewer, query), InvalidInputError)).argument == "search"


def forge_cursor(*parts: object) -> str:
    """Return a cursor of these parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "cursor",
    [
        "", "!", "AAAA", "\ud800", "x" * 10_000, forge_cursor(),
        forge_cursor("NEWEST_FIRST", 1, ID), forge_cursor("NAME", "a", ID),
        forge_cursor("NEWEST_FIRST", "not a timestamp", ID), forge_cursor("NEWEST_FIRST", "2026-01-01T00:00:00", ID),
        forge_cursor("NEWEST_FIRST", "0001-01-01T00:00:00+14:00", ID),
        forge_cursor("NEWEST_FIRST", "9999-12-31T23:59:59-14:00", ID),
        forge_cursor("NEWEST_FIRST", "2026-01-01T00:00:00+00:00", "not an id"),
    ],
    ids=lambda cursor: ascii(cursor)[:40],
)  # fmt: skip
async def test_rejects_a_forged_cursor(services: Services, admin_viewer: Viewer, cursor: str) -> None:
    """A cursor of another order, or with an invalid part, is invalid."""
    error = await raises(list_users(services, admin_viewer, UserQuery(10, cursor)), InvalidInputError)

    assert error.argument == "after"


class TestListEvents:
    async def test_pages_contain_every_event_of_the_company_once(
        self, services: Services, clock: Clock, viewer: Viewer, admin_viewer: Viewer, other_company_admin: models.User
    ) -> None:
        """The newest events come first. No event of another company account is listed."""
        await sign_in(services, other_company_admin.email)
        for _ in range(3):
            clock.advance(timedelta(minutes=1))
            await sign_in(services, viewer.user.email)
        seen: list[SecurityEvent] = []
        after = None
        while True:
            page = await list_events(services, admin_viewer, EventQuery(2, after))
            seen += page.nodes
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        assert len({event.id for event in seen}) == len(seen) == 5
        assert [event.occurred_at for event in seen] == sorted((event.occurred_at for event in seen), reverse=True)
        assert {event.user.name for event in seen if event.user} == {"Mia", "Ada"}
        assert all((event.ip_address, event.user_agent) == (CLIENT.ip_address, CLIENT.user_agent) for event in seen)

    async def test_filters_by_user_kind_and_time(
        self,
        services: Services,
        clock: Clock,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        other_company_admin: models.User,
    ) -> None:
        """`since` is inclusive, and `until` is exclusive."""
        activated = (
            await list_events(services, admin_viewer, EventQuery(9, kinds=(Event.TWO_FACTOR_ACTIVATED,)))
        ).nodes
        assert [event.kind for event in activated] == [Event.TWO_FACTOR_ACTIVATED]
        at = activated[0].occurred_at
        assert (await list_events(services, admin_viewer, EventQuery(9, kinds=()))).nodes == ()
        assert (await list_events(services, admin_viewer, EventQuery(9, user_id=other_company_admin.id))).nodes == ()
        admin_events = (await list_events(services, admin_viewer, EventQuery(9, user_id=admin_viewer.user.id))).nodes
        assert [event.kind for event in admin_events] == [Event.LOGIN_SUCCEEDED]
        kinds = (Event.TWO_FACTOR_ACTIVATED,)
        assert (await list_events(services, admin_viewer, EventQuery(9, kinds=kinds, since=at, until=at))).nodes == ()
        second = timedelta(seconds=1)
        assert (
            len(
                (
                    await list_events(services, admin_viewer, EventQuery(9, kinds=kinds, since=at, until=at + second))
                ).nodes
            )
            == 1
        )

    async def test_lists_events_of_visible_users_only(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer, other_company_admin: models.User
    ) -> None:
        """Members see their own events, and admins those of their company account. Otherwise it is None."""
        other = (await sign_in(services, other_company_admin.email)).user
        users: list[User] = [viewer.user, admin_viewer.user, other]

        for_member = await list_events_of_users(services, viewer, users, 10, None)
        for_admin = await list_events_of_users(services, admin_viewer, users, 10, None)

        assert [page and len(page.nodes) for page in for_member] == [1, None, None]
        assert [page and len(page.nodes) for page in for_admin] == [1, 1, None]

    async def test_finds_an_event_only_for_its_user_and_their_admins(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer, other_company_admin: models.User
    ) -> None:
        """Other members, and admins of other company accounts, do not find it."""
        other = await sign_in(services, other_company_admin.email)
        [own] = (await list_events(services, admin_viewer, EventQuery(9, user_id=viewer.user.id))).nodes
        [admin_event] = (await list_events(services, admin_viewer, EventQuery(9, user_id=admin_viewer.user.id))).nodes

        assert await find_event(services, viewer, own.id) == await find_event(services, admin_viewer, own.id) == own
        assert await find_event(services, viewer, admin_event.id) is None
        assert await find_event(services, other, own.id) is None


def test_lists_the_authenticator_apps_of_the_help_page() -> None:
    """Each of the three apps has a link to both app stores."""
    assert [app.name for app in AUTHENTICATOR_APPS] == ["Google Authenticator", "Microsoft Authenticator", "Authy"]
    assert all(app.app_store_url.startswith("https://apps.apple.com/us/app/") for app in AUTHENTICATOR_APPS)
    assert all(app.play_store_url.startswith("https://play.google.com/store/apps/") for app in AUTHENTICATOR_APPS)
