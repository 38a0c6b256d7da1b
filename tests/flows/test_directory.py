"""What admins read: their own company account, page by page, and nothing of any other."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from models import Role, SecurityEventKind
from models.database import Database
from tests.conftest import make_user
from tests.flows.steps import CLIENT, Enrolled, change_rules, refresh, refused, sign_in
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.directory import (
    AUTHENTICATOR_APPS,
    EventQuery,
    UserOrder,
    UserQuery,
    count_users,
    find_event,
    find_user,
    list_events,
    list_events_of_users,
    list_users,
)
from twofactor.environment import Environment
from twofactor.errors import InvalidInputError
from twofactor.results import SecurityEvent, User

Event = SecurityEventKind


async def names(env: Environment, viewer: Viewer, query: UserQuery) -> list[str]:
    """Whom a query lists; checks on the way that as many are counted as all pages have."""
    page = await list_users(env, viewer, query)
    return [user.name for user in page.nodes]


@pytest.fixture
async def crowd(database: Database, company: models.Company, password_hash: str, clock: Clock) -> list[models.User]:
    """Five more members, each a minute younger than the one before; two were made at the same instant."""
    people = []
    for name in ("eve", "Dan", "cleo", "Bob", "100%_Amy"):
        people.append(await make_user(database, company, password_hash, clock, name=name))
        clock.advance(timedelta(minutes=name != "Bob"))
    return people


class TestFindUser:
    async def test_oneself_and_for_admins_their_own(
        self, env: Environment, viewer: Viewer, boss: Viewer, stranger: models.User
    ) -> None:
        """Members find themselves, admins everybody in their company account, nobody anybody else (rule 11)."""
        other = await sign_in(env, stranger.email)
        people = {each.user.name: each for each in (viewer, boss, other)}

        found = [(a, b) for a in people for b in people if await find_user(env, people[a], people[b].user.id)]

        assert sorted(found) == [("Ada", "Ada"), ("Ada", "Mia"), ("Mia", "Mia"), ("Stella", "Stella")]
        assert await find_user(env, boss, uuid4()) is None


class TestListUsers:
    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            (UserOrder.NAME, ["100%_Amy", "Ada", "Bob", "cleo", "Dan", "eve"]),
            (UserOrder.LAST_LOGIN, ["100%_Amy", "Bob", "cleo", "Dan", "eve", "Ada"]),
        ],
    )
    async def test_pages_hold_everybody_once_in_order(
        self, env: Environment, boss: Viewer, crowd: list[models.User], order: UserOrder, expected: list[str]
    ) -> None:
        """From page to page nobody is missing or there twice, and the flags say whether there is more."""
        seen: list[str] = []
        after = None
        while True:
            page = await list_users(env, boss, UserQuery(2, after, order=order))
            seen += [user.name for user in page.nodes]
            assert page.page_info.has_previous_page == (after is not None)
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        # Those who never signed in have no order among themselves.
        assert (sorted(seen[:5]), seen[5:]) == (sorted(expected[:5]), expected[5:])
        assert order is not UserOrder.NAME or seen == expected

    async def test_newest_first_and_whoever_comes_later_moves_nothing(
        self, env: Environment, database: Database, company: models.Company, password_hash: str, clock: Clock,
        boss: Viewer, crowd: list[models.User],
    ) -> None:  # fmt: skip
        """A user who is made between two pages shifts neither (Cursor Connections)."""
        first = await list_users(env, boss, UserQuery(3))
        await make_user(database, company, password_hash, clock, name="Zoe")

        second = await list_users(env, boss, UserQuery(100, first.page_info.end_cursor))

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
    async def test_filters_and_counts(
        self, env: Environment, enrolled: Enrolled, boss: Viewer, crowd: list[models.User], stranger: models.User,
        *, query: UserQuery, expected: list[str],
    ) -> None:  # fmt: skip
        """Every part of a filter that is given has to match, literally; the count is that of all pages."""
        assert sorted(await names(env, boss, query)) == expected
        assert await count_users(env, boss, query) == len(expected)

    async def test_off_means_not_counted(
        self, env: Environment, company: models.Company, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """With codes off nobody has a number of them, so nobody matches one (rule 12)."""
        await change_rules(env, company, backup_codes_enabled=False)
        query = UserQuery(100, backup_codes_remaining_at_most=10)
        admin = await refresh(env, boss)

        assert await names(env, admin, query) == []
        assert await count_users(env, admin, query) == 0

    @pytest.mark.parametrize("first", [0, -1, 101, 2_147_483_647])
    async def test_page_sizes_are_bounded(self, env: Environment, boss: Viewer, first: int) -> None:
        """A page has 1 to 100 users."""
        assert (await refused(list_users(env, boss, UserQuery(first)), InvalidInputError)).argument == "first"

    @pytest.mark.parametrize("search", ["x" * 201, "\0", "\ud800"], ids=ascii)
    async def test_searches_are_bounded(self, env: Environment, boss: Viewer, search: str) -> None:
        """What cannot be searched for is refused."""
        query = UserQuery(10, search=search)
        assert (await refused(list_users(env, boss, query), InvalidInputError)).argument == "search"


def forged(*parts: object) -> str:
    """A cursor of these parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "cursor",
    [
        "", "!", "AAAA", "\ud800", "x" * 10_000, forged(), forged("NEWEST_FIRST", 1, ID), forged("NAME", "a", ID),
        forged("NEWEST_FIRST", "no instant", ID), forged("NEWEST_FIRST", "2026-01-01T00:00:00", ID),
        forged("NEWEST_FIRST", "0001-01-01T00:00:00+14:00", ID),
        forged("NEWEST_FIRST", "9999-12-31T23:59:59-14:00", ID),
        forged("NEWEST_FIRST", "2026-01-01T00:00:00+00:00", "no id"),
    ],
    ids=lambda cursor: ascii(cursor)[:40],
)  # fmt: skip
async def test_forged_cursors_are_refused(env: Environment, boss: Viewer, cursor: str) -> None:
    """What is no cursor of this list is refused, whatever it is made of."""
    refusal = await refused(list_users(env, boss, UserQuery(10, cursor)), InvalidInputError)

    assert refusal.argument == "after"


