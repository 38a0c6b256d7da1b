"""`startAuthenticatorReplacement`: a user moves to a new phone, while 2FA stays active."""

from typing import Any

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, activate, confirm_otp, log_in, start_login, two_factor, verify_outcome
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.mail_servers import text_of
from tests.support.operations import START_AUTHENTICATOR_REPLACEMENT
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

OWN_AUTHENTICATORS = "{ viewer { authenticators { id name createdAt lastUsedAt } } }"


async def start(api_user: ApiUser, **second_factor: str) -> dict[str, Any]:
    return await api_user.client.execute_one(
        START_AUTHENTICATOR_REPLACEMENT, password=PASSWORD, secondFactor=second_factor
    )


@pytest.mark.parametrize("language", ["en", "de"])
async def test_lone_admin_moves_to_a_new_phone_while_2fa_is_enforced(
    admin: models.User,
    new_client: ClientFactory,
    clock: Clock,
    side_effects: SideEffects,
    database: Database,
    company: models.Company,
    language: str,
) -> None:
    """2FA is active throughout. The old phone no longer works, and an email says so."""
    client = new_client()
    api_user = await activate(await log_in(new_client(language=language), admin), clock)
    await set_security_policy(database, company, two_factor_enforced=True)
    before = await two_factor(api_user.client)
    started = await start(api_user, otp=api_user.authenticator.otp(clock.now))
    assert started["__typename"] == "TwoFactorActivation"
    assert await two_factor(api_user.client) == before
    clock.advance(TIME_STEP)
    new = Authenticator.parse(started["otpauthUri"])
    await side_effects()

    result = await confirm_otp(api_user.client, started["activationId"], new.otp(clock.now))

    assert result == {"__typename": "AuthenticatorReplaced", "viewer": {"id": api_user.id}, "sessionToken": None}
    assert await two_factor(api_user.client) == before
    events, (email,) = await side_effects()
    assert events == ["AUTHENTICATOR_REPLACED"]
    subject, text = {
        "en": ("Your authenticator app was replaced", "no longer work"),
        "de": ("Ihre Authenticator-App wurde ersetzt", "gelten nicht mehr"),
    }[language]
    assert email["Subject"] == subject
    assert text in text_of(email)
    clock.advance(TIME_STEP)
    challenge = await start_login(client, admin)
    assert await verify_outcome(client, challenge, otp=api_user.authenticator.otp(clock.now)) == "WrongSecondFactor"
    assert await verify_outcome(client, challenge, otp=new.otp(clock.now)) == "LoggedIn"


@pytest.mark.attack("I11")
async def test_thief_with_session_and_password_cannot_replace(member_with_2fa: ApiUser) -> None:
    """Without the second factor nothing starts, whatever the rule of the company account."""
    wrong = await member_with_2fa.client.execute_one(
        START_AUTHENTICATOR_REPLACEMENT, password=WRONG_PASSWORD, secondFactor={"backupCode": member_with_2fa.codes[0]}
    )
    assert (wrong["__typename"], wrong["attemptsRemaining"]) == ("WrongPassword", 4)
    wrong = await start(member_with_2fa, otp="000000")
    assert (wrong["__typename"], wrong["attemptsRemaining"]) == ("WrongSecondFactor", 4)

    assert (await start(member_with_2fa, backupCode=member_with_2fa.codes[0]))["__typename"] == "TwoFactorActivation"


async def test_user_without_2fa_gets_an_error(logged_in_member: ApiUser) -> None:
    """They activate 2FA instead."""
    assert (await start(logged_in_member, otp="123456"))["__typename"] == "TwoFactorNotActive"


async def test_authenticators_are_listed_for_the_user_and_admins(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser
) -> None:
    """Without secrets. `node` finds one for its user only."""
    (own,) = (await member_with_2fa.client.execute_one(OWN_AUTHENTICATORS))["authenticators"]
    assert own["name"] is None
    assert own["createdAt"] >= own["lastUsedAt"]
    listed = await logged_in_admin.client.data("{ users(first: 5) { nodes { authenticators { id } } } }")
    assert [{"id": own["id"]}] in [user["authenticators"] for user in listed["users"]["nodes"]]
    node = "query Node($id: ID!) { node(id: $id) { id } }"
    assert await member_with_2fa.client.execute_one(node, id=own["id"]) == {"id": own["id"]}
    assert await logged_in_admin.client.data(node, {"id": own["id"]}) == {"node": None}
