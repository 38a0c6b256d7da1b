"""The messages of user errors advise only what the same user can do."""

from dataclasses import dataclass
from typing import Any

import pytest

import models
from accounts import users
from accounts.services import Services
from models import Role, SecondFactorMethod
from models.database import Database
from security.constants import SECOND_FACTOR_FAILURES_ALLOWED
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, start_activation, start_login
from tests.support.clock import Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    CONFIRM_OTP,
    REGENERATE_BACKUP_CODES,
    START_TWO_FACTOR_ACTIVATION,
    VERIFY_LOGIN,
)
from tests.support.users import PASSWORD, make_user, set_security_policy


@dataclass
class OtherAdmin:
    """Another admin of the company account, whom a test can add and disable."""

    services: Services
    company: models.Company
    password_hash: str
    clock: Clock

    async def add(self) -> None:
        """Create the admin."""
        await make_user(
            self.services.database, self.company, self.password_hash, self.clock, name="Zoe", role=Role.ADMIN
        )

    async def disable(self) -> None:
        """Disable the admin, who can help nobody then."""
        user = await users.find_user_by_email(self.services, "zoe@acme.example")
        await users.disable_user(self.services, user.id, force=True)


@pytest.fixture
def other_admin(services: Services, company: models.Company, password_hash: str, clock: Clock) -> OtherAdmin:
    """Return another admin, who is not there yet."""
    return OtherAdmin(services, company, password_hash, clock)


async def enforce(database: Database, company: models.Company, **policy: bool) -> None:
    """Enforce 2FA, or set other rules."""
    await set_security_policy(database, company, **(policy or {"two_factor_enforced": True}))


async def test_reset_of_own_2fa(
    logged_in_admin: ApiUser, other_admin: OtherAdmin, database: Database, company: models.Company, clock: Clock
) -> None:
    """An admin can deactivate it unless it is enforced or inactive, and can ask another admin if there is one."""

    async def advice() -> str:
        result = await logged_in_admin.client.execute_one(
            ADMIN_RESET_TWO_FACTOR, userId=logged_in_admin.id, password=PASSWORD
        )
        assert result["__typename"] == "CannotResetOwnTwoFactor"
        return str(result["message"]).removeprefix("You cannot reset your own 2FA")

    assert await advice() == ", and it is not active."
    await activate(logged_in_admin, clock)
    assert await advice() == ". You can deactivate it."
    await other_admin.add()
    assert await advice() == ". Deactivate it, or ask another admin."
    await enforce(database, company)
    assert await advice() == ", and it is required for your account. Ask another admin to reset it."
    await other_admin.disable()
    assert await advice() == (
        ". It is required for your account, and your company has no other admin, so only the operator of this "
        "service can reset it."
    )


async def test_new_device_while_2fa_is_active(
    member_with_2fa: ApiUser, database: Database, company: models.Company
) -> None:
    """A user can always replace the authenticator."""
    for _ in range(2):
        result = await member_with_2fa.client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD)
        assert result["__typename"] == "TwoFactorAlreadyActive"
        assert result["message"].endswith("replace your authenticator app.")
        await enforce(database, company)


async def test_locked_second_factor(
    member_with_2fa: ApiUser, other_admin: OtherAdmin, client: Api, database: Database, company: models.Company
) -> None:
    """A user can enter another factor that is available and not locked, and can ask an admin if there is one."""

    async def lock(factor: str) -> None:
        async with database.transaction():
            await models.AttemptCount.create(
                subject=member_with_2fa.user.id.hex, factor=factor, failures=0,
                failures_since_sign_in=SECOND_FACTOR_FAILURES_ALLOWED, last_attempt_at=member_with_2fa.user.created_at,
            )  # fmt: skip

    async def advice(**second_factor: str) -> str:
        token = await start_login(client, member_with_2fa.user)
        result = await client.execute_one(
            VERIFY_LOGIN, challengeToken=token, secondFactor=second_factor or {"otp": "123456"}
        )
        assert result["__typename"] == "SecondFactorLocked"
        return str(result["message"]).removeprefix("There were too many wrong codes. Please ")

    await lock(SecondFactorMethod.OTP)
    assert await advice() == "log in with your other method."
    assert await advice(otp="12 34") == "log in with your other method."
    await enforce(database, company, backup_codes_enabled=False)
    assert await advice() == "ask the operator of this service to reset your 2FA."
    await other_admin.add()
    assert await advice() == "ask an admin to reset your 2FA."
    await enforce(database, company, backup_codes_enabled=True)
    assert await advice() == "log in with your other method, or ask an admin to reset your 2FA."
    await lock(SecondFactorMethod.BACKUP_CODE)
    assert await advice(backupCode="0000000000") == "ask an admin to reset your 2FA."


