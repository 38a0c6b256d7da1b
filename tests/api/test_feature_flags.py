"""`featureFlags`: the current optional features of the viewer's company account."""

import models
from models.database import Database
from tests.support.api import Api
from tests.support.api_users import ApiUser, log_in
from tests.support.operations import FEATURE_FLAGS
from tests.support.users import set_security_policy


async def test_returns_the_flag_of_the_company_account(
    logged_in_member: ApiUser, database: Database, company: models.Company
) -> None:
    """A change applies to the next request."""
    for enabled in (True, False, True):
        await set_security_policy(database, company, backup_codes_enabled=enabled)
        assert await logged_in_member.client.execute_one(FEATURE_FLAGS) == {"backupCodes": enabled}


async def test_company_accounts_have_separate_flags(
    logged_in_member: ApiUser, other_company_admin: models.User, client: Api, database: Database
) -> None:
    """A change of one company account does not affect another one."""
    async with database.transaction():
        await models.Company.filter(id=other_company_admin.company_id).update(backup_codes_enabled=False)
    await log_in(client, other_company_admin)

    assert await client.execute_one(FEATURE_FLAGS) == {"backupCodes": False}
    assert await logged_in_member.client.execute_one(FEATURE_FLAGS) == {"backupCodes": True}


async def test_is_readable_before_2fa_is_set_up(
    member: models.User, client: Api, database: Database, company: models.Company
) -> None:
    """The activation page needs it for its text."""
    await set_security_policy(database, company, two_factor_enforced=True)
    await log_in(client, member)

    assert await client.execute_one(FEATURE_FLAGS) == {"backupCodes": True}


async def test_requires_a_session(client: Api) -> None:
    """The flags belong to the viewer's company account."""
    assert await client.outcome(FEATURE_FLAGS) == "UNAUTHENTICATED"
