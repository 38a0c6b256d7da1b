"""`confirmOtp`: issues backup codes, or activates 2FA if backup codes are off."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import (
    INACTIVE_TWO_FACTOR,
    ApiUser,
    activate,
    confirm_otp,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    two_factor,
    verify_login,
)
from tests.support.clock import TIME_STEP, Clock, instant
from tests.support.mail_servers import text_of
from tests.support.operations import ACKNOWLEDGE_BACKUP_CODES, CONFIRM_OTP
from tests.support.users import set_security_policy


async def test_issues_ten_codes_and_does_not_activate_yet(
    logged_in_member: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """The codes are also a file. Until they are acknowledged, a login requires only the password."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await side_effects()

    result = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )

    codes, file = result["codes"], result["file"]
    assert (result["__typename"], result["activationId"]) == ("BackupCodesIssued", activation_id)
    assert len(set(codes)) == 10
    assert {len(code) for code in codes} == {10}
    date = f"{clock.now:%Y-%m-%d}"
    assert file["name"] == f"backup-codes_Countersign_{logged_in_member.user.email}_{date}.txt"
    assert file["mimeType"] == "text/plain; charset=utf-8"
    assert [line for line in file["content"].splitlines() if line in codes] == codes
    assert result["expiresAt"] == instant(clock.now + timedelta(minutes=10))
    assert (await two_factor(logged_in_member.client))["state"] == "INACTIVE"
    await log_in(client, logged_in_member.user)
    assert await side_effects() == (["BACKUP_CODES_ISSUED", "LOGIN_SUCCEEDED"], [])


@pytest.mark.parametrize(
    ("locale", "language", "title"),
    [
        ("de", "en", "Backup-Codes von"),
        ("en", "de", "backup codes of"),
        (None, "de", "Backup-Codes von"),
        (None, "fr", "backup codes of"),
    ],
)
async def test_file_is_in_the_language_of_the_user_or_else_of_the_client(
    member: models.User,
    new_client: ClientFactory,
    database: Database,
    clock: Clock,
    locale: str | None,
    language: str,
    title: str,
) -> None:
    """A repeated call returns the same file, with the date of the first one."""
    logged_in = await log_in(new_client(language="fr"), member)
    async with database.transaction():
        await models.User.filter(id=member.id).update(locale=locale)
    client = new_client(language=language, session_token=logged_in.client.session_token)
    activation_id, authenticator = await start_activation(client)
    variables = {"activationId": activation_id, "otp": authenticator.otp(clock.now)}

    file = (await client.execute_one(CONFIRM_OTP, **variables))["file"]

    assert f"{title} {member.email}" in file["content"]
    assert file["name"].lower().startswith("backup-codes_")
    clock.advance(timedelta(minutes=2))
    assert (await client.execute_one(CONFIRM_OTP, **variables))["file"] == file


@pytest.mark.usefixtures("company_without_codes")
async def test_activates_at_once_if_codes_are_off(
    logged_in_member: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """It writes an audit event, sends an email and ends the other sessions."""
    await log_in(client, logged_in_member.user)
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await side_effects()

    result = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )

    assert result == {
        "__typename": "TwoFactorActivated",
        "viewer": {"id": logged_in_member.id},
        "twoFactor": INACTIVE_TWO_FACTOR | {"state": "ACTIVE", "activatedAt": instant(clock.now)},
        "sessionToken": None,
    }
    assert await is_logged_in(logged_in_member.client)
    assert not await is_logged_in(client)
    events, (email,) = await side_effects()
    assert events == ["TWO_FACTOR_ACTIVATED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == (
        "Two-factor authentication is active",
        logged_in_member.user.email,
    )
    assert "Two-factor authentication is now active" in text_of(email)
    assert await start_login(client, logged_in_member.user)


