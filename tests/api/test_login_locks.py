"""`User.enabled`, `lockedUntil` and `lockedSecondFactors`: what users and admins see of disabled and locked users."""

from datetime import timedelta
from typing import Any

import pytest

import models
from accounts import attempt_limits, users
from accounts.services import Services
from models import Role, SecondFactorMethod
from models.database import Database
from security.constants import FIRST_WAIT, FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED
from tests.api.conftest import ClientFactory
from tests.support.api import Api
from tests.support.api_users import ApiUser, log_in
from tests.support.clock import Clock
from tests.support.operations import ADMIN_RESET_TWO_FACTOR, LOGIN
from tests.support.users import PASSWORD, WRONG_PASSWORD, make_user, set_security_policy

OWN_LOCKS = "{ viewer { enabled lockedUntil lockedSecondFactors } }"
USERS = "{ users { nodes { name enabled lockedUntil lockedSecondFactors } } }"
FREE: dict[str, object] = {"enabled": True, "lockedUntil": None, "lockedSecondFactors": []}


async def fail(services: Services, user: models.User, factor: str, times: int = FREE_ATTEMPTS) -> None:
    """Count wrong attempts of strangers at a second factor."""
    async with services.database.transaction():
        await models.AttemptCount.create(
            subject=attempt_limits.second_factor_limit(user.id, factor).subject, factor=factor, failures=times,
            failures_since_sign_in=times, last_attempt_at=services.now(),
        )  # fmt: skip


async def locks_by_name(admin: Api) -> dict[str, dict[str, Any]]:
    """Return what an admin sees of each user."""
    nodes = (await admin.execute_one(USERS))["nodes"]
    return {node.pop("name"): node for node in nodes}


async def test_users_without_failures_are_free(logged_in_member: ApiUser) -> None:
    """They can log in, and have no wait."""
    assert await logged_in_member.client.execute_one(OWN_LOCKS) == FREE


async def test_wrong_passwords_of_strangers_lock_the_login_for_a_while(
    logged_in_admin: ApiUser, member: models.User, client: Api, clock: Clock
) -> None:
    """The end is that of `TooManyAttempts`. It is null before the fifth failure, and after the wait."""
    for _ in range(FREE_ATTEMPTS):
        assert (await locks_by_name(logged_in_admin.client))["Mia"] == FREE
        await client.execute_one(LOGIN, email=member.email, password=WRONG_PASSWORD)
    refused = await client.execute_one(LOGIN, email=member.email, password=PASSWORD)

    locks = await locks_by_name(logged_in_admin.client)

    assert refused["__typename"] == "TooManyAttempts"
    assert locks == {"Ada": FREE, "Mia": FREE | {"lockedUntil": refused["retryAt"]}}
    clock.advance(FIRST_WAIT)
    assert (await locks_by_name(logged_in_admin.client))["Mia"] == FREE


