"""`Company.statistics`: how many users are in each state, and the filters that list them."""

from datetime import timedelta
from typing import Any

import pytest

import models
from accounts import users
from accounts.services import Services
from models.database import Database
from security.constants import FREE_ATTEMPTS
from tests.support.api import Api
from tests.support.api_users import ApiUser, start_login, verify_login
from tests.support.clock import Clock
from tests.support.operations import LOGIN
from tests.support.users import WRONG_PASSWORD, make_user, set_security_policy

STATISTICS = "{ viewer { company { statistics { active inactive fewBackupCodes locked setupDue disabled } } } }"
LIST = "query List($filter: UserFilter) { users(filter: $filter, orderBy: NAME) { nodes { name } totalCount } }"
# The filter of each number, as its description names it.
FILTERS: dict[str, dict[str, Any]] = {
    "active": {"enabled": True, "twoFactor": "ACTIVE"},
    "inactive": {"enabled": True, "twoFactor": "INACTIVE"},
    "fewBackupCodes": {"enabled": True, "backupCodesRemainingAtMost": 2},
    "locked": {"enabled": True, "locked": True},
    "setupDue": {"setupDue": True},
    "disabled": {"enabled": False},
}


async def listed(admin: Api) -> dict[str, list[str]]:
    """Return the users of each number, after asserting that there are as many as the number says."""
    statistics = (await admin.execute_one(STATISTICS))["company"]["statistics"]
    names = {}
    for number, wanted in FILTERS.items():
        page = await admin.execute_one(LIST, filter=wanted)
        assert (statistics[number] or 0) == page["totalCount"] == len(page["nodes"]), number
        names[number] = [node["name"] for node in page["nodes"]]
    return names


async def test_each_number_has_a_filter_that_lists_the_users(
    logged_in_admin: ApiUser,
    member_with_2fa: ApiUser,
    client: Api,
    services: Services,
    company: models.Company,
    clock: Clock,
) -> None:
    """Each change is in the next answer."""
    await make_user(services.database, company, "-", clock, name="Zoe")
    former = await make_user(services.database, company, "-", clock, name="Former")
    nobody = {"active": ["Mia"], "inactive": ["Ada", "Former", "Zoe"], "fewBackupCodes": [], "locked": [],
              "setupDue": [], "disabled": []}  # fmt: skip
    assert await listed(logged_in_admin.client) == nobody

    await users.disable_user(services, former.id)
    for code in member_with_2fa.codes[:8]:
        await verify_login(client, await start_login(client, member_with_2fa.user), backupCode=code)
    for _ in range(FREE_ATTEMPTS):
        await client.execute_one(LOGIN, email="zoe@acme.example", password=WRONG_PASSWORD)

    assert await listed(logged_in_admin.client) == nobody | {
        "inactive": ["Ada", "Zoe"], "fewBackupCodes": ["Mia"], "locked": ["Zoe"], "disabled": ["Former"]
    }  # fmt: skip


async def test_setup_is_due_of_those_who_are_asked(
    logged_in_admin: ApiUser, member: models.User, database: Database, clock: Clock
) -> None:
    """Not before the date of the rule, not of members if it is for admins, and of a user with a rule of their own."""
    async with database.transaction():
        await models.User.filter(id=member.id).update(enforcement=models.UserEnforcement.ENFORCED)
        later = clock.now + timedelta(days=1)
        await models.Company.all().update(two_factor_enforced_for_admins=True, enforce_from=later)

    assert (await listed(logged_in_admin.client))["setupDue"] == ["Mia"]
    not_due = await logged_in_admin.client.execute_one(LIST, filter={"setupDue": False})
    assert [node["name"] for node in not_due["nodes"]] == ["Ada"]


async def test_number_of_users_with_few_codes_is_null_while_codes_are_off(
    logged_in_admin: ApiUser, database: Database, company: models.Company
) -> None:
    """Codes that are off are not counted."""
    await set_security_policy(database, company, backup_codes_enabled=False)

    statistics = (await logged_in_admin.client.execute_one(STATISTICS))["company"]["statistics"]

    assert statistics["fewBackupCodes"] is None
    assert statistics["inactive"] == 1


@pytest.mark.parametrize("selection", ["id", "name"])
async def test_is_for_admins(logged_in_member: ApiUser, selection: str) -> None:
    """For a member it is null beside the error, and the other fields are there."""
    query = f"{{ viewer {{ company {{ {selection} statistics {{ active }} }} }} }}"

    answer = await logged_in_member.client.execute(query)

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    company = answer["data"]["viewer"]["company"]
    assert company.pop("statistics") is None
    assert company[selection]


async def test_counts_only_the_own_company_account(logged_in_admin: ApiUser, other_company_admin: models.User) -> None:
    """Users of another one are in no number."""
    statistics = (await logged_in_admin.client.execute_one(STATISTICS))["company"]["statistics"]

    assert other_company_admin.is_enabled
    assert sum(statistics.values()) == 1
