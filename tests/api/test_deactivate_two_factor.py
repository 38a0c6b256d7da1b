"""`deactivateTwoFactor`: the user's own 2FA is off, for good or to move to a new device."""

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    WRONG_PASSWORD,
    Connect,
    Person,
    activate,
    challenge,
    is_signed_in,
    outcome,
    set_rules,
    sign_in,
    start,
    text_of,
    two_factor,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock

DEACTIVATE = """
    mutation Deactivate($password: String!) {
        deactivateTwoFactor(password: $password) {
            __typename
            ... on TwoFactorDeactivated {
                viewer { email }
                twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }
            }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
        }
    }"""


@pytest.mark.parametrize("language", ["en", "de"])
async def test_switches_2fa_off(
    member: models.User, connect: Connect, clock: Clock, aftermath: Aftermath, language: str
) -> None:
    """The password alone signs in again, other sessions end, and a letter in the user's language says what to do."""
    mia, elsewhere = Person(member, connect(language=language)), connect()
    await sign_in(mia.device, member)
    await activate(mia, clock)
    await verify(elsewhere, await challenge(elsewhere, member), otp=mia.app.otp(clock.now))
    token = await challenge(connect(), member)
    await aftermath()

    answer = await outcome(mia.device, DEACTIVATE, password=PASSWORD)

    assert answer == {
        "__typename": "TwoFactorDeactivated",
        "viewer": {"email": member.email},
        "twoFactor": {
            "state": "INACTIVE",
            "enforced": False,
            "setupRequired": False,
            "activatedAt": None,
            "lastUsedAt": None,
            "backupCodesRemaining": None,
        },
    }
    assert await two_factor(mia.device) == answer["twoFactor"]
    assert not await is_signed_in(elsewhere)
    assert (await verify(elsewhere, token, backupCode=mia.codes[0]))["__typename"] == "ChallengeExpired"
    events, (letter,) = await aftermath()
    assert events == ["TWO_FACTOR_DEACTIVATED"]
    subject, advice = {
        "en": ("Two-factor authentication is no longer active", "Check your account together with an admin"),
        "de": ("Zwei-Faktor-Authentifizierung ist nicht mehr aktiv", "Prüfen Sie Ihr Konto gemeinsam mit einer Person"),
    }[language]
    assert (letter["Subject"], letter["To"].addresses[0].addr_spec) == (subject, member.email)
    assert advice in text_of(letter)
    await sign_in(elsewhere, member)


async def test_opens_the_way_to_a_new_device(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """Activated again, the old app and the old codes open nothing, the new ones do."""
    old_app, old_codes = mia_with_2fa.app, mia_with_2fa.codes
    await outcome(mia_with_2fa.device, DEACTIVATE, password=PASSWORD)
    await activate(mia_with_2fa, clock)

    token = await challenge(device, mia_with_2fa.user)
    assert (await verify(device, token, otp=old_app.otp(clock.now)))["__typename"] == "WrongSecondFactor"
    assert (await verify(device, token, backupCode=old_codes[0]))["__typename"] == "WrongSecondFactor"
    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_is_refused_where_2fa_is_enforced(
    mia_with_2fa: Person, connect: Connect, database: Database, company: models.Company, aftermath: Aftermath
) -> None:
    """Enforced in the middle of the session, it holds from this request on."""
    device = connect(language="de")
    device.session_token = mia_with_2fa.device.session_token
    await set_rules(database, company, two_factor_enforced=True)
    await aftermath()

    assert await outcome(device, DEACTIVATE, password=PASSWORD) == {
        "__typename": "TwoFactorIsEnforced",
        "message": "Ihr Unternehmen schreibt 2FA vor, deshalb lässt sie sich nicht deaktivieren.",
    }
    assert (await two_factor(device))["state"] == "ACTIVE"
    assert await aftermath() == ([], [])


async def test_asks_for_the_password(mia_with_2fa: Person, aftermath: Aftermath) -> None:
    """A session alone switches nothing off."""
    await aftermath()

    assert await outcome(mia_with_2fa.device, DEACTIVATE, password=WRONG_PASSWORD) == {
        "__typename": "WrongPassword",
        "message": "This password is wrong. Attempts left before you have to wait: 4.",
        "attemptsRemaining": 4,
    }
    assert (await two_factor(mia_with_2fa.device))["state"] == "ACTIVE"
    assert await aftermath() == (["REAUTHENTICATION_FAILED"], [])


async def test_is_refused_while_2fa_is_inactive(mia: Person, aftermath: Aftermath) -> None:
    """An activation under way is not 2FA, and goes on."""
    activation_id, _ = await start(mia.device)
    await aftermath()

    assert (await outcome(mia.device, DEACTIVATE, password=PASSWORD))["__typename"] == "TwoFactorNotActive"
    assert await aftermath() == ([], [])
    acknowledge = "mutation ($id: ID!) { acknowledgeBackupCodes(activationId: $id) { __typename } }"
    assert (await outcome(mia.device, acknowledge, id=activation_id))["__typename"] == "OtpNotConfirmed"
