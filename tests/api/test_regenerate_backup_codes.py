"""`regenerateBackupCodes`: ten new codes, and the old ones are void."""

import pytest

from tests.api.conftest import Aftermath
from tests.api.steps import (
    LOGIN,
    WRONG_PASSWORD,
    Connect,
    Person,
    challenge,
    error_code,
    is_signed_in,
    outcome,
    text_of,
    two_factor,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock

REGENERATE = """
    mutation Regenerate($password: String!) {
        regenerateBackupCodes(password: $password) {
            __typename
            ... on BackupCodesRegenerated {
                codes file { name mimeType content } viewer { twoFactor { backupCodesRemaining } }
            }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
            ... on TooManyAttempts { retryAt }
        }
    }"""


async def test_replaces_all_codes(mia_with_2fa: Person, device: Api, aftermath: Aftermath) -> None:
    """The old ones stop working at once, the new ones are counted, a letter tells of it, and this session stays."""
    await verify(device, await challenge(device, mia_with_2fa.user), backupCode=mia_with_2fa.codes[0])
    await aftermath()

    answer = await outcome(mia_with_2fa.device, REGENERATE, password=PASSWORD)

    codes, file = answer["codes"], answer["file"]
    assert len(set(codes)) == 10
    assert not set(codes) & set(mia_with_2fa.codes)
    assert (file["name"], file["mimeType"]) == ("backup-codes.txt", "text/plain; charset=utf-8")
    assert [line for line in file["content"].splitlines() if line in codes] == codes
    assert answer["viewer"]["twoFactor"] == {"backupCodesRemaining": 10}
    assert await is_signed_in(mia_with_2fa.device)
    events, (letter,) = await aftermath()
    assert events == ["BACKUP_CODES_ISSUED"]
    assert letter["Subject"] == "You have new backup codes"
    assert "The earlier ones no longer work." in text_of(letter)
    assert not any(code in letter.as_string() for code in codes)

    token = await challenge(device, mia_with_2fa.user)
    assert (await verify(device, token, backupCode=mia_with_2fa.codes[1]))["__typename"] == "WrongSecondFactor"
    assert (await verify(device, token, backupCode=codes[1]))["__typename"] == "LoggedIn"


async def test_ends_sign_ins_that_are_under_way(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """What was begun before the change cannot be finished after it."""
    token = await challenge(device, mia_with_2fa.user)
    await outcome(mia_with_2fa.device, REGENERATE, password=PASSWORD)

    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "ChallengeExpired"


async def test_asks_for_the_password(mia_with_2fa: Person, connect: Connect, aftermath: Aftermath) -> None:
    """A wrong one changes nothing and is counted; after five even the right one has to wait."""
    device = connect(language="de")
    device.session_token = mia_with_2fa.device.session_token
    await aftermath()

    assert await outcome(device, REGENERATE, password=WRONG_PASSWORD) == {
        "__typename": "WrongPassword",
        "message": "Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: 4.",
        "attemptsRemaining": 4,
    }
    for _ in range(4):
        await outcome(device, REGENERATE, password=WRONG_PASSWORD)
    assert (await outcome(device, REGENERATE, password=PASSWORD))["__typename"] == "TooManyAttempts"
    assert await aftermath() == (["LOCKED", *["REAUTHENTICATION_FAILED"] * 5], [])
    login = await outcome(device, LOGIN, email=mia_with_2fa.user.email, password=PASSWORD)
    assert login["__typename"] == "TooManyAttempts", "the budget is that of the login"
    assert (await two_factor(device))["backupCodesRemaining"] == 10


@pytest.mark.usefixtures("company_without_codes")
async def test_is_refused_where_codes_are_off(mia_with_2fa: Person, connect: Connect, aftermath: Aftermath) -> None:
    """None are issued, and the message says why."""
    device = connect(language="de")
    device.session_token = mia_with_2fa.device.session_token
    await aftermath()

    assert await outcome(device, REGENERATE, password=PASSWORD) == {
        "__typename": "BackupCodesDisabled",
        "message": "Backup-Codes sind für Ihr Unternehmen deaktiviert.",
    }
    assert await aftermath() == ([], [])


async def test_is_refused_while_2fa_is_inactive(mia: Person, aftermath: Aftermath) -> None:
    """Codes without 2FA would open nothing."""
    await aftermath()

    assert await outcome(mia.device, REGENERATE, password=PASSWORD) == {
        "__typename": "TwoFactorNotActive",
        "message": "2FA is not active.",
    }
    assert await aftermath() == ([], [])


async def test_nobody_gets_codes_without_a_session(device: Api) -> None:
    """There is nobody to give them to."""
    assert await error_code(device, REGENERATE, password=PASSWORD) == "UNAUTHENTICATED"
