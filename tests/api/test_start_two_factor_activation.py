"""`startTwoFactorActivation`: the password, and then a fresh secret, shown once."""

import threading
from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    WRONG_PASSWORD,
    Connect,
    Person,
    confirm,
    error_code,
    instant,
    outcome,
    set_rules,
    sign_in,
    start,
    two_factor,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from twofactor.rules import qr

START = """
    mutation Start($password: String!, $scale: Int! = 8) {
        startTwoFactorActivation(password: $password) {
            __typename
            ... on TwoFactorActivation {
                activationId key otpauthUri issuer accountName expiresAt
                qrCode { svg svgDataUri pngDataUri(scale: $scale) }
            }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
            ... on TooManyAttempts { retryAt }
        }
    }"""


async def test_shows_a_key_and_a_qr_code_that_say_the_same(mia: Person, clock: Clock, aftermath: Aftermath) -> None:
    """Each picture decodes to the very URI; 2FA stays inactive, the trail says that a secret was shown, no letter."""
    await aftermath()

    answer = await outcome(mia.device, START, password=PASSWORD)

    uri, key = answer["otpauthUri"], answer["key"]
    apps = [Authenticator.scan(answer["qrCode"][form]) for form in ("svg", "svgDataUri", "pngDataUri")]
    assert {*apps, Authenticator.parse(uri)} == {Authenticator(key, "Countersign", mia.user.email)}
    assert uri == (
        f"otpauth://totp/Countersign:{mia.user.email}?secret={key}&issuer=Countersign&algorithm=SHA1&digits=6&period=30"
    )
    assert (answer["issuer"], answer["accountName"]) == ("Countersign", mia.user.email)
    assert answer["expiresAt"] == instant(clock.now + timedelta(minutes=10))
    assert (await two_factor(mia.device))["state"] == "INACTIVE"
    assert await aftermath() == (["TWO_FACTOR_ACTIVATION_STARTED"], [])


async def test_pictures_are_drawn_beside_the_event_loop(mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes long: one other thread does it, and chooses the modules once for all pictures of an answer."""
    done: list[tuple[str, str]] = []

    def watch(name: str) -> None:
        work = getattr(qr, name)

        def watched(*arguments: object) -> object:
            done.append((name, threading.current_thread().name))
            return work(*arguments)

        monkeypatch.setattr(qr, name, watched)

    for name in ("qr_code", "svg", "png_data_uri"):
        watch(name)

    await outcome(
        mia.device,
        """
        mutation ($password: String!) { startTwoFactorActivation(password: $password) {
            __typename
            ... on TwoFactorActivation { qrCode { svg svgDataUri } again: qrCode { a: pngDataUri b: pngDataUri } } } }
        """,
        password=PASSWORD,
    )

    assert sorted(name for name, _ in done) == ["png_data_uri", "png_data_uri", "qr_code", "svg", "svg"]
    assert {thread for _, thread in done} == {"drawing_0"}


@pytest.mark.parametrize("scale", [0, 21, -1])
async def test_the_scale_of_the_picture_has_bounds(mia: Person, scale: int) -> None:
    """A picture that is too small to scan or larger than any screen is the client's mistake."""
    assert await error_code(mia.device, START, password=PASSWORD, scale=scale) == "BAD_USER_INPUT"


async def test_asks_for_the_password(mia: Person, connect: Connect, aftermath: Aftermath) -> None:
    """A session alone shows no secret; refusals are counted, told in the viewer's language, and end in a wait."""
    device = connect(language="de")
    device.session_token = mia.device.session_token
    await aftermath()

    answer = await outcome(device, START, password=WRONG_PASSWORD)
    assert answer == {
        "__typename": "WrongPassword",
        "message": "Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: 4.",
        "attemptsRemaining": 4,
    }
    assert await aftermath() == (["REAUTHENTICATION_FAILED"], [])
    for _ in range(4):
        await outcome(device, START, password=WRONG_PASSWORD)
    assert (await outcome(device, START, password=PASSWORD))["__typename"] == "TooManyAttempts"


async def test_is_refused_while_2fa_is_active(mia_with_2fa: Person, aftermath: Aftermath) -> None:
    """What protects the account is not overwritten."""
    await aftermath()

    assert await outcome(mia_with_2fa.device, START, password=PASSWORD) == {
        "__typename": "TwoFactorAlreadyActive",
        "message": "2FA is already active. To use a new device, deactivate it first.",
    }
    assert (await two_factor(mia_with_2fa.device))["state"] == "ACTIVE"
    assert await aftermath() == ([], [])


async def test_a_newer_activation_replaces_the_older(mia: Person, clock: Clock) -> None:
    """Only the key that was shown last can be confirmed."""
    first, first_app = await start(mia.device)
    second, second_app = await start(mia.device)

    assert (await confirm(mia.device, first, first_app.otp(clock.now)))["__typename"] == "ActivationExpired"
    assert (await confirm(mia.device, second, first_app.otp(clock.now)))["__typename"] == "WrongOtp"
    assert (await confirm(mia.device, second, second_app.otp(clock.now)))["__typename"] == "BackupCodesIssued"


async def test_is_open_to_whoever_has_to_set_up_2fa(
    member: models.User, device: Api, database: Database, company: models.Company
) -> None:
    """An enforced user without 2FA can do this, and cannot see their sessions."""
    await set_rules(database, company, two_factor_enforced=True)
    await sign_in(device, member)

    assert (await two_factor(device))["setupRequired"] is True
    assert await error_code(device, "{ users { totalCount } }") == "TWO_FACTOR_SETUP_REQUIRED"
    assert (await outcome(device, START, password=PASSWORD))["__typename"] == "TwoFactorActivation"


async def test_nobody_starts_one_without_a_session(device: Api) -> None:
    """Who is not signed in has no 2FA to activate."""
    assert await error_code(device, START, password=PASSWORD) == "UNAUTHENTICATED"
