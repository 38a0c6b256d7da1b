"""`Company.resetsNeedVoucher`: after a reset, an activation needs the voucher that only the admin got."""

from datetime import timedelta
from typing import Any

import pytest

import models
from models.database import Database
from tests.api.conftest import SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, log_in, two_factor
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock, instant
from tests.support.mail_servers import text_of
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    CONFIRM_OTP,
    RESET_WITH_VOUCHER,
    START_WITH_VOUCHER,
)
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD, set_security_policy

ERRORS = "... on UserError { message }"
UPDATE = f"""
    mutation ($password: String!, $wanted: Boolean) {{
        updateSecurityPolicy(password: $password, resetsNeedVoucher: $wanted) {{
            __typename ... on SecurityPolicyUpdated {{ company {{ resetsNeedVoucher }} }} {ERRORS}
        }}
    }}"""
VOUCHER_NEEDED = "{ viewer { twoFactor { setupRequired voucherNeeded } } }"
WRONG_VOUCHER = WRONG_BACKUP_CODE


async def reset(admin: ApiUser, user: ApiUser) -> dict[str, Any]:
    """Reset the 2FA of a user."""
    return await admin.client.execute_one(RESET_WITH_VOUCHER, userId=user.id, password=PASSWORD)


async def start(client: Api, voucher: str | None = None, password: str = PASSWORD) -> dict[str, Any]:
    """Start an activation."""
    return await client.execute_one(START_WITH_VOUCHER, password=password, voucher=voucher)


@pytest.fixture
async def voucher(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, database: Database, company: models.Company, client: Api
) -> str:
    """Enforce 2FA, turn the rule on, and return the voucher of a member, who is logged in again with `client`."""
    await set_security_policy(database, company, resets_need_voucher=True)
    result = await reset(logged_in_admin, member_with_2fa)
    await set_security_policy(database, company, two_factor_enforced=True)
    await log_in(client, member_with_2fa.user)
    return str(result["voucher"])


async def test_rule_is_off_by_default(
    logged_in_admin: ApiUser, member_with_2fa: ApiUser, side_effects: SideEffects
) -> None:
    """A reset returns no voucher then. The audit log records that the rule was turned on."""
    result = await reset(logged_in_admin, member_with_2fa)
    assert (result["voucher"], result["voucherExpiresAt"]) == (None, None)
    assert result["user"]["twoFactor"] == {"voucherNeeded": False}
    await side_effects()

    updated = await logged_in_admin.client.execute_one(UPDATE, password=PASSWORD, wanted=True)

    assert updated == {"__typename": "SecurityPolicyUpdated", "company": {"resetsNeedVoucher": True}}
    assert await side_effects() == (["SECURITY_POLICY_CHANGED"], [])


async def test_reset_returns_a_voucher_once(
    logged_in_admin: ApiUser,
    member_with_2fa: ApiUser,
    database: Database,
    company: models.Company,
    clock: Clock,
    side_effects: SideEffects,
) -> None:
    """The email to the user says that they need it and who has it, in their language. It does not contain it."""
    await set_security_policy(database, company, resets_need_voucher=True)
    await side_effects()

    result = await reset(logged_in_admin, member_with_2fa)

    assert len(result["voucher"]) == 10
    assert result["voucherExpiresAt"] == instant(clock.now + timedelta(hours=24))
    assert result["user"]["twoFactor"] == {"voucherNeeded": True}
    events, [message] = await side_effects()
    assert events == ["TWO_FACTOR_RESET"]
    assert f"{logged_in_admin.user.name} gives it to you in person or by phone" in " ".join(text_of(message).split())
    assert result["voucher"] not in message.as_string()


@pytest.mark.attack("D13")
@pytest.mark.usefixtures("voucher")
async def test_thief_with_the_password_cannot_enrol(client: Api, side_effects: SideEffects) -> None:
    """2FA is enforced, so the password alone leads to nothing else either."""
    await side_effects()
    assert await client.execute_one(VOUCHER_NEEDED) == {"twoFactor": {"setupRequired": True, "voucherNeeded": True}}

    assert (await start(client))["__typename"] == "VoucherNeeded"
    assert (await start(client, WRONG_VOUCHER))["__typename"] == "WrongVoucher"

    assert await side_effects() == (["VOUCHER_FAILED"], [])
    assert (await two_factor(client))["state"] == "INACTIVE"
    closed = await client.execute("{ users(first: 1) { totalCount } }")
    assert closed["errors"][0]["extensions"]["code"] == "TWO_FACTOR_SETUP_REQUIRED"


