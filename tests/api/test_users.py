"""`users` and `user`: the admin's list of the users of their company account."""

from datetime import timedelta
from typing import Any

import pytest

import models
from models import Role
from models.database import Database
from tests.api.steps import Connect, Person, activate, challenge, error_code, outcome, set_rules, sign_in, verify
from tests.conftest import make_user
from tests.support.api import Api
from tests.support.clock import Clock

USERS = """
    query Users($first: Int! = 25, $after: String, $filter: UserFilter, $orderBy: UserOrder! = NEWEST_FIRST) {
        users(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
            totalCount
            nodes { name }
            edges { cursor node { name } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }"""
USER = """
    query User($id: ID!) {
        user(id: $id) {
            email role createdAt lastLoginAt twoFactor { state backupCodesRemaining } sessions { id }
            securityEvents(first: 1) { nodes { kind } }
        }
    }"""


@pytest.fixture
async def staff(ada: Person, mia: Person, database: Database, company: models.Company, clock: Clock) -> Person:
    """The admin, in a company account of five: Ada and Mia are the oldest and have signed in, Mia later than Ada."""
    for name, role in (("Bea", Role.MEMBER), ("Émile", Role.ADMIN), ("anna", Role.MEMBER)):
        clock.advance(timedelta(minutes=1))
        await make_user(database, company, mia.user.password_hash, clock, name=name, role=role)
    await sign_in(mia.device, mia.user)
    return ada


async def names(device: Api, **variables: object) -> list[str]:
    """The names on a page of users."""
    return [user["name"] for user in (await outcome(device, USERS, **variables))["nodes"]]


async def every_page(device: Api, **variables: object) -> list[str]:
    """The names on all pages of two, one page after the other."""
    found: list[str] = []
    after = None
    while True:
        page: dict[str, Any] = await outcome(device, USERS, first=2, after=after, **variables)
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        found += [user["name"] for user in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found


async def test_each_order_pages_through_everybody_once(staff: Person) -> None:
    """Newest first, by name whatever the case, and by last sign-in with those who never did at the top."""
    newest = await every_page(staff.device)
    assert newest[:3] == ["anna", "Émile", "Bea"]
    assert set(newest[3:]) == {"Ada", "Mia"}
    assert await every_page(staff.device, orderBy="NAME") == ["Ada", "anna", "Bea", "Mia", "Émile"]
    by_login = await every_page(staff.device, orderBy="LAST_LOGIN")
    assert set(by_login[:3]) == {"anna", "Émile", "Bea"}
    assert by_login[3:] == ["Ada", "Mia"]


async def test_filters_narrow_together(mia: Person, staff: Person, device: Api, clock: Clock) -> None:
    """Search, role, state of 2FA and backup codes left: all that are given must hold, and null narrows nothing."""
    await activate(mia, clock)
    for code in mia.codes[:8]:
        await verify(device, await challenge(device, mia.user), backupCode=code)

    for wanted, expected in (
        ({"search": "B"}, {"Bea"}),
        ({"search": "ACME.EXAMPLE"}, {"Ada", "Mia", "Bea", "Émile", "anna"}),
        ({"search": "éMI"}, {"Émile"}),
        ({"search": "%"}, set()),
        ({"search": ""}, {"Ada", "Mia", "Bea", "Émile", "anna"}),
        ({"role": "ADMIN"}, {"Ada", "Émile"}),
        ({"twoFactor": "ACTIVE"}, {"Mia"}),
        ({"twoFactor": "INACTIVE", "role": "MEMBER"}, {"Bea", "anna"}),
        ({"backupCodesRemainingAtMost": 2}, {"Mia"}),
        ({"backupCodesRemainingAtMost": 1}, set()),
        ({"search": None, "role": None, "twoFactor": "ACTIVE", "backupCodesRemainingAtMost": None}, {"Mia"}),
    ):
        page = await outcome(staff.device, USERS, filter=wanted)
        assert {user["name"] for user in page["nodes"]} == expected, wanted
        assert page["totalCount"] == len(expected)


async def test_nobody_has_few_codes_where_codes_are_off(
    mia_with_2fa: Person, ada: Person, database: Database, company: models.Company
) -> None:
    """What is not counted cannot be filtered by."""
    assert await names(ada.device, filter={"backupCodesRemainingAtMost": 10}) == [mia_with_2fa.user.name]
    await set_rules(database, company, backup_codes_enabled=False)

    assert await names(ada.device, filter={"backupCodesRemainingAtMost": 10}) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"first": 0},
        {"first": 101},
        {"first": -1},
        {"first": 2**31},
        {"first": None},
        {"after": "nonsense"},
        {"filter": {"search": "x" * 201}},
        {"filter": {"search": "\x00"}},
        {"filter": {"role": "OWNER"}},
        {"orderBy": "email"},
    ],
    ids=str,
)
async def test_what_is_out_of_bounds_is_the_clients_mistake(ada: Person, variables: dict[str, object]) -> None:
    """Nothing is read."""
    assert await error_code(ada.device, USERS, **variables) == "BAD_USER_INPUT"


async def test_a_cursor_is_good_in_its_own_order_alone(staff: Person) -> None:
    """In another order the place that it stands for means nothing."""
    page = await outcome(staff.device, USERS, first=1)

    code = await error_code(staff.device, USERS, first=1, after=page["pageInfo"]["endCursor"], orderBy="NAME")

    assert code == "BAD_USER_INPUT"


async def test_an_admin_sees_one_user_in_full(mia_with_2fa: Person, ada: Person) -> None:
    """The state of 2FA and the trail, but never the sessions, which are the user's own."""
    user = await outcome(ada.device, USER, id=f"user_{mia_with_2fa.user.id.hex}")

    assert user["email"] == mia_with_2fa.user.email
    assert user["twoFactor"] == {"state": "ACTIVE", "backupCodesRemaining": 10}
    assert user["sessions"] == []
    assert len(user["securityEvents"]["nodes"]) == 1


async def test_nobody_else_is_there(ada: Person, stranger: models.User, connect: Connect) -> None:
    """A user of another company account is like none, and is in no list."""
    for user_id in (f"user_{stranger.id.hex}", f"user_{'f' * 32}", f"company_{ada.user.company_id.hex}", ""):
        assert await ada.device.data(USER, {"id": user_id}) == {"user": None}
    assert await names(ada.device, filter={"search": "stella"}) == []
    elsewhere = connect()
    await sign_in(elsewhere, stranger)
    assert await names(elsewhere) == ["Stella"]
