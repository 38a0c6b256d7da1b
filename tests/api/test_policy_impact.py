"""`policyImpact`: whom a change of the policy would ask to set up 2FA."""

from datetime import timedelta

import pytest

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import error_code
from tests.support.api_users import ApiUser, activate
from tests.support.clock import Clock, instant
from tests.support.operations import POLICY_IMPACT, UPDATE_SECURITY_POLICY
from tests.support.users import PASSWORD

COUNTS = """
    query Counts($change: PolicyChange!) {
        policyImpact(change: $change) { usersToSetUp signedInUsersToSetUp adminsWhoCanAct viewerHasToSetUp }
    }"""


async def test_counts_and_lists_users_by_name(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, side_effects: SideEffects, clock: Clock
) -> None:
    """Nothing changes."""
    await side_effects()
    date = instant(clock.now + timedelta(days=7))
    change = {"enforcedFor": "EVERYBODY", "enforceFrom": date}

    impact = await logged_in_admin.client.execute_one(POLICY_IMPACT, change=change, first=1)

    end_cursor = impact["users"]["pageInfo"].pop("endCursor")
    assert impact == {
        "at": date,
        "usersToSetUp": 2,
        "signedInUsersToSetUp": 2,
        "adminsWhoCanAct": 0,
        "viewerHasToSetUp": True,
        "users": {"totalCount": 2, "nodes": [{"id": logged_in_admin.id}], "pageInfo": {"hasNextPage": True}},
    }
    rest = await logged_in_admin.client.execute_one(POLICY_IMPACT, change=change, first=1, after=end_cursor)
    assert rest["users"]["nodes"] == [{"id": logged_in_member.id}]
    assert await side_effects() == ([], [])
    company = await logged_in_admin.client.execute_one("{ viewer { company { enforcedFor enforceFrom } } }")
    assert company == {"company": {"enforcedFor": "NOBODY", "enforceFrom": None}}


async def test_admin_with_2fa_can_act(logged_in_admin: ApiUser, logged_in_member: ApiUser, clock: Clock) -> None:
    """The result without a date is that of the next request."""
    await activate(logged_in_admin, clock)
    expected = {"usersToSetUp": 1, "signedInUsersToSetUp": 1, "adminsWhoCanAct": 1, "viewerHasToSetUp": False}
    for change in ({"twoFactorEnforced": True}, {"enforcedFor": "EVERYBODY", "secondFactorForChanges": True}):
        assert await logged_in_admin.client.execute_one(COUNTS, change=change) == expected

    changed = await logged_in_admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True
    )

    assert changed["__typename"] == "SecurityPolicyUpdated"
    assert await logged_in_admin.client.execute_one(COUNTS, change={}) == expected
    setup_required = await logged_in_member.client.execute_one("{ viewer { twoFactor { setupRequired } } }")
    assert setup_required == {"twoFactor": {"setupRequired": True}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"twoFactorEnforced": True, "enforcedFor": "ADMINS"}, "enforcedFor: widerspricht twoFactorEnforced"),
        (
            {"enforceFrom": "2026-12-01T00:00:00+14:00"},
            "enforceFrom: kein Datum, solange 2FA für niemanden Pflicht ist",
        ),
        (
            {"enforcedFor": "ADMINS", "enforceFrom": "9999-12-31T23:59:59Z"},
            "enforceFrom: höchstens 366 Tage in der Zukunft",
        ),
    ],
)
async def test_rejects_what_the_mutation_rejects(
    logged_in_admin: ApiUser, new_client: ClientFactory, change: dict[str, object], message: str
) -> None:
    """The error of both names the argument, in the language of the request."""
    client = new_client(language="de", session_token=logged_in_admin.client.session_token)
    update = """
        mutation($twoFactorEnforced: Boolean, $enforcedFor: EnforcedFor, $enforceFrom: DateTime) {
            updateSecurityPolicy(
                password: ""
                twoFactorEnforced: $twoFactorEnforced, enforcedFor: $enforcedFor, enforceFrom: $enforceFrom
            ) { __typename }
        }"""
    for result in (await client.execute(COUNTS, {"change": change}), await client.execute(update, change)):
        assert error_code(result) == "BAD_USER_INPUT"
        assert message in result["errors"][0]["message"]


async def test_page_of_an_invalid_size_leaves_the_counts(logged_in_admin: ApiUser) -> None:
    """The list is null beside its error."""
    result = await logged_in_admin.client.execute(
        "{ policyImpact(change: {}) { usersToSetUp users(first: 101) { nodes { id } } } }"
    )

    assert error_code(result) == "BAD_USER_INPUT"
    assert result["data"] == {"policyImpact": {"usersToSetUp": 0, "users": None}}


async def test_is_for_admins(logged_in_member: ApiUser) -> None:
    """Members get an error."""
    assert await logged_in_member.client.outcome(COUNTS, change={}) == "FORBIDDEN"