class TestListEvents:
    async def test_newest_first_in_pages_and_of_ones_own_company_alone(
        self, env: Environment, clock: Clock, viewer: Viewer, boss: Viewer, stranger: models.User
    ) -> None:
        """All pages together hold each event of the company account once, and none of another's (rule 11)."""
        await sign_in(env, stranger.email)
        for _ in range(3):
            clock.advance(timedelta(minutes=1))
            await sign_in(env, viewer.user.email)
        seen: list[SecurityEvent] = []
        after = None
        while True:
            page = await list_events(env, boss, EventQuery(2, after))
            seen += page.nodes
            after = page.page_info.end_cursor
            if not page.page_info.has_next_page:
                break

        assert len({event.id for event in seen}) == len(seen) == 5
        assert [event.occurred_at for event in seen] == sorted((event.occurred_at for event in seen), reverse=True)
        assert {event.user.name for event in seen if event.user} == {"Mia", "Ada"}
        assert all((event.ip_address, event.user_agent) == (CLIENT.ip_address, CLIENT.user_agent) for event in seen)

    async def test_filters(
        self, env: Environment, clock: Clock, enrolled: Enrolled, boss: Viewer, stranger: models.User
    ) -> None:
        """By user, kinds, and from an instant on, before another."""
        activated = (await list_events(env, boss, EventQuery(9, kinds=(Event.TWO_FACTOR_ACTIVATED,)))).nodes
        assert [event.kind for event in activated] == [Event.TWO_FACTOR_ACTIVATED]
        at = activated[0].occurred_at
        assert (await list_events(env, boss, EventQuery(9, kinds=()))).nodes == ()
        assert (await list_events(env, boss, EventQuery(9, user_id=stranger.id))).nodes == ()
        mine = (await list_events(env, boss, EventQuery(9, user_id=boss.user.id))).nodes
        assert [event.kind for event in mine] == [Event.LOGIN_SUCCEEDED]
        kinds = (Event.TWO_FACTOR_ACTIVATED,)
        assert (await list_events(env, boss, EventQuery(9, kinds=kinds, since=at, until=at))).nodes == ()
        second = timedelta(seconds=1)
        assert len((await list_events(env, boss, EventQuery(9, kinds=kinds, since=at, until=at + second))).nodes) == 1

    async def test_of_users_for_themselves_and_their_admins(
        self, env: Environment, viewer: Viewer, boss: Viewer, stranger: models.User
    ) -> None:
        """Members see their own events, admins those of their company account; of others there is no list at all."""
        other = (await sign_in(env, stranger.email)).user
        users: list[User] = [viewer.user, boss.user, other]

        for_member = await list_events_of_users(env, viewer, users, 10, None)
        for_admin = await list_events_of_users(env, boss, users, 10, None)

        assert [page and len(page.nodes) for page in for_member] == [1, None, None]
        assert [page and len(page.nodes) for page in for_admin] == [1, 1, None]

    async def test_one_event_by_its_id(
        self, env: Environment, viewer: Viewer, boss: Viewer, stranger: models.User
    ) -> None:
        """An event is found by whom it concerns and by their admins, and not by anybody else."""
        other = await sign_in(env, stranger.email)
        [own] = (await list_events(env, boss, EventQuery(9, user_id=viewer.user.id))).nodes
        [bosses] = (await list_events(env, boss, EventQuery(9, user_id=boss.user.id))).nodes

        assert await find_event(env, viewer, own.id) == await find_event(env, boss, own.id) == own
        assert await find_event(env, viewer, bosses.id) is None
        assert await find_event(env, other, own.id) is None


def test_the_authenticator_apps_are_those_of_the_help_page() -> None:
    """Three apps, each with its links to both stores."""
    assert [app.name for app in AUTHENTICATOR_APPS] == ["Google Authenticator", "Microsoft Authenticator", "Authy"]
    assert all(app.app_store_url.startswith("https://apps.apple.com/us/app/") for app in AUTHENTICATOR_APPS)
    assert all(app.play_store_url.startswith("https://play.google.com/store/apps/") for app in AUTHENTICATOR_APPS)
