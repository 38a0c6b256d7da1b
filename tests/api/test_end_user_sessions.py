"""`endUserSessions`: an admin logs a user of the company account out everywhere."""

import pytest

import models
from accounts import users
from accounts.services import Services
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.mail_servers import text_of
from tests.support.operations import END_USER_SESSIONS
from tests.support.users import PASSWORD, WRONG_PASSWORD


async def test_logs_the_user_out_everywhere(
    member: models.User, logged_in_admin: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The user without 2FA gets an email in their language, with the name of the admin."""
    sessions = [await log_in(new_client(language="de"), member) for _ in range(2)]
    await side_effects()

    result = await logged_in_admin.client.execute_one(END_USER_SESSIONS, userId=sessions[0].id, password=PASSWORD)

    assert result == {"__typename": "UserSessionsEnded", "user": {"id": sessions[0].id}}
    assert [await is_logged_in(session.client) for session in sessions] == [False, False]
    assert await is_logged_in(logged_in_admin.client)
    events, (email,) = await side_effects()
    assert events == ["SESSIONS_REVOKED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == ("Sie wurden überall abgemeldet", member.email)
    assert "Ada, mit Adminrechten in Ihrem Unternehmen" in text_of(email)


async def test_user_errors_are_in_the_admins_language(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The admin's own account, an unknown user and a wrong password each have their own error."""
    client = new_client(language="de", session_token=logged_in_admin.session_token)
    await side_effects()

    assert await client.execute_one(END_USER_SESSIONS, userId=logged_in_admin.id, password=PASSWORD) == {
        "__typename": "CannotEndOwnSessions",
        "message": "Das ist Ihr eigenes Konto. Beenden Sie Ihre anderen Sitzungen auf der Seite Ihres Kontos.",
    }
    for user_id in (f"user_{'0' * 32}", f"session_{logged_in_member.user.id.hex}", ""):
        result = await client.execute_one(END_USER_SESSIONS, userId=user_id, password=PASSWORD)
        assert result["__typename"] == "UserNotFound"
    assert await side_effects() == ([], [])
    result = await client.execute_one(END_USER_SESSIONS, userId=logged_in_member.id, password=WRONG_PASSWORD)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await is_logged_in(logged_in_member.client)


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked."""
    outcome = await logged_in_member.client.outcome(END_USER_SESSIONS, userId=logged_in_member.id, password=password)

    assert outcome == "FORBIDDEN"


async def test_sends_no_email_to_a_disabled_user(
    member: models.User, logged_in_admin: ApiUser, services: Services, side_effects: SideEffects
) -> None:
    """They had no session, and cannot log in again."""
    await users.disable_user(services, member.id)
    await side_effects()

    result = await logged_in_admin.client.execute_one(
        END_USER_SESSIONS, userId=f"user_{member.id.hex}", password=PASSWORD
    )

    assert result["__typename"] == "UserSessionsEnded"
    assert await side_effects() == (["SESSIONS_REVOKED"], [])
