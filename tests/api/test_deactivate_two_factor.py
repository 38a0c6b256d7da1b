"""`deactivateTwoFactor`: users deactivate their own 2FA, permanently or for a new device."""

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import (
    INACTIVE_TWO_FACTOR,
    ApiUser,
    activate,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    two_factor,
    verify_login,
)
from tests.support.clock import Clock
from tests.support.mail_servers import text_of
from tests.support.operations import ACKNOWLEDGE_BACKUP_CODES, DEACTIVATE_TWO_FACTOR
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy


@pytest.mark.parametrize("language", ["en", "de"])
async def test_deactivates_2fa(
    member: models.User, new_client: ClientFactory, clock: Clock, side_effects: SideEffects, language: str
) -> None:
    """Other sessions end, a login requires only the password, and an email in the user's language gives advice."""
    logged_in_member, other_client = await log_in(new_client(language=language), member), new_client()
    await activate(logged_in_member, clock)
    other_session = await verify_login(
        other_client, await start_login(other_client, member), otp=logged_in_member.authenticator.otp(clock.now)
    )
    other_client.session_token = other_session["sessionToken"]
    assert await is_logged_in(other_client)
    token = await start_login(new_client(), member)
    await side_effects()

    result = await logged_in_member.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD)

    assert result == {
        "__typename": "TwoFactorDeactivated",
        "viewer": {"id": logged_in_member.id},
        "twoFactor": INACTIVE_TWO_FACTOR,
        "sessionToken": None,
    }
    assert await two_factor(logged_in_member.client) == result["twoFactor"]
    assert not await is_logged_in(other_client)
    assert (await verify_login(other_client, token, backupCode=logged_in_member.codes[0]))[
        "__typename"
    ] == "ChallengeExpired"
    events, (email,) = await side_effects()
    assert events == ["TWO_FACTOR_DEACTIVATED"]
    subject, advice = {
        "en": ("Two-factor authentication is no longer active", "Check your account together with an admin"),
        "de": ("Zwei-Faktor-Authentifizierung ist nicht mehr aktiv", "Prüfen Sie Ihr Konto gemeinsam mit einer Person"),
    }[language]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == (subject, member.email)
    assert advice in text_of(email)
    await log_in(other_client, member)


async def test_allows_activation_on_a_new_device(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """The old authenticator and backup codes do not work, the new ones do."""
    old_authenticator, old_codes = member_with_2fa.authenticator, member_with_2fa.codes
    await member_with_2fa.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD)
    await activate(member_with_2fa, clock)

    token = await start_login(client, member_with_2fa.user)
    assert (await verify_login(client, token, otp=old_authenticator.otp(clock.now)))[
        "__typename"
    ] == "WrongSecondFactor"
    assert (await verify_login(client, token, backupCode=old_codes[0]))["__typename"] == "WrongSecondFactor"
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "LoggedIn"


async def test_returns_an_error_if_2fa_is_enforced(
    member_with_2fa: ApiUser,
    new_client: ClientFactory,
    database: Database,
    company: models.Company,
    side_effects: SideEffects,
) -> None:
    """A rule that changes during the session applies to the next request."""
    client = new_client(language="de", session_token=member_with_2fa.session_token)
    await set_security_policy(database, company, two_factor_enforced=True)
    await side_effects()

    assert await client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD) == {
        "__typename": "TwoFactorIsEnforced",
        "message": "2FA ist für Ihr Konto vorgeschrieben, deshalb lässt sie sich nicht deaktivieren.",
    }
    assert (await two_factor(client))["state"] == "ACTIVE"
    assert await side_effects() == ([], [])


async def test_requires_the_password(member_with_2fa: ApiUser, side_effects: SideEffects) -> None:
    """A session is not sufficient to deactivate 2FA."""
    await side_effects()

    assert await member_with_2fa.client.execute_one(DEACTIVATE_TWO_FACTOR, password=WRONG_PASSWORD) == {
        "__typename": "WrongPassword",
        "message": "This password is wrong. Attempts left before you have to wait: 4.",
        "attemptsRemaining": 4,
    }
    assert (await two_factor(member_with_2fa.client))["state"] == "ACTIVE"
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])


async def test_returns_an_error_if_2fa_is_inactive(logged_in_member: ApiUser, side_effects: SideEffects) -> None:
    """An unfinished activation is not active 2FA, and it continues."""
    activation_id, _ = await start_activation(logged_in_member.client)
    await side_effects()

    assert (await logged_in_member.client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD))[
        "__typename"
    ] == "TwoFactorNotActive"
    assert await side_effects() == ([], [])
    assert (await logged_in_member.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id))[
        "__typename"
    ] == "OtpNotConfirmed"
