"""`regenerateBackupCodes`: replaces the backup code set."""

import pytest

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, start_login, two_factor, verify_login, verify_outcome
from tests.support.clock import Clock
from tests.support.mail_servers import text_of
from tests.support.operations import LOGIN, REGENERATE_BACKUP_CODES
from tests.support.users import PASSWORD, WRONG_PASSWORD

REGENERATE_WITH_VIEWER = """
    mutation ($password: String!) {
        regenerateBackupCodes(password: $password) {
            ... on BackupCodesRegenerated {
                codes file { name mimeType content } viewer { twoFactor { backupCodesRemaining } } activationId
            }
        }
    }"""


async def test_replaces_all_codes(member_with_2fa: ApiUser, client: Api, side_effects: SideEffects) -> None:
    """The old codes stop working at once, the user gets an email, and this session continues."""
    await verify_login(client, await start_login(client, member_with_2fa.user), backupCode=member_with_2fa.codes[0])
    await side_effects()

    result = await member_with_2fa.client.execute_one(REGENERATE_WITH_VIEWER, password=PASSWORD)

    codes, file = result["codes"], result["file"]
    assert len(set(codes)) == 10
    assert not set(codes) & set(member_with_2fa.codes)
    assert file["name"].startswith(f"backup-codes_Countersign_{member_with_2fa.user.email}_")
    assert file["mimeType"] == "text/plain; charset=utf-8"
    assert [line for line in file["content"].splitlines() if line in codes] == codes
    assert result["viewer"]["twoFactor"] == {"backupCodesRemaining": 10}
    assert result["activationId"] is None
    assert await is_logged_in(member_with_2fa.client)
    events, (email,) = await side_effects()
    assert events == ["BACKUP_CODES_ISSUED"]
    assert email["Subject"] == "You have new backup codes"
    assert "The earlier ones no longer work." in text_of(email)
    assert not any(code in email.as_string() for code in codes)

    token = await start_login(client, member_with_2fa.user)
    assert (await verify_login(client, token, backupCode=member_with_2fa.codes[1]))["__typename"] == "WrongSecondFactor"
    assert (await verify_login(client, token, backupCode=codes[1]))["__typename"] == "LoggedIn"


async def test_until_acknowledged_leaves_the_old_codes_in_force(
    member_with_2fa: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """A login accepts an old code and no new one, and open challenges continue. No email is sent."""
    challenge = await start_login(client, member_with_2fa.user)
    await side_effects()

    result = await member_with_2fa.client.execute_one(
        REGENERATE_BACKUP_CODES, password=PASSWORD, untilAcknowledged=True
    )

    assert result["__typename"] == "BackupCodesRegenerated"
    assert result["activationId"]
    assert await side_effects() == (["BACKUP_CODES_ISSUED"], [])
    assert await verify_outcome(client, challenge, backupCode=result["codes"][0]) == "WrongSecondFactor"
    assert await verify_outcome(client, challenge, backupCode=member_with_2fa.codes[0]) == "LoggedIn"
    assert (await two_factor(member_with_2fa.client))["backupCodesRemaining"] == 9


async def test_null_is_the_default_of_until_acknowledged(member_with_2fa: ApiUser) -> None:
    """A client can send an optional variable that its user did not set."""
    result = await member_with_2fa.client.execute_one(
        REGENERATE_BACKUP_CODES, password=PASSWORD, untilAcknowledged=None
    )

    assert (result["__typename"], result["activationId"]) == ("BackupCodesRegenerated", None)


async def test_ends_open_challenges(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """A login that started before the change cannot be completed."""
    token = await start_login(client, member_with_2fa.user)
    await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD)

    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "ChallengeExpired"


async def test_requires_the_password(
    member_with_2fa: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """A wrong password uses an attempt. After five, the correct one has to wait too."""
    client = new_client(language="de", session_token=member_with_2fa.session_token)
    await side_effects()

    assert await client.execute_one(REGENERATE_BACKUP_CODES, password=WRONG_PASSWORD) == {
        "__typename": "WrongPassword",
        "message": "Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: 4.",
        "attemptsRemaining": 4,
    }
    for _ in range(4):
        await client.execute_one(REGENERATE_BACKUP_CODES, password=WRONG_PASSWORD)
    assert (await client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD))["__typename"] == "TooManyAttempts"
    assert await side_effects() == (["LOCKED", *["REAUTHENTICATION_FAILED"] * 5], [])
    login = await client.execute_one(LOGIN, email=member_with_2fa.user.email, password=PASSWORD)
    assert login["__typename"] == "SecondFactorRequired", "logins have another attempt limit"
    assert (await two_factor(client))["backupCodesRemaining"] == 10


@pytest.mark.usefixtures("company_without_codes")
async def test_returns_an_error_if_codes_are_off(
    member_with_2fa: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """No codes are issued, and the message gives the reason."""
    client = new_client(language="de", session_token=member_with_2fa.session_token)
    await side_effects()

    assert await client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD) == {
        "__typename": "BackupCodesDisabled",
        "message": "Backup-Codes sind für Ihr Unternehmen deaktiviert.",
    }
    assert await side_effects() == ([], [])


async def test_returns_an_error_if_2fa_is_inactive(logged_in_member: ApiUser, side_effects: SideEffects) -> None:
    """Codes have no use without 2FA."""
    await side_effects()

    assert await logged_in_member.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD) == {
        "__typename": "TwoFactorNotActive",
        "message": "2FA is not active.",
    }
    assert await side_effects() == ([], [])


async def test_requires_a_session(client: Api) -> None:
    """Without a session, the error is `UNAUTHENTICATED`."""
    assert await client.outcome(REGENERATE_BACKUP_CODES, password=PASSWORD) == "UNAUTHENTICATED"
