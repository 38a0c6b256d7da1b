"""`deactivateTwoFactor`: users deactivate their own 2FA, permanently or for a new device."""

import pytest

import models
from models.database import Database
from tests.api.conftest import SideEffects
from tests.api.steps import (
    WRONG_PASSWORD,
    ApiUser,
    ClientFactory,
    activate,
    execute_one,
    is_logged_in,
    log_in,
    set_security_policy,
    start_activation,
    start_login,
    text_of,
    two_factor,
    verify_login,
)
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.users import PASSWORD

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
async def test_deactivates_2fa(
    member: models.User, new_client: ClientFactory, clock: Clock, side_effects: SideEffects, language: str
) -> None:
    """Other sessions end, a login requires only the password, and an email in the user's language gives advice."""
    logged_in_member, other_client = ApiUser(member, new_client(language=language)), new_client()
    await log_in(logged_in_member.client, member)
    await activate(logged_in_member, clock)
    await verify_login(
        other_client, await start_login(other_client, member), otp=logged_in_member.authenticator.otp(clock.now)
    )
    token = await start_login(new_client(), member)
    await side_effects()

    result = await execute_one(logged_in_member.client, DEACTIVATE, password=PASSWORD)

    assert result == {
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
    await execute_one(member_with_2fa.client, DEACTIVATE, password=PASSWORD)
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
    client = new_client(language="de")
    client.session_token = member_with_2fa.client.session_token
    await set_security_policy(database, company, two_factor_enforced=True)
    await side_effects()

    assert await execute_one(client, DEACTIVATE, password=PASSWORD) == {
        "__typename": "TwoFactorIsEnforced",
        "message": "Ihr Unternehmen schreibt 2FA vor, deshalb lässt sie sich nicht deaktivieren.",
    }
    assert (await two_factor(client))["state"] == "ACTIVE"
    assert await side_effects() == ([], [])


async def test_requires_the_password(member_with_2fa: ApiUser, side_effects: SideEffects) -> None:
    """A session is not sufficient to deactivate 2FA."""
    await side_effects()

    assert await execute_one(member_with_2fa.client, DEACTIVATE, password=WRONG_PASSWORD) == {
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

    assert (await execute_one(logged_in_member.client, DEACTIVATE, password=PASSWORD))[
        "__typename"
    ] == "TwoFactorNotActive"
    assert await side_effects() == ([], [])
    acknowledge = "mutation ($id: ID!) { acknowledgeBackupCodes(activationId: $id) { __typename } }"
    assert (await execute_one(logged_in_member.client, acknowledge, id=activation_id))[
        "__typename"
    ] == "OtpNotConfirmed"
