"""`acknowledgeBackupCodes`: the codes are stored, so 2FA is activated."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    STEP,
    Connect,
    Person,
    activate,
    challenge,
    confirm,
    instant,
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

ACKNOWLEDGE = """
    mutation Acknowledge($activationId: ID!) {
        acknowledgeBackupCodes(activationId: $activationId) {
            __typename
            ... on TwoFactorActivated {
                viewer { id }
                twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }
            }
            ... on UserError { message }
        }
    }"""
DEACTIVATE = "mutation Deactivate($password: String!) { deactivateTwoFactor(password: $password) { __typename } }"


@pytest.mark.parametrize("language", ["en", "de"])
async def test_activates(
    member: models.User, connect: Connect, clock: Clock, aftermath: Aftermath, language: str
) -> None:
    """State, event and letter come together, the letter in the user's language; other sessions end, this one stays."""
    device, elsewhere = connect(language=language), connect()
    await sign_in(device, member)
    await sign_in(elsewhere, member)
    activation_id, app = await start(device)
    await confirm(device, activation_id, app.otp(clock.now))
    await aftermath()

    answer = await outcome(device, ACKNOWLEDGE, activationId=activation_id)

    assert answer == {
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
    }
    assert await two_factor(device) == answer["twoFactor"]
    assert not await is_signed_in(elsewhere)
    assert await challenge(elsewhere, member)
    events, (letter,) = await aftermath()
    assert events == ["TWO_FACTOR_ACTIVATED"]
    subject, sentence = {
        "en": ("Two-factor authentication is active", "From now on, logging in takes your password and a one-time"),
        "de": ("Zwei-Faktor-Authentifizierung ist aktiv", "Ab sofort brauchen Sie zum Anmelden Ihr Passwort und ein"),
    }[language]
    assert (letter["Subject"], letter["Content-Language"]) == (subject, language)
    assert letter["To"].addresses[0].addr_spec == member.email
    assert sentence in text_of(letter)


async def test_asked_again_it_answers_the_same(mia: Person, clock: Clock, aftermath: Aftermath) -> None:
    """A client that lost the answer may ask for as long as this activation is in force; nothing is told twice."""
    activation_id = await activate(mia, clock)
    await aftermath()
    first = await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id)
    clock.advance(timedelta(days=1))

    assert await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id) == first
    assert first["__typename"] == "TwoFactorActivated"
    assert await aftermath() == ([], [])


async def test_after_2fa_was_switched_off_the_old_activation_is_over(mia: Person, clock: Clock) -> None:
    """Asking again never switches anything on, nor does it answer for a later activation."""
    activation_id = await activate(mia, clock)
    await outcome(mia.device, DEACTIVATE, password=PASSWORD)
    assert (await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id))["__typename"] == "ActivationExpired"

    await activate(mia, clock)
    assert (await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id))["__typename"] == "ActivationExpired"


async def test_the_otp_comes_first(mia: Person, connect: Connect) -> None:
    """No client can skip the proof that the app is set up."""
    device = connect(language="de")
    device.session_token = mia.device.session_token
    activation_id, _ = await start(device)

    assert await outcome(device, ACKNOWLEDGE, activationId=activation_id) == {
        "__typename": "OtpNotConfirmed",
        "message": "Bitte geben Sie zuerst ein Einmalpasswort aus Ihrer Authenticator-App ein.",
    }
    assert (await two_factor(device))["state"] == "INACTIVE"


async def test_codes_that_go_off_in_the_middle_lie_dormant(
    mia: Person, device: Api, clock: Clock, database: Database, company: models.Company
) -> None:
    """It still activates; the codes are not counted until the flag comes back, and then they work."""
    activation_id, mia.app = await start(mia.device)
    codes = (await confirm(mia.device, activation_id, mia.app.otp(clock.now)))["codes"]
    await set_rules(database, company, backup_codes_enabled=False)

    answer = await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id)
    assert (answer["twoFactor"]["state"], answer["twoFactor"]["backupCodesRemaining"]) == ("ACTIVE", None)

    await set_rules(database, company, backup_codes_enabled=True)
    assert (await two_factor(mia.device))["backupCodesRemaining"] == 10
    assert (await verify(device, await challenge(device, mia.user), backupCode=codes[0]))["__typename"] == "LoggedIn"


async def test_ends_the_setup_that_a_company_enforces(
    member: models.User, device: Api, clock: Clock, database: Database, company: models.Company
) -> None:
    """From this answer on, the same session may do everything."""
    await set_rules(database, company, two_factor_enforced=True)
    await sign_in(device, member)
    activation_id, app = await start(device)
    await confirm(device, activation_id, app.otp(clock.now))

    answer = await outcome(device, ACKNOWLEDGE, activationId=activation_id)

    assert (answer["twoFactor"]["enforced"], answer["twoFactor"]["setupRequired"]) == (True, False)
    assert (await device.data("{ viewer { sessions { current } } }"))["viewer"]["sessions"] == [{"current": True}]


async def test_an_activation_that_is_too_old_stays_unfinished(mia: Person, clock: Clock) -> None:
    """Ten minutes after it began, codes that were shown are worth nothing."""
    activation_id, app = await start(mia.device)
    clock.advance(STEP)
    await confirm(mia.device, activation_id, app.otp(clock.now))
    clock.advance(timedelta(minutes=10) - STEP)

    assert (await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id))["__typename"] == "ActivationExpired"
    assert (await two_factor(mia.device))["state"] == "INACTIVE"


async def test_nobody_acknowledges_for_somebody_else(mia: Person, ada: Person, clock: Clock) -> None:
    """Another user's activation is like none."""
    activation_id, app = await start(mia.device)
    await confirm(mia.device, activation_id, app.otp(clock.now))

    assert (await outcome(ada.device, ACKNOWLEDGE, activationId=activation_id))["__typename"] == "ActivationExpired"
    assert (await two_factor(mia.device))["state"] == (await two_factor(ada.device))["state"] == "INACTIVE"
