"""`confirmOtp`: the app is set up, so the backup codes are issued, or 2FA is activated where codes are off."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    ACKNOWLEDGE,
    STEP,
    Connect,
    Person,
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
from tests.support.api import Api
from tests.support.clock import Clock

CONFIRM = """
    mutation Confirm($activationId: ID!, $otp: String!) {
        confirmOtp(activationId: $activationId, otp: $otp) {
            __typename
            ... on BackupCodesIssued { activationId codes file { name mimeType content } expiresAt }
            ... on TwoFactorActivated { viewer { email } twoFactor { state activatedAt backupCodesRemaining } }
            ... on UserError { message }
            ... on WrongOtp { attemptsRemaining }
        }
    }"""


async def test_issues_ten_codes_and_activates_nothing_yet(
    mia: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """The codes come once, on screen and as a file; until they are acknowledged the password alone signs in."""
    activation_id, app = await start(mia.device)
    await aftermath()

    answer = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now))

    codes, file = answer["codes"], answer["file"]
    assert (answer["__typename"], answer["activationId"]) == ("BackupCodesIssued", activation_id)
    assert len(set(codes)) == 10
    assert {len(code) for code in codes} == {10}
    assert (file["name"], file["mimeType"]) == ("backup-codes.txt", "text/plain; charset=utf-8")
    assert [line for line in file["content"].splitlines() if line in codes] == codes
    assert answer["expiresAt"] == instant(clock.now + timedelta(minutes=10))
    assert (await two_factor(mia.device))["state"] == "INACTIVE"
    await sign_in(device, mia.user)
    assert await aftermath() == (["BACKUP_CODES_ISSUED", "LOGIN_SUCCEEDED"], [])


@pytest.mark.usefixtures("company_without_codes")
async def test_activates_at_once_where_codes_are_off(
    mia: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """State, event and letter come together; other sessions end and this one goes on."""
    await sign_in(device, mia.user)
    activation_id, app = await start(mia.device)
    await aftermath()

    answer = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now))

    assert answer == {
        "__typename": "TwoFactorActivated",
        "viewer": {"email": mia.user.email},
        "twoFactor": {"state": "ACTIVE", "activatedAt": instant(clock.now), "backupCodesRemaining": None},
    }
    assert await is_signed_in(mia.device)
    assert not await is_signed_in(device)
    events, (letter,) = await aftermath()
    assert events == ["TWO_FACTOR_ACTIVATED"]
    assert (letter["Subject"], letter["To"].addresses[0].addr_spec) == (
        "Two-factor authentication is active",
        mia.user.email,
    )
    assert "Two-factor authentication is now active" in text_of(letter)
    assert await challenge(device, mia.user)


@pytest.mark.usefixtures("company_without_codes")
async def test_a_lost_answer_is_given_again_where_codes_are_off(
    mia: Person, clock: Clock, aftermath: Aftermath
) -> None:
    """The call that activated answers the same, whatever the OTP: nothing is checked, counted or told again."""
    activation_id, app = await start(mia.device)
    entered = {"activationId": activation_id, "otp": app.otp(clock.now)}
    first = await outcome(mia.device, CONFIRM, **entered)
    await aftermath()
    clock.advance(timedelta(hours=1))

    assert await outcome(mia.device, CONFIRM, **entered) == first
    assert await outcome(mia.device, CONFIRM, activationId=activation_id, otp="") == first
    assert await aftermath() == ([], [])


async def test_a_newer_otp_issues_fresh_codes_for_a_lost_answer(mia: Person, device: Api, clock: Clock) -> None:
    """The first codes are void; the OTP that was used is refused."""
    activation_id, app = await start(mia.device)
    first = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now))
    again = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now))
    assert (again["__typename"], again["attemptsRemaining"]) == ("WrongOtp", 4)

    clock.advance(STEP)
    second = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now))
    assert second["__typename"] == "BackupCodesIssued"
    assert not set(first["codes"]) & set(second["codes"])

    await outcome(mia.device, ACKNOWLEDGE, activationId=activation_id)
    token = await challenge(device, mia.user)
    assert (await verify(device, token, backupCode=first["codes"][0]))["__typename"] == "WrongSecondFactor"
    assert (await verify(device, token, backupCode=second["codes"][0]))["__typename"] == "LoggedIn"


async def test_codes_that_come_on_in_the_middle_are_issued(
    mia: Person, clock: Clock, database: Database, company: models.Company
) -> None:
    """The flag is read when the OTP is confirmed, not when the activation began."""
    await set_rules(database, company, backup_codes_enabled=False)
    activation_id, app = await start(mia.device)
    await set_rules(database, company, backup_codes_enabled=True)

    assert (await confirm(mia.device, activation_id, app.otp(clock.now)))["__typename"] == "BackupCodesIssued"


async def test_codes_that_go_off_in_the_middle_are_not_issued(
    mia: Person, clock: Clock, database: Database, company: models.Company
) -> None:
    """The same the other way round: confirming activates."""
    activation_id, app = await start(mia.device)
    await set_rules(database, company, backup_codes_enabled=False)

    assert (await confirm(mia.device, activation_id, app.otp(clock.now)))["__typename"] == "TwoFactorActivated"


async def test_five_wrong_otps_end_the_activation(
    mia: Person, connect: Connect, clock: Clock, aftermath: Aftermath
) -> None:
    """Each says how many are left; afterwards the right one is of no use, and no sign-in has to wait for it."""
    device = connect(language="de")
    await sign_in(device, mia.user)
    activation_id, app = await start(device)
    await aftermath()

    for attempts_remaining in (4, 3, 2, 1, 0):
        answer = await outcome(device, CONFIRM, activationId=activation_id, otp=app.wrong_otp(clock.now))
        assert answer == {
            "__typename": "WrongOtp",
            "message": "Dieses Einmalpasswort ist falsch, abgelaufen oder schon benutzt. "
            f"Verbleibende Versuche bis zu einem Neubeginn: {attempts_remaining}.",
            "attemptsRemaining": attempts_remaining,
        }
    assert await outcome(device, CONFIRM, activationId=activation_id, otp=app.otp(clock.now)) == {
        "__typename": "ActivationExpired",
        "message": "Diese Aktivierung hat zu lange gedauert oder ist beendet. Bitte beginnen Sie von vorn.",
    }
    assert await aftermath() == (["SECOND_FACTOR_FAILED"] * 5, [])
    activation_id, app = await start(device)
    assert (await confirm(device, activation_id, app.otp(clock.now)))["__typename"] == "BackupCodesIssued"


async def test_a_malformed_otp_costs_nothing(mia: Person, clock: Clock) -> None:
    """What cannot be an OTP is refused like a wrong one, with all attempts left."""
    activation_id, app = await start(mia.device)

    for otp in ("", "12345", "1234567", "١٢٣٤٥٦", "x" * 5000, " 123456"):
        answer = await outcome(mia.device, CONFIRM, activationId=activation_id, otp=otp)
        assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongOtp", 5)
    assert (await confirm(mia.device, activation_id, app.otp(clock.now)))["__typename"] == "BackupCodesIssued"


async def test_an_activation_lives_for_ten_minutes(mia: Person, clock: Clock) -> None:
    """At its end it is gone."""
    activation_id, app = await start(mia.device)
    clock.advance(timedelta(minutes=10))

    assert (await confirm(mia.device, activation_id, app.otp(clock.now)))["__typename"] == "ActivationExpired"


async def test_somebody_elses_activation_is_like_none(mia: Person, ada: Person, clock: Clock) -> None:
    """An id of another user, of nothing and of something else get one answer."""
    activation_id, app = await start(mia.device)

    for wrong_id in (activation_id, "", "cs_nothing", f"user_{mia.user.id.hex}"):
        assert await outcome(ada.device, CONFIRM, activationId=wrong_id, otp=app.otp(clock.now)) == {
            "__typename": "ActivationExpired",
            "message": "This activation took too long or has ended. Please start again.",
        }
    assert (await two_factor(ada.device))["state"] == "INACTIVE"
