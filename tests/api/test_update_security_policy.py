"""`updateSecurityPolicy`: changes the rules of a company account from the next request."""

from tests.api.conftest import SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, is_logged_in, start_login, two_factor, verify_login
from tests.support.clock import Clock
from tests.support.operations import UPDATE_SECURITY_POLICY
from tests.support.users import PASSWORD, WRONG_PASSWORD

NOTES = """
    query Notes {
        securityEvents(filter: { kinds: [SECURITY_POLICY_CHANGED] }) { nodes { note user { email } } }
    }"""


async def test_omitted_or_null_rule_does_not_change(logged_in_admin: ApiUser, side_effects: SideEffects) -> None:
    """The audit event names the changed rule and the admin. Without a change there is no event."""
    await side_effects()

    result = await logged_in_admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=PASSWORD, backupCodesEnabled=False
    )
    assert result == {
        "__typename": "SecurityPolicyUpdated",
        "company": {
            "id": f"company_{logged_in_admin.user.company_id.hex}",
            "name": "Acme",
            "twoFactorEnforced": False,
            "backupCodesEnabled": False,
        },
    }
    assert await side_effects() == (["SECURITY_POLICY_CHANGED"], [])
    for variables in (
        {},
        {"twoFactorEnforced": None, "backupCodesEnabled": None},
        {"twoFactorEnforced": False, "backupCodesEnabled": False},
    ):
        assert (
            await logged_in_admin.client.execute_one(UPDATE_SECURITY_POLICY, password=PASSWORD, **variables) == result
        )
    assert await side_effects() == ([], [])
    events = await logged_in_admin.client.execute_one(NOTES)
    assert events["nodes"] == [{"note": "backup_codes_enabled=off", "user": {"email": logged_in_admin.user.email}}]


async def test_enforcement_applies_to_all_users_at_once(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """No session ends. Users without 2FA, including the admin, can only activate it."""
    result = await logged_in_admin.client.execute_one(UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True)
    assert result["company"]["twoFactorEnforced"] is True

    for api_user in (logged_in_member, logged_in_admin):
        assert await is_logged_in(api_user.client)
        assert (await two_factor(api_user.client))["setupRequired"] is True
    assert (
        await logged_in_admin.client.outcome(UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=False)
        == "TWO_FACTOR_SETUP_REQUIRED"
    )
    await activate(logged_in_admin, clock)
    result = await logged_in_admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=False
    )
    assert result["company"]["twoFactorEnforced"] is False
    assert (await two_factor(logged_in_member.client))["setupRequired"] is False


async def test_answer_contains_everything_that_changed(logged_in_admin: ApiUser, clock: Clock) -> None:
    """The viewer, the company account and the feature flags are those that the next query returns."""
    await activate(logged_in_admin, clock)
    changed = """
        viewer { id company { twoFactorEnforced backupCodesEnabled } twoFactor { enforced backupCodesRemaining } }
        featureFlags { backupCodes }
    """

    answer = await logged_in_admin.client.execute_one(
        f"""mutation($password: String!) {{
            updateSecurityPolicy(password: $password, twoFactorEnforced: true, backupCodesEnabled: false) {{
                ... on SecurityPolicyUpdated {{ {changed} }}
            }}
        }}""",
        password=PASSWORD,
    )

    assert answer == await logged_in_admin.client.data(f"{{ {changed} }}")
    assert answer["viewer"]["twoFactor"] == {"enforced": True, "backupCodesRemaining": None}
    assert answer["featureFlags"] == {"backupCodes": False}


async def test_does_not_end_challenges(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock
) -> None:
    """An open login continues under the new rules."""
    token = await start_login(client, member_with_2fa.user)
    await logged_in_admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True, backupCodesEnabled=False
    )

    result = await verify_login(client, token, backupCode=member_with_2fa.codes[0])
    assert result["__typename"] == "WrongSecondFactor"
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "LoggedIn"


async def test_requires_the_password(logged_in_admin: ApiUser, side_effects: SideEffects) -> None:
    """A session is not sufficient to change a rule."""
    await side_effects()

    result = await logged_in_admin.client.execute_one(
        UPDATE_SECURITY_POLICY, password=WRONG_PASSWORD, twoFactorEnforced=True
    )

    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert (await two_factor(logged_in_admin.client))["enforced"] is False
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])


async def test_is_forbidden_for_members(logged_in_member: ApiUser) -> None:
    """A member cannot change a rule."""
    assert (
        await logged_in_member.client.outcome(UPDATE_SECURITY_POLICY, password=PASSWORD, twoFactorEnforced=True)
        == "FORBIDDEN"
    )