async def test_voucher_starts_the_activation(client: Api, voucher: str, clock: Clock) -> None:
    """It works as the user types it, and again until the activation is complete."""
    await start(client, voucher)
    started = await start(client, f" {voucher[:5].lower()}-{voucher[5:]} ")
    otp = Authenticator.parse(started["otpauthUri"]).otp(clock.now)
    await client.execute_one(CONFIRM_OTP, activationId=started["activationId"], otp=otp)

    result = await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=started["activationId"])

    assert result["__typename"] == "TwoFactorActivated"
    assert await client.execute_one(VOUCHER_NEEDED) == {"twoFactor": {"setupRequired": False, "voucherNeeded": False}}


@pytest.mark.attack("D14")
async def test_wrong_vouchers_have_to_wait(client: Api, voucher: str, clock: Clock) -> None:
    """The answer that starts the wait says when it ends. Then the right voucher is not checked either."""
    answers = [await start(client, WRONG_VOUCHER) for _ in range(5)]

    assert [each["attemptsRemaining"] for each in answers] == [4, 3, 2, 1, 0]
    assert [each["malformed"] for each in answers] == [False] * 5
    assert answers[3]["nextAttemptAt"] is None
    assert answers[4]["nextAttemptAt"] == instant(clock.now + timedelta(seconds=30))
    assert answers[4]["retryAfterSeconds"] == 30
    assert (await start(client, voucher))["__typename"] == "TooManyAttempts"
    clock.advance(timedelta(seconds=30))
    assert (await start(client, voucher))["__typename"] == "TwoFactorActivation"


async def test_malformed_voucher_says_so(client: Api, voucher: str) -> None:
    """It uses no attempt, and the message says what a voucher looks like."""
    for text in ("", voucher[:9], "x" * 5000):
        result = await start(client, text)
        assert (result["__typename"], result["malformed"], result["attemptsRemaining"]) == ("WrongVoucher", True, 5)
        assert result["message"].endswith("It has 10 letters and digits.")


@pytest.mark.attack("D14")
async def test_wrong_password_is_answered_alike(client: Api, voucher: str) -> None:
    """Without the password nobody learns whether a voucher is right, or needed."""
    answers = [await start(client, text, WRONG_PASSWORD) for text in (None, voucher, WRONG_VOUCHER, "malformed")]

    assert {each["__typename"] for each in answers} == {"WrongPassword"}
    assert [each["attemptsRemaining"] for each in answers] == [4, 3, 2, 1]


async def test_second_reset_replaces_the_voucher(
    client: Api,
    voucher: str,
    logged_in_admin: ApiUser,
    member_with_2fa: ApiUser,
    database: Database,
    company: models.Company,
) -> None:
    """An admin can reset the user again while they need a voucher. Without the rule, there is nothing to reset."""
    await set_security_policy(database, company, two_factor_enforced=False)
    again = await reset(logged_in_admin, member_with_2fa)
    assert again["__typename"] == "TwoFactorReset"
    await log_in(client, member_with_2fa.user)

    assert (await start(client, voucher))["__typename"] == "WrongVoucher"
    assert (await start(client, again["voucher"]))["__typename"] == "TwoFactorActivation"

    await set_security_policy(database, company, resets_need_voucher=False)
    assert (await reset(logged_in_admin, member_with_2fa))["__typename"] == "TwoFactorNotActive"


@pytest.mark.usefixtures("voucher")
async def test_admin_reads_who_needs_one(logged_in_admin: ApiUser, database: Database, company: models.Company) -> None:
    """The page of the user offers another reset then."""
    await set_security_policy(database, company, two_factor_enforced=False)

    users = await logged_in_admin.client.execute_one("{ users { nodes { name twoFactor { voucherNeeded } } } }")

    needed = {each["name"]: each["twoFactor"]["voucherNeeded"] for each in users["nodes"]}
    assert needed == {"Ada": False, "Mia": True}
