"""`acknowledgeBackupCodes`: the user stored the codes, so 2FA is activated, or new codes replace the old ones."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    activate,
    confirm_otp,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    two_factor,
    verify_login,
    verify_outcome,
)
from tests.support.clock import TIME_STEP, Clock, instant
from tests.support.factories import NEW_BACKUP_CODE, insert_replacement
from tests.support.mail_servers import text_of
from tests.support.operations import ACKNOWLEDGE_BACKUP_CODES, CONFIRM_OTP, DEACTIVATE_TWO_FACTOR, SESSIONS
from tests.support.users import PASSWORD, set_security_policy


@pytest.mark.parametrize("language", ["en", "de"])
async def test_activates_2fa(
    member: models.User, new_client: ClientFactory, clock: Clock, side_effects: SideEffects, language: str
) -> None:
    """It writes an audit event, sends an email in the user's language and ends the user's other sessions."""
    client, other_client = new_client(language=language), new_client()
    await log_in(client, member)
    await log_in(other_client, member)
    activation_id, authenticator = await start_activation(client)
    await confirm_otp(client, activation_id, authenticator.otp(clock.now))
    await side_effects()

    result = await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)

    assert result == {
        "__typename": "TwoFactorActivated",
        "viewer": {"id": f"user_{member.id.hex}"},
        "twoFactor": {
            "state": "ACTIVE",
            "enforced": False,
            "setupRequired": False,
            "activatedAt": instant(clock.now),
            "lastUsedAt": None,
            "backupCodesRemaining": 10,
        },
        "sessionToken": None,
    }
    assert await two_factor(client) == result["twoFactor"]
    assert not await is_logged_in(other_client)
    assert await start_login(other_client, member)
    events, (email,) = await side_effects()
    assert events == ["SECOND_FACTOR_REQUIRED", "TWO_FACTOR_ACTIVATED"]
    subject, sentence = {
        "en": ("Two-factor authentication is active", "From now on, logging in takes your password and a one-time"),
        "de": ("Zwei-Faktor-Authentifizierung ist aktiv", "Ab sofort brauchen Sie zum Anmelden Ihr Passwort und ein"),
    }[language]
    assert (email["Subject"], email["Content-Language"]) == (subject, language)
    assert email["To"].addresses[0].addr_spec == member.email
    assert sentence in text_of(email)


async def test_repeated_call_returns_the_same_result(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """It does so while the activation is in force, without a second event or email."""
    activation_id = (await activate(logged_in_member, clock)).activation_id
    await side_effects()
    first = await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
    clock.advance(timedelta(days=1))

    assert await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id) == first
    assert first["__typename"] == "TwoFactorActivated"
    assert await side_effects() == ([], [])


async def test_activation_expires_when_2fa_is_deactivated(logged_in_member: ApiUser, clock: Clock) -> None:
    """A repeated call neither activates 2FA again nor returns a later activation."""
    activation_id = (await activate(logged_in_member, clock)).activation_id
    await logged_in_member.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD)
    assert (await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id))[
        "__typename"
    ] == "ActivationExpired"

    await activate(logged_in_member, clock)
    assert (await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id))[
        "__typename"
    ] == "ActivationExpired"


async def test_requires_a_confirmed_otp(logged_in_member: ApiUser, new_client: ClientFactory) -> None:
    """A client cannot skip the check that the authenticator is set up."""
    client = new_client(language="de", session_token=logged_in_member.session_token)
    activation_id, _ = await start_activation(client)

    assert await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id) == {
        "__typename": "OtpNotConfirmed",
        "message": "Bitte geben Sie zuerst ein Einmalpasswort aus Ihrer Authenticator-App ein.",
    }
    assert (await two_factor(client))["state"] == "INACTIVE"


async def test_activates_if_backup_codes_were_turned_off_meanwhile(
    logged_in_member: ApiUser, client: Api, clock: Clock, database: Database, company: models.Company
) -> None:
    """The issued codes are not counted until the flag is on again; then they work."""
    activation_id, logged_in_member.authenticator = await start_activation(logged_in_member.client)
    codes = (await confirm_otp(logged_in_member.client, activation_id, logged_in_member.authenticator.otp(clock.now)))[
        "codes"
    ]
    await set_security_policy(database, company, backup_codes_enabled=False)

    result = await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
    assert (result["twoFactor"]["state"], result["twoFactor"]["backupCodesRemaining"]) == ("ACTIVE", None)

    await set_security_policy(database, company, backup_codes_enabled=True)
    assert (await two_factor(logged_in_member.client))["backupCodesRemaining"] == 10
    assert (await verify_login(client, await start_login(client, logged_in_member.user), backupCode=codes[0]))[
        "__typename"
    ] == "LoggedIn"


async def test_completes_the_enforced_setup(
    member: models.User, client: Api, clock: Clock, database: Database, company: models.Company
) -> None:
    """After this call, the same session has full access."""
    await set_security_policy(database, company, two_factor_enforced=True)
    await log_in(client, member)
    activation_id, authenticator = await start_activation(client)
    await confirm_otp(client, activation_id, authenticator.otp(clock.now))

    result = await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)

    assert (result["twoFactor"]["enforced"], result["twoFactor"]["setupRequired"]) == (True, False)
    assert [session["current"] for session in (await client.execute_one(SESSIONS))["sessions"]] == [True]


async def test_fails_after_ten_minutes(logged_in_member: ApiUser, clock: Clock) -> None:
    """The codes of an expired activation do not work."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    clock.advance(TIME_STEP)
    await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now))
    clock.advance(timedelta(minutes=10) - TIME_STEP)

    assert (await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id))[
        "__typename"
    ] == "ActivationExpired"
    assert (await two_factor(logged_in_member.client))["state"] == "INACTIVE"


