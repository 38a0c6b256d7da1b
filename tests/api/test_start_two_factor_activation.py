"""`startTwoFactorActivation`: checks the password and returns a new secret once."""

import threading
from datetime import timedelta

import pytest
import segno

import models
from models.database import Database
from resolvers.qr_rendering import QrCode
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, confirm_otp, log_in, start_activation, two_factor
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock, instant
from tests.support.operations import START_TWO_FACTOR_ACTIVATION, START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

START_WITH_SCALE = """
    mutation ($password: String!, $scale: Int!) {
        startTwoFactorActivation(password: $password) {
            __typename ... on TwoFactorActivation { qrCode { pngDataUri(scale: $scale) } }
        }
    }"""


async def test_returns_a_key_and_a_matching_qr_code(
    logged_in_member: ApiUser, clock: Clock, side_effects: SideEffects
) -> None:
    """Each image contains the URI. 2FA stays inactive, an audit event is written, no email is sent."""
    await side_effects()

    result = await logged_in_member.client.execute_one(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, password=PASSWORD)

    uri, key = result["otpauthUri"], result["key"]
    apps = [Authenticator.scan(result["qrCode"][form]) for form in ("svg", "svgDataUri", "pngDataUri")]
    assert {*apps, Authenticator.parse(uri)} == {Authenticator(key, "Countersign", logged_in_member.user.email)}
    assert uri == (
        f"otpauth://totp/Countersign:{logged_in_member.user.email}?secret={key}&issuer=Countersign&algorithm=SHA1&digits=6&period=30"
    )
    assert (result["issuer"], result["accountName"]) == ("Countersign", logged_in_member.user.email)
    assert result["expiresAt"] == instant(clock.now + timedelta(minutes=10))
    assert (await two_factor(logged_in_member.client))["state"] == "INACTIVE"
    assert await side_effects() == (["TWO_FACTOR_ACTIVATION_STARTED"], [])


@pytest.mark.attack("D11")
async def test_renders_qr_codes_in_another_thread(logged_in_member: ApiUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread renders, and it computes the modules once for all images of a response."""
    done: list[tuple[str, str]] = []

    def watch(owner: object, name: str) -> None:
        work = getattr(owner, name)

        def watched(*arguments: object, **options: object) -> object:
            done.append((name, threading.current_thread().name))
            return work(*arguments, **options)

        monkeypatch.setattr(owner, name, watched)

    watch(segno, "make_qr")
    watch(QrCode, "svg")
    watch(QrCode, "png_data_uri")

    await logged_in_member.client.execute_one(
        """
        mutation ($password: String!) { startTwoFactorActivation(password: $password) {
            __typename
            ... on TwoFactorActivation { qrCode { svg svgDataUri } again: qrCode { a: pngDataUri b: pngDataUri } } } }
        """,
        password=PASSWORD,
    )

    assert sorted(name for name, _ in done) == ["make_qr", "png_data_uri", "png_data_uri", "svg", "svg"]
    assert {thread for _, thread in done} == {"qr-rendering_0"}


@pytest.mark.parametrize("scale", [0, 21, -1])
async def test_rejects_an_invalid_scale_before_it_starts(
    logged_in_member: ApiUser, database: Database, scale: int
) -> None:
    """The error is `BAD_USER_INPUT`, and there is no activation whose key the client never gets."""
    assert await logged_in_member.client.outcome(START_WITH_SCALE, password=PASSWORD, scale=scale) == "BAD_USER_INPUT"
    async with database.reading():
        assert await models.Activation.all().count() == 0


async def test_ignores_the_scale_of_a_skipped_image(logged_in_member: ApiUser) -> None:
    """An app that cannot render SVG selects the bitmap, and others skip it."""
    mutation = """
        mutation ($password: String!, $scale: Int!, $png: Boolean!) {
            startTwoFactorActivation(password: $password) { __typename ...Image @include(if: $png) }
        }
        fragment Image on TwoFactorActivation { qrCode { pngDataUri(scale: $scale) @skip(if: false) } }"""
    client = logged_in_member.client

    assert await client.outcome(mutation, password=PASSWORD, scale=0, png=False) == "TwoFactorActivation"
    assert await client.outcome(mutation, password=PASSWORD, scale=0, png=True) == "BAD_USER_INPUT"
    assert await client.outcome(mutation, password=PASSWORD, scale=1, png=True) == "TwoFactorActivation"


async def test_requires_the_password(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """A wrong one uses an attempt and writes an audit event. After five there is a wait."""
    client = new_client(language="de", session_token=logged_in_member.session_token)
    await side_effects()

    result = await client.execute_one(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)
    assert result == {
        "__typename": "WrongPassword",
        "message": "Dieses Passwort ist falsch. Verbleibende Versuche bis zu einer Wartezeit: 4.",
        "attemptsRemaining": 4,
    }
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])
    for _ in range(4):
        await client.execute_one(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)
    assert (await client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD))["__typename"] == "TooManyAttempts"


async def test_returns_an_error_if_2fa_is_active(member_with_2fa: ApiUser, side_effects: SideEffects) -> None:
    """Active 2FA is not overwritten."""
    await side_effects()

    assert await member_with_2fa.client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD) == {
        "__typename": "TwoFactorAlreadyActive",
        "message": "2FA is already active. To use a new device, replace your authenticator app.",
    }
    assert (await two_factor(member_with_2fa.client))["state"] == "ACTIVE"
    assert await side_effects() == ([], [])


async def test_newer_activation_replaces_the_older_one(logged_in_member: ApiUser, clock: Clock) -> None:
    """Only the newest key can be confirmed."""
    first, first_authenticator = await start_activation(logged_in_member.client)
    second, second_authenticator = await start_activation(logged_in_member.client)

    assert (await confirm_otp(logged_in_member.client, first, first_authenticator.otp(clock.now)))[
        "__typename"
    ] == "ActivationExpired"
    assert (await confirm_otp(logged_in_member.client, second, first_authenticator.otp(clock.now)))[
        "__typename"
    ] == "WrongOtp"
    assert (await confirm_otp(logged_in_member.client, second, second_authenticator.otp(clock.now)))[
        "__typename"
    ] == "BackupCodesIssued"


async def test_is_open_to_users_who_have_to_set_up_2fa(
    member: models.User, client: Api, database: Database, company: models.Company
) -> None:
    """They can start an activation, but they cannot list users."""
    await set_security_policy(database, company, two_factor_enforced=True)
    await log_in(client, member)

    assert (await two_factor(client))["setupRequired"] is True
    assert await client.outcome("{ users { totalCount } }") == "TWO_FACTOR_SETUP_REQUIRED"
    assert (await client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD))[
        "__typename"
    ] == "TwoFactorActivation"


async def test_requires_a_session(client: Api) -> None:
    """Without a session, the error is `UNAUTHENTICATED`."""
    assert await client.outcome(START_TWO_FACTOR_ACTIVATION, password=PASSWORD) == "UNAUTHENTICATED"
