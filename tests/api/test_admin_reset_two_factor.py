"""`adminResetTwoFactor`: an admin deactivates 2FA of a user who lost device and codes."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    activate,
    is_logged_in,
    log_in,
    start_login,
    two_factor,
    verify_login,
)
from tests.support.clock import TIME_STEP, Clock
from tests.support.mail_servers import text_of
from tests.support.operations import ADMIN_RESET_TWO_FACTOR
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

RESET_WITH_USER = """
    mutation ($userId: ID!, $password: String!, $reason: String) {
        adminResetTwoFactor(userId: $userId, password: $password, reason: $reason) {
            __typename
            ... on TwoFactorReset { user { id twoFactor { state backupCodesRemaining } sessions { id } } }
        }
    }"""
LAST_EVENT = """
    query LastEvent {
        viewer { securityEvents(first: 2) { nodes { kind note user { email } actor { email } } } }
    }"""
REASON = "Lost the phone; checked by a call.\nTicket 4711\nby Ada"
PASTED_REASON = " Lost the phone; checked\tby a call.\r\nTicket 4711\u2028by Ada\r\n"


def id_of(user: models.User) -> str:
    """Return the API id of a user."""
    return f"user_{user.id.hex}"


async def test_deactivates_2fa_and_ends_all_sessions(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """Nothing of the old 2FA works. The email and the audit event, which the user can read, have the reason."""
    user = member_with_2fa.user
    token = await start_login(client, user)
    await side_effects()
    clock.advance(timedelta(seconds=1))

    result = await logged_in_admin.client.execute_one(
        RESET_WITH_USER, userId=id_of(user), password=PASSWORD, reason=PASTED_REASON
    )

    assert result == {
        "__typename": "TwoFactorReset",
        "user": {
            "id": id_of(user),
            "twoFactor": {"state": "INACTIVE", "backupCodesRemaining": None},
            "sessions": [],
        },
    }
    assert not await is_logged_in(member_with_2fa.client)
    assert await is_logged_in(logged_in_admin.client)
    result = await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now))
    assert result["__typename"] == "ChallengeExpired"
    events, (email,) = await side_effects()
    assert events == ["TWO_FACTOR_RESET"]
    assert email["Subject"] == "Two-factor authentication was reset for you"
    assert email["To"].addresses[0].addr_spec == user.email
    text = text_of(email)
    assert "Ada, an admin of your company, has deactivated two-factor authentication" in text
    assert "Lost the phone; checked by a call." in text

    clock.advance(TIME_STEP)
    await log_in(client, user)
    viewer = await client.execute_one(LAST_EVENT)
    assert viewer["securityEvents"]["nodes"][1] == {
        "kind": "TWO_FACTOR_RESET",
        "note": REASON,
        "user": {"email": user.email},
        "actor": {"email": logged_in_admin.user.email},
    }


async def test_sends_the_email_in_the_users_language(
    member: models.User, logged_in_admin: ApiUser, new_client: ClientFactory, clock: Clock, side_effects: SideEffects
) -> None:
    """The language of the admin has no effect. A reason is not required."""
    logged_in_member = await log_in(new_client(language="de"), member)
    await activate(logged_in_member, clock)
    await side_effects()

    result = await logged_in_admin.client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=id_of(member), password=PASSWORD)

    assert result["__typename"] == "TwoFactorReset"
    _, (email,) = await side_effects()
    assert email["Subject"] == "Ihre Zwei-Faktor-Authentifizierung wurde zurückgesetzt"
    assert "Grund: nicht angegeben" in text_of(email)


async def test_resets_the_attempt_limit_of_the_second_factor(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock
) -> None:
    """The attempts of the old 2FA do not count for the new one."""
    token = await start_login(client, member_with_2fa.user)
    for _ in range(5):
        await verify_login(client, token, otp=member_with_2fa.authenticator.wrong_otp(clock.now))
    await logged_in_admin.client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD)
    await log_in(member_with_2fa.client, member_with_2fa.user)
    await activate(member_with_2fa, clock)

    token = await start_login(client, member_with_2fa.user)
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "LoggedIn"


async def test_enforced_user_has_to_activate_again(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, clock: Clock, database: Database, company: models.Company
) -> None:
    """With only the password, the user can do nothing but the activation."""
    await activate(logged_in_admin, clock)
    await set_security_policy(database, company, two_factor_enforced=True)

    result = await logged_in_admin.client.execute_one(
        ADMIN_RESET_TWO_FACTOR, userId=member_with_2fa.id, password=PASSWORD
    )

    assert result["__typename"] == "TwoFactorReset"
    await log_in(member_with_2fa.client, member_with_2fa.user)
    assert (await two_factor(member_with_2fa.client))["setupRequired"] is True


async def test_returns_user_not_found_outside_the_company_account(
    logged_in_admin: ApiUser,
    other_company_admin: models.User,
    new_client: ClientFactory,
    clock: Clock,
    side_effects: SideEffects,
) -> None:
    """The result is the same for a user of another company, a deleted user and a malformed id."""
    other_admin = await log_in(new_client(), other_company_admin)
    await activate(other_admin, clock)
    await side_effects()

    for user_id in (
        other_admin.id,
        f"user_{'0' * 32}",
        f"company_{logged_in_admin.user.company_id.hex}",
        "",
        "nobody",
    ):
        assert await logged_in_admin.client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=user_id, password=PASSWORD) == {
            "__typename": "UserNotFound",
            "message": "There is no such user in your company.",
        }
    assert (await two_factor(other_admin.client))["state"] == "ACTIVE"
    assert await side_effects() == ([], [])


async def test_user_errors_are_in_the_admins_language(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The admin's own 2FA, a user without 2FA and a wrong password each have their own error."""
    client = new_client(language="de", session_token=logged_in_admin.session_token)
    await side_effects()

    assert await client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=logged_in_admin.id, password=PASSWORD) == {
        "__typename": "CannotResetOwnTwoFactor",
        "message": "Sie können Ihre eigene 2FA nicht zurücksetzen, und sie ist nicht aktiv.",
    }
    assert await client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=logged_in_member.id, password=PASSWORD) == {
        "__typename": "TwoFactorNotActive",
        "message": "2FA ist nicht aktiv.",
    }
    assert await side_effects() == ([], [])
    result = await client.execute_one(ADMIN_RESET_TWO_FACTOR, userId=logged_in_member.id, password=WRONG_PASSWORD)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])


@pytest.mark.parametrize("reason", ["x" * 501, "a\x00b", "a\x1bb"], ids=["too long", "NUL", "escape"])
async def test_rejects_an_invalid_reason(member_with_2fa: ApiUser, logged_in_admin: ApiUser, reason: str) -> None:
    """A long reason or a control character is rejected before the password is checked."""
    variables = {"userId": member_with_2fa.id, "password": PASSWORD, "reason": reason}

    assert await logged_in_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, **variables) == "BAD_USER_INPUT"
    assert (await two_factor(member_with_2fa.client))["state"] == "ACTIVE"


async def test_is_forbidden_for_members(member_with_2fa: ApiUser, admin: models.User) -> None:
    """A member cannot reset 2FA, even with the correct password."""
    variables = {"userId": id_of(admin), "password": PASSWORD}

    assert await member_with_2fa.client.outcome(ADMIN_RESET_TWO_FACTOR, **variables) == "FORBIDDEN"
