"""`users` and `user`: the users of a company account for admins."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

import models
from models import Role
from models.database import Database
from tests.api.conftest import ClientFactory
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, log_in, start_login, verify_login
from tests.support.clock import Clock
from tests.support.operations import USER, USERS
from tests.support.users import make_user, set_security_policy


@pytest.fixture
async def admin_of_five(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, database: Database, company: models.Company, clock: Clock
) -> ApiUser:
    """Return the admin of a company account of five. Ada and Mia are the oldest; Mia logged in after Ada."""
    for name, role in (("Bea", Role.MEMBER), ("Émile", Role.ADMIN), ("anna", Role.MEMBER)):
        clock.advance(timedelta(minutes=1))
        await make_user(database, company, logged_in_member.user.password_hash, clock, name=name, role=role)
    await log_in(logged_in_member.client, logged_in_member.user)
    return logged_in_admin


async def names(client: Api, **variables: object) -> list[str]:
    """Return the names on a page of users."""
    return [user["name"] for user in (await client.execute_one(USERS, **variables))["nodes"]]


async def every_page(client: Api, **variables: object) -> list[str]:
    """Return the names on all pages of two users."""
    found: list[str] = []
    after = None
    while True:
        page: dict[str, Any] = await client.execute_one(USERS, first=2, after=after, **variables)
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        found += [user["name"] for user in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found


async def test_each_order_lists_every_user_once(admin_of_five: ApiUser) -> None:
    """The orders are newest first, name without case and with `É` beside `E`, and last login with `null` first."""
    newest = await every_page(admin_of_five.client)
    assert newest[:3] == ["anna", "Émile", "Bea"]
    assert set(newest[3:]) == {"Ada", "Mia"}
    assert await every_page(admin_of_five.client, orderBy="NAME") == ["Ada", "anna", "Bea", "Émile", "Mia"]
    by_last_login = await every_page(admin_of_five.client, orderBy="LAST_LOGIN")
    assert set(by_last_login[:3]) == {"anna", "Émile", "Bea"}
    assert by_last_login[3:] == ["Ada", "Mia"]


async def test_combines_filters(
    logged_in_member: ApiUser, admin_of_five: ApiUser, client: Api, clock: Clock, database: Database
) -> None:
    """A user must match search, role, 2FA state, remaining codes and being enabled. Null does not filter."""
    await activate(logged_in_member, clock)
    async with database.transaction():
        await models.User.filter(name__in=["anna", "Émile"]).update(is_enabled=False)
    for code in logged_in_member.codes[:8]:
        await verify_login(client, await start_login(client, logged_in_member.user), backupCode=code)

    for wanted, expected in (
        ({"search": "B"}, {"Bea"}),
        ({"search": "ACME.EXAMPLE"}, {"Ada", "Mia", "Bea", "Émile", "anna"}),
        ({"search": "éMI"}, {"Émile"}),
        ({"search": "%"}, set()),
        ({"search": "\tBea\r\n"}, {"Bea"}),
        ({"search": ""}, {"Ada", "Mia", "Bea", "Émile", "anna"}),
        ({"role": "ADMIN"}, {"Ada", "Émile"}),
        ({"twoFactor": "ACTIVE"}, {"Mia"}),
        ({"twoFactor": "INACTIVE", "role": "MEMBER"}, {"Bea", "anna"}),
        ({"backupCodesRemainingAtMost": 2}, {"Mia"}),
        ({"backupCodesRemainingAtMost": 1}, set()),
        ({"enabled": True}, {"Ada", "Mia", "Bea"}),
        ({"enabled": False}, {"anna", "Émile"}),
        ({"enabled": False, "role": "ADMIN"}, {"Émile"}),
        ({"enabled": True, "twoFactor": "INACTIVE", "search": "acme"}, {"Ada", "Bea"}),
        ({"enabled": None}, {"Ada", "Mia", "Bea", "Émile", "anna"}),
        ({"search": None, "role": None, "twoFactor": "ACTIVE", "backupCodesRemainingAtMost": None}, {"Mia"}),
    ):
        page = await admin_of_five.client.execute_one(USERS, filter=wanted)
        assert {user["name"] for user in page["nodes"]} == expected, wanted
        assert page["totalCount"] == len(expected)


async def test_finds_no_users_by_remaining_codes_if_codes_are_off(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, database: Database, company: models.Company
) -> None:
    """Codes that are off are not counted."""
    assert await names(logged_in_admin.client, filter={"backupCodesRemainingAtMost": 10}) == [member_with_2fa.user.name]
    await set_security_policy(database, company, backup_codes_enabled=False)

    assert await names(logged_in_admin.client, filter={"backupCodesRemainingAtMost": 10}) == []


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
async def test_rejects_invalid_arguments(logged_in_admin: ApiUser, variables: dict[str, object]) -> None:
    """The error is `BAD_USER_INPUT`."""
    assert await logged_in_admin.client.outcome(USERS, **variables) == "BAD_USER_INPUT"


async def test_cursor_is_valid_only_in_its_own_order(admin_of_five: ApiUser) -> None:
    """In another order the error is `BAD_USER_INPUT`."""
    page = await admin_of_five.client.execute_one(USERS, first=1)

    code = await admin_of_five.client.outcome(USERS, first=1, after=page["pageInfo"]["endCursor"], orderBy="NAME")

    assert code == "BAD_USER_INPUT"


async def test_cursor_of_a_name_of_the_versions_before_is_rejected(admin_of_five: ApiUser) -> None:
    """Its place in the new order is unknown, so the client starts again with the first page."""
    old = base64.urlsafe_b64encode(json.dumps(["NAME", "bea", admin_of_five.user.id.hex]).encode()).decode().rstrip("=")

    assert await admin_of_five.client.outcome(USERS, first=1, after=old, orderBy="NAME") == "BAD_USER_INPUT"


async def test_admin_reads_all_fields_of_a_user_except_sessions(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser
) -> None:
    """Only the user can read their sessions."""
    user = await logged_in_admin.client.execute_one(USER, id=member_with_2fa.id)

    assert user["email"] == member_with_2fa.user.email
    assert (user["twoFactor"]["state"], user["twoFactor"]["backupCodesRemaining"]) == ("ACTIVE", 10)
    assert user["sessions"] == []
    assert len(user["securityEvents"]["nodes"]) == 1


async def test_users_of_another_company_account_do_not_exist(
    logged_in_admin: ApiUser, other_company_admin: models.User, new_client: ClientFactory
) -> None:
    """They are null by id and are not in the list."""
    for user_id in (
        f"user_{other_company_admin.id.hex}",
        f"user_{'f' * 32}",
        f"company_{logged_in_admin.user.company_id.hex}",
        "",
    ):
        assert await logged_in_admin.client.data(USER, {"id": user_id}) == {"user": None}
    assert await names(logged_in_admin.client, filter={"search": "stella"}) == []
    other_client = new_client()
    await log_in(other_client, other_company_admin)
    assert await names(other_client) == ["Stella"]