async def test_rejects_the_activation_of_another_user(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """The result is the same as for an unknown activation."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now))

    assert (await logged_in_admin.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id))[
        "__typename"
    ] == "ActivationExpired"
    assert (
        (await two_factor(logged_in_member.client))["state"]
        == (await two_factor(logged_in_admin.client))["state"]
        == "INACTIVE"
    )


async def test_puts_new_codes_in_force(
    member_with_2fa: ApiUser, client: Api, database: Database, clock: Clock, side_effects: SideEffects
) -> None:
    """It sends an email and ends no session. A repeated call returns the same result without a second email."""
    member = member_with_2fa.user
    async with database.transaction():
        variables = {"activationId": await insert_replacement(member.id, clock.now), "rotateSession": True}
    await side_effects()

    result = await member_with_2fa.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, **variables)

    assert result == {"__typename": "BackupCodesAcknowledged", "viewer": {"id": f"user_{member.id.hex}"}}
    events, (email,) = await side_effects()
    assert (events, email["Subject"]) == (["BACKUP_CODES_ACKNOWLEDGED"], "You have new backup codes")
    assert "The earlier ones no longer work." in text_of(email)
    assert await member_with_2fa.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, **variables) == result
    assert await side_effects() == ([], [])
    challenge = await start_login(client, member)
    assert await verify_outcome(client, challenge, backupCode=member_with_2fa.codes[0]) == "WrongSecondFactor"
    assert await verify_outcome(client, challenge, backupCode=NEW_BACKUP_CODE) == "LoggedIn"


async def test_rejects_the_new_codes_of_another_user(
    member: models.User, logged_in_admin: ApiUser, database: Database, clock: Clock
) -> None:
    """The result is the same as for an unknown id."""
    async with database.transaction():
        activation_id = await insert_replacement(member.id, clock.now)

    for query, variables in ((ACKNOWLEDGE_BACKUP_CODES, {}), (CONFIRM_OTP, {"otp": "123456"})):
        result = await logged_in_admin.client.execute_one(query, activationId=activation_id, **variables)
        unknown = await logged_in_admin.client.execute_one(
            query, activationId=f"cs_replacement_{'A' * 43}", **variables
        )
        assert result == unknown
        assert result["__typename"] == "ActivationExpired"