async def test_last_of_several_waits_counts(logged_in_member: ApiUser, services: Services, clock: Clock) -> None:
    """The user sees it too."""
    await fail(services, logged_in_member.user, SecondFactorMethod.BACKUP_CODE, times=FREE_ATTEMPTS + 1)
    clock.advance(timedelta(seconds=1))
    await fail(services, logged_in_member.user, SecondFactorMethod.OTP)

    locks = await logged_in_member.client.execute_one(OWN_LOCKS)

    end = clock.now + 2 * FIRST_WAIT - timedelta(seconds=1)
    assert locks == FREE | {"lockedUntil": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


async def test_locked_factor_is_named_until_a_reset(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, services: Services
) -> None:
    """Waiting does not help, so there is no end. The result of the reset shows that it is no longer locked."""
    await fail(services, member_with_2fa.user, SecondFactorMethod.OTP, times=SECOND_FACTOR_FAILURES_ALLOWED)

    assert (await locks_by_name(logged_in_admin.client))["Mia"] == FREE | {"lockedSecondFactors": ["OTP"]}

    mutation = ADMIN_RESET_TWO_FACTOR.replace("user {", "user { lockedUntil lockedSecondFactors", 1)
    assert mutation != ADMIN_RESET_TWO_FACTOR
    result = await logged_in_admin.client.execute_one(mutation, userId=member_with_2fa.id, password=PASSWORD)
    assert (result["user"]["lockedUntil"], result["user"]["lockedSecondFactors"]) == (None, [])


async def test_locks_of_backup_codes_are_not_shown_while_codes_are_off(
    logged_in_member: ApiUser, services: Services, database: Database, company: models.Company
) -> None:
    """They are in force again when the codes are."""
    await fail(services, logged_in_member.user, SecondFactorMethod.BACKUP_CODE, times=SECOND_FACTOR_FAILURES_ALLOWED)
    await set_security_policy(database, company, backup_codes_enabled=False)
    assert await logged_in_member.client.execute_one(OWN_LOCKS) == FREE

    await set_security_policy(database, company, backup_codes_enabled=True)

    locks = await logged_in_member.client.execute_one(OWN_LOCKS)
    assert locks == FREE | {"lockedSecondFactors": ["BACKUP_CODE"]}


async def test_admin_sees_who_is_disabled(logged_in_admin: ApiUser, member: models.User, services: Services) -> None:
    """The list contains disabled users, as before."""
    await users.disable_user(services, member.id)
    assert (await locks_by_name(logged_in_admin.client))["Mia"]["enabled"] is False

    await users.enable_user(services, member.id)

    assert (await locks_by_name(logged_in_admin.client))["Mia"] == FREE


class TestAdminsOfCompany:
    """`Company.admins`: whom users can ask for help."""

    QUERY = (
        "query Admins($first: Int!, $after: String) { viewer { company { admins(first: $first, after: $after) {"
        " totalCount nodes { id name email role } pageInfo { hasNextPage endCursor } } } } }"
    )

    async def read(self, client: Api, **variables: object) -> dict[str, Any]:
        """Return a page of admins."""
        page: dict[str, Any] = (await client.execute_one(self.QUERY, **variables))["company"]["admins"]
        return page

    @pytest.fixture
    async def admins(
        self,
        admin: models.User,
        company: models.Company,
        services: Services,
        clock: Clock,
        other_company_admin: models.User,
    ) -> list[str]:
        """Return the names of the enabled admins. Another admin is disabled, and one is of another company account."""
        made = [
            await make_user(services.database, company, admin.password_hash, clock, name=name, role=Role.ADMIN)
            for name in ("Zoe", "Bea", "Former")
        ]
        await users.disable_user(services, made[-1].id)
        assert other_company_admin.role is Role.ADMIN
        return ["Ada", "Bea", "Zoe"]

    async def test_members_read_the_enabled_admins_page_by_page(
        self, admins: list[str], logged_in_member: ApiUser
    ) -> None:
        """They are in the order of their names. `totalCount` counts them on all pages."""
        first = await self.read(logged_in_member.client, first=2)
        after = await self.read(logged_in_member.client, first=2, after=first["pageInfo"]["endCursor"])

        assert [node["name"] for node in first["nodes"] + after["nodes"]] == admins
        assert [page["pageInfo"]["hasNextPage"] for page in (first, after)] == [True, False]
        assert [page["totalCount"] for page in (first, after)] == [3, 3]

    @pytest.mark.parametrize("variables", [{"first": 0}, {"first": 101}, {"first": 1, "after": "x"}], ids=str)
    async def test_rejects_a_page_out_of_bounds(self, logged_in_member: ApiUser, variables: dict[str, object]) -> None:
        """As in every list, without harm to the other fields."""
        answer = await logged_in_member.client.execute(self.QUERY, variables)

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
        assert answer["data"]["viewer"]["company"] == {"admins": None}

    @pytest.mark.parametrize("field", ["lastLoginAt", "enabled", "lockedUntil", "lockedSecondFactors"])
    async def test_members_read_only_the_identity_of_admins(
        self, admin: models.User, logged_in_member: ApiUser, field: str
    ) -> None:
        """The error is `FORBIDDEN`."""
        query = f"{{ viewer {{ company {{ admins {{ nodes {{ id {field} }} }} }} }} }}"

        answer = await logged_in_member.client.execute(query)

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
        (node,) = answer["data"]["viewer"]["company"]["admins"]["nodes"]
        assert node == {"id": f"user_{admin.id.hex}", field: None}

    async def test_users_who_have_to_set_up_2fa_do_not_read_it(
        self,
        admin: models.User,
        member: models.User,
        services: Services,
        company: models.Company,
        new_client: ClientFactory,
    ) -> None:
        """The login succeeds, and the field is null beside its error."""
        await set_security_policy(services.database, company, two_factor_enforced=True)
        user = await log_in(new_client(), member)

        answer = await user.client.execute("{ viewer { id company { name admins { nodes { name } } } } }")

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["TWO_FACTOR_SETUP_REQUIRED"]
        assert answer["data"]["viewer"]["company"] == {"name": "Acme", "admins": None}
        assert admin.name == "Ada"
