"""`Company.secondFactorForChanges`: changes to 2FA and to the security policy need a second factor."""

from typing import Any

import pytest

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, activate
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import PASSWORD

ERRORS = "... on UserError { message } ... on WrongSecondFactor { attemptsRemaining malformed }"
UPDATE = f"""
    mutation ($password: String!, $wanted: Boolean, $secondFactor: SecondFactorInput) {{
        updateSecurityPolicy(
            password: $password, secondFactorForChanges: $wanted, secondFactor: $secondFactor
        ) {{
            __typename ... on SecurityPolicyUpdated {{ company {{ secondFactorForChanges }} }} {ERRORS}
        }}
    }}"""
# The arguments besides the password, and the success, of each mutation that the rule covers.
CHANGES = {
    "deactivateTwoFactor": ("", "TwoFactorDeactivated"),
    "regenerateBackupCodes": ("", "BackupCodesRegenerated"),
    "adminResetTwoFactor": ("userId: $userId", "TwoFactorReset"),
    "endUserSessions": ("userId: $userId", "UserSessionsEnded"),
    "unlockUser": ("userId: $userId", "UserUnlocked"),
    "disableUser": ("userId: $userId", "UserDisabled"),
    "enableUser": ("userId: $userId", "UserEnabled"),
    "setUserRole": ("userId: $userId role: ADMIN", "UserRoleSet"),
    "setUserEnforcement": ("userId: $userId, enforcement: ENFORCED,", "UserEnforcementChanged"),
    "updateSecurityPolicy": ("backupCodesEnabled: false", "SecurityPolicyUpdated"),
}


def mutation(name: str) -> str:
    """Return one of the mutations."""
    arguments, _ = CHANGES[name]
    variable = "$userId: ID!, " if "$userId" in arguments else ""
    return f"""
        mutation ({variable}$password: String!, $secondFactor: SecondFactorInput) {{
            {name}({arguments} password: $password, secondFactor: $secondFactor) {{ __typename {ERRORS} }}
        }}"""


async def turn_on(admin: ApiUser) -> None:
    """Turn the rule on."""
    result = await admin.client.execute_one(UPDATE, password=PASSWORD, wanted=True)
    assert result == {"__typename": "SecurityPolicyUpdated", "company": {"secondFactorForChanges": True}}


async def test_is_off_by_default(logged_in_admin: ApiUser, side_effects: SideEffects) -> None:
    """The help page asks for the password alone. An audit event names the rule that was turned on."""
    company = (await logged_in_admin.client.execute_one("{ viewer { company { secondFactorForChanges } } }"))["company"]
    assert company == {"secondFactorForChanges": False}
    await side_effects()

    await turn_on(logged_in_admin)

    assert await side_effects() == (["SECURITY_POLICY_CHANGED"], [])


@pytest.mark.parametrize("name", CHANGES)
async def test_change_needs_password_and_second_factor(
    logged_in_admin: ApiUser, member_with_2fa: ApiUser, clock: Clock, name: str
) -> None:
    """Without it, and with a wrong one, the result is a user error. A right one works."""
    await activate(logged_in_admin, clock)
    await turn_on(logged_in_admin)
    variables: dict[str, Any] = {"password": PASSWORD}
    if "userId" in CHANGES[name][0]:
        variables["userId"] = member_with_2fa.id

    client, query = logged_in_admin.client, mutation(name)
    needed = await client.execute_one(query, **variables)
    assert needed["__typename"] == "SecondFactorNeeded"
    assert await client.execute_one(query, **variables, secondFactor=None) == needed
    result = await client.execute_one(query, **variables, secondFactor={"otp": "1. 123456"})
    assert (result["__typename"], result["attemptsRemaining"], result["malformed"]) == ("WrongSecondFactor", 5, True)
    wrong = {"otp": logged_in_admin.authenticator.wrong_otp(clock.now)}
    result = await client.execute_one(query, **variables, secondFactor=wrong)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongSecondFactor", 4)
    otp = logged_in_admin.authenticator.otp(clock.now)
    right = {"otp": f"\u200e{otp[:3]}\u00a0{otp[3:]}"}
    result = await client.execute_one(query, **variables, secondFactor=right)
    assert result == {"__typename": CHANGES[name][1]}


async def test_change_of_another_user_returns_the_admin_too(
    logged_in_admin: ApiUser, member_with_2fa: ApiUser, clock: Clock
) -> None:
    """The admin's backup code is used up by it, so the answer contains how many are left."""
    await activate(logged_in_admin, clock)
    await turn_on(logged_in_admin)

    for name, code, left in (("endUserSessions", 0, 9), ("adminResetTwoFactor", 1, 8)):
        query = mutation(name).replace(
            ERRORS, f"... on {CHANGES[name][1]} {{ viewer {{ id twoFactor {{ backupCodesRemaining }} }} }}"
        )
        factor = {"backupCode": logged_in_admin.codes[code]}
        result = await logged_in_admin.client.execute_one(
            query, userId=member_with_2fa.id, password=PASSWORD, secondFactor=factor
        )
        assert result["viewer"] == {"id": logged_in_admin.id, "twoFactor": {"backupCodesRemaining": left}}


async def test_rule_can_be_turned_off_with_a_backup_code(logged_in_admin: ApiUser, clock: Clock) -> None:
    """The change itself needs the second factor for the last time."""
    await activate(logged_in_admin, clock)
    await turn_on(logged_in_admin)

    result = await logged_in_admin.client.execute_one(
        UPDATE, password=PASSWORD, wanted=False, secondFactor={"backupCode": logged_in_admin.codes[0]}
    )

    assert result["company"] == {"secondFactorForChanges": False}
    clock.advance(TIME_STEP)
    assert (await logged_in_admin.client.execute_one(UPDATE, password=PASSWORD))[
        "__typename"
    ] == "SecurityPolicyUpdated"


async def test_admin_without_2fa_is_asked_to_activate_it(logged_in_admin: ApiUser, new_client: ClientFactory) -> None:
    """The message is in the language of the request."""
    await turn_on(logged_in_admin)
    client = new_client(language="de", session_token=logged_in_admin.session_token)

    assert await client.execute_one(UPDATE, password=PASSWORD, wanted=False) == {
        "__typename": "SecondFactorNeeded",
        "message": "Diese Änderung braucht einen zweiten Faktor. Bitte aktivieren Sie zuerst 2FA.",
    }