@pytest.mark.usefixtures("company_without_codes")
async def test_repeated_call_returns_the_same_result_if_codes_are_off(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """It ignores the OTP, uses no attempt, and causes no event or email."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    entered = {"activationId": activation_id, "otp": authenticator.otp(clock.now)}
    first = await logged_in_member.client.execute_one(CONFIRM_OTP, **entered)
    await side_effects()
    clock.advance(timedelta(hours=1))

    assert await logged_in_member.client.execute_one(CONFIRM_OTP, **entered) == first
    assert await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp="") == first
    assert await side_effects() == ([], [])


async def test_repeated_call_after_the_acknowledgement_returns_its_result(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """A client that repeats the call late must not tell the user to delete the entry in the app, which is in force."""
    await activate(logged_in_member, clock)
    entered = {"activationId": logged_in_member.activation_id, "otp": "123456"}
    await side_effects()

    answer = await logged_in_member.client.execute_one(CONFIRM_OTP, **entered)

    assert (answer["__typename"], answer["twoFactor"]["state"]) == ("TwoFactorActivated", "ACTIVE")
    assert await side_effects() == ([], [])


@pytest.mark.usefixtures("company_without_codes")
async def test_acknowledgement_without_codes_returns_the_result(logged_in_member: ApiUser, clock: Clock) -> None:
    """A client that expects codes calls `acknowledgeBackupCodes` after `confirmOtp` has activated 2FA."""
    await activate(logged_in_member, clock)

    answer = await logged_in_member.client.execute_one(
        ACKNOWLEDGE_BACKUP_CODES, activationId=logged_in_member.activation_id
    )

    assert (answer["__typename"], answer["twoFactor"]["state"]) == ("TwoFactorActivated", "ACTIVE")


async def test_repeated_call_returns_the_same_codes(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """A client that lost the response repeats the call. It uses no attempt, and causes no event."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    entered = {"activationId": activation_id, "otp": authenticator.otp(clock.now)}
    first = await logged_in_member.client.execute_one(CONFIRM_OTP, **entered)
    await side_effects()
    clock.advance(timedelta(minutes=5))

    assert first["__typename"] == "BackupCodesIssued"
    assert await logged_in_member.client.execute_one(CONFIRM_OTP, **entered) == first
    assert await side_effects() == ([], [])


async def test_newer_otp_issues_new_codes(logged_in_member: ApiUser, client: Api, clock: Clock) -> None:
    """The first codes become invalid."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    first = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )

    clock.advance(TIME_STEP)
    second = await logged_in_member.client.execute_one(
        CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)
    )
    assert second["__typename"] == "BackupCodesIssued"
    assert not set(first["codes"]) & set(second["codes"])

    await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
    token = await start_login(client, logged_in_member.user)
    assert (await verify_login(client, token, backupCode=first["codes"][0]))["__typename"] == "WrongSecondFactor"
    assert (await verify_login(client, token, backupCode=second["codes"][0]))["__typename"] == "LoggedIn"


async def test_issues_codes_if_they_were_turned_on_meanwhile(
    logged_in_member: ApiUser, clock: Clock, database: Database, company: models.Company
) -> None:
    """The flag is read when the OTP is confirmed, not when the activation starts."""
    await set_security_policy(database, company, backup_codes_enabled=False)
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await set_security_policy(database, company, backup_codes_enabled=True)

    assert (await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "BackupCodesIssued"


async def test_issues_no_codes_if_they_were_turned_off_meanwhile(
    logged_in_member: ApiUser, clock: Clock, database: Database, company: models.Company
) -> None:
    """Confirming the OTP activates 2FA instead."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    await set_security_policy(database, company, backup_codes_enabled=False)

    assert (await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "TwoFactorActivated"


async def test_ends_the_activation_after_five_wrong_otps(
    logged_in_member: ApiUser, new_client: ClientFactory, clock: Clock, side_effects: SideEffects
) -> None:
    """Each error has the number of attempts left. The attempt limit of logins does not change."""
    client = new_client(language="de")
    await log_in(client, logged_in_member.user)
    activation_id, authenticator = await start_activation(client)
    await side_effects()

    for attempts_remaining in (4, 3, 2, 1, 0):
        result = await client.execute_one(
            CONFIRM_OTP, activationId=activation_id, otp=authenticator.wrong_otp(clock.now)
        )
        assert result == {
            "__typename": "WrongOtp",
            "message": "Dieses Einmalpasswort ist falsch, abgelaufen oder schon benutzt. "
            f"Verbleibende Versuche bis zu einem Neubeginn: {attempts_remaining}.",
            "attemptsRemaining": attempts_remaining,
            "malformed": False,
        }
    assert await client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=authenticator.otp(clock.now)) == {
        "__typename": "ActivationExpired",
        "message": "Diese Aktivierung hat zu lange gedauert oder ist beendet. Bitte beginnen Sie von vorn.",
    }
    assert await side_effects() == (["SECOND_FACTOR_FAILED"] * 5, [])
    activation_id, authenticator = await start_activation(client)
    assert (await confirm_otp(client, activation_id, authenticator.otp(clock.now)))["__typename"] == "BackupCodesIssued"


async def test_malformed_otp_uses_no_attempt(logged_in_member: ApiUser, clock: Clock) -> None:
    """The error is that of a wrong OTP, with all attempts left."""
    activation_id, authenticator = await start_activation(logged_in_member.client)

    for otp in ("", "12345", "1234567", "١٢٣٤٥٦", "x" * 5000, "+123456"):
        result = await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=otp)
        assert result == {
            "__typename": "WrongOtp",
            "message": "This one-time password is malformed, and no attempt was used. It has 6 digits.",
            "attemptsRemaining": 5,
            "malformed": True,
        }
    assert (await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "BackupCodesIssued"


async def test_activation_expires_after_ten_minutes(logged_in_member: ApiUser, clock: Clock) -> None:
    """A correct OTP is then too late."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    clock.advance(timedelta(minutes=10))

    assert (await confirm_otp(logged_in_member.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "ActivationExpired"


async def test_rejects_the_activation_of_another_user(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """The result is the same for an unknown id and an id of another type."""
    activation_id, authenticator = await start_activation(logged_in_member.client)

    for wrong_id in (activation_id, "", "cs_nothing", logged_in_member.id):
        assert await logged_in_admin.client.execute_one(
            CONFIRM_OTP, activationId=wrong_id, otp=authenticator.otp(clock.now)
        ) == {
            "__typename": "ActivationExpired",
            "message": "This activation took too long or has ended. Please start again.",
        }
    assert (await two_factor(logged_in_admin.client))["state"] == "INACTIVE"
