"""`featureFlags`: what is on for the viewer's company account, as it is at this request."""

import models
from models.database import Database
from tests.api.steps import Person, error_code, outcome, set_rules, sign_in
from tests.support.api import Api

FLAGS = "query Flags { featureFlags { backupCodes } }"


async def test_follows_the_company_account(mia: Person, database: Database, company: models.Company) -> None:
    """A change holds from the next request on."""
    for enabled in (True, False, True):
        await set_rules(database, company, backup_codes_enabled=enabled)
        assert await outcome(mia.device, FLAGS) == {"backupCodes": enabled}


async def test_is_each_company_accounts_own(
    mia: Person, stranger: models.User, device: Api, database: Database
) -> None:
    """Off in one, it stays on in the other."""
    async with database.transaction():
        await models.Company.filter(id=stranger.company_id).update(backup_codes_enabled=False)
    await sign_in(device, stranger)

    assert await outcome(device, FLAGS) == {"backupCodes": False}
    assert await outcome(mia.device, FLAGS) == {"backupCodes": True}


async def test_is_readable_before_2fa_is_set_up(
    member: models.User, device: Api, database: Database, company: models.Company
) -> None:
    """The activation page needs it for its wording."""
    await set_rules(database, company, two_factor_enforced=True)
    await sign_in(device, member)

    assert await outcome(device, FLAGS) == {"backupCodes": True}


async def test_needs_a_session(device: Api) -> None:
    """It is of a company account, and nobody has none."""
    assert await error_code(device, FLAGS) == "UNAUTHENTICATED"