async def test_second_factor_of_a_change(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, database: Database, company: models.Company
) -> None:
    """A user without 2FA has to activate it, and one without backup codes can enter an OTP alone."""
    await enforce(database, company, second_factor_for_changes=True)

    async def advice(**second_factor: str) -> str:
        result = await member_with_2fa.client.execute_one(
            """mutation ($password: String!, $secondFactor: SecondFactorInput) {
                deactivateTwoFactor(password: $password, secondFactor: $secondFactor) {
                    __typename ... on UserError { message } } }""",
            password=PASSWORD,
            secondFactor=second_factor or None,
        )
        return str(result["message"])

    assert await advice() == "Please also enter a one-time password or a backup code."
    assert (await advice(otp="1")).endswith("6 digits. A backup code has 10 letters and digits.")
    await enforce(database, company, backup_codes_enabled=False)
    assert await advice() == "Please also enter a one-time password."
    assert (await advice(otp="1")).endswith(" no attempt was used. A one-time password has 6 digits.")
    await enforce(database, company, backup_codes_enabled=True)
    async with database.transaction():
        await models.User.filter(id=member_with_2fa.user.id).update(backup_codes_remaining=0)
    assert await advice() == "Please also enter a one-time password."
    result = await logged_in_admin.client.execute_one(
        "mutation ($password: String!) { updateSecurityPolicy(password: $password) {"
        " __typename ... on UserError { message } } }",
        password=PASSWORD,
    )
    assert result == {
        "__typename": "SecondFactorNeeded", "message": "This change needs a second factor. Please activate 2FA first.",
    }  # fmt: skip


async def test_malformed_second_factor_of_a_login(
    member_with_2fa: ApiUser, client: Api, database: Database, company: models.Company
) -> None:
    """The message describes backup codes only if the user can enter one."""
    token = await start_login(client, member_with_2fa.user)

    async def mentions_backup_codes() -> bool:
        result = await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor={"otp": "1"})
        assert result["malformed"] is True
        return "backup code" in result["message"]

    assert await mentions_backup_codes()
    await enforce(database, company, backup_codes_enabled=False)
    assert not await mentions_backup_codes()


async def test_activation_that_has_ended(logged_in_member: ApiUser, clock: Clock) -> None:
    """A user whose 2FA is active in the meantime cannot start again."""
    earlier, authenticator = await start_activation(logged_in_member.client)

    async def advice(operation: str, activation_id: str, **variables: object) -> str:
        result: dict[str, Any] = await logged_in_member.client.execute_one(
            operation, activationId=activation_id, **variables
        )
        assert result["__typename"] == "ActivationExpired"
        return str(result["message"]).removeprefix("This activation took too long or has ended. ")

    again = "Please start again."
    await start_activation(logged_in_member.client)
    assert await advice(CONFIRM_OTP, earlier, otp=authenticator.otp(clock.now)) == again
    assert await advice(ACKNOWLEDGE_BACKUP_CODES, "unknown") == again
    await activate(logged_in_member, clock)
    for activation_id in (earlier, "unknown"):
        assert await advice(CONFIRM_OTP, activation_id, otp="123456") == "Your 2FA is active and unchanged."
        assert await advice(ACKNOWLEDGE_BACKUP_CODES, activation_id) == "Your 2FA is active and unchanged."


async def test_new_backup_codes_that_have_ended(
    member_with_2fa: ApiUser, database: Database, company: models.Company
) -> None:
    """A user can get others only while backup codes are on."""
    issued = await member_with_2fa.client.execute_one(
        REGENERATE_BACKUP_CODES, password=PASSWORD, untilAcknowledged=True
    )
    async with database.transaction():
        await models.BackupCodeReplacement.all().delete()

    async def may_start_again() -> bool:
        result = await member_with_2fa.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=issued["activationId"])
        assert result["__typename"] == "ActivationExpired"
        assert str(result["message"]).startswith("These new backup codes are not valid")
        return "start again" in result["message"]

    assert await may_start_again()
    await enforce(database, company, backup_codes_enabled=False)
    assert not await may_start_again()
