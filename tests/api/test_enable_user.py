"""`enableUser`: an admin enables a disabled user, who can log in again."""

import pytest

import models
from tests.api.conftest import SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, start_login, verify_login
from tests.support.clock import Clock
from tests.support.mail_servers import text_of
from tests.support.operations import DISABLE_USER, ENABLE_USER
from tests.support.users import PASSWORD, WRONG_PASSWORD


async def test_user_can_log_in_again_with_the_same_2fa(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """No session comes back. The user gets an email with the name of the admin. A second call does nothing."""
    admin, variables = logged_in_admin.client, {"userId": member_with_2fa.id, "password": PASSWORD}
    assert await admin.outcome(DISABLE_USER, **variables) == "UserDisabled"
    await side_effects()

    for _ in range(2):
        result = await admin.execute_one(ENABLE_USER, **variables)
        assert (result["__typename"], result["user"]["enabled"], result["user"]["twoFactor"]["state"]) == (
            "UserEnabled",
            True,
            "ACTIVE",
        )

    events, (email,) = await side_effects()
    assert events == ["USER_ENABLED"]
    assert email["Subject"] == "Your account is enabled again"
    assert "Ada, an admin of your company, has enabled your Countersign account" in text_of(email)
    assert not await is_logged_in(member_with_2fa.client)
    challenge = await start_login(client, member_with_2fa.user)
    otp = member_with_2fa.authenticator.otp(clock.now)
    assert (await verify_login(client, challenge, otp=otp))["__typename"] == "LoggedIn"


async def test_own_account_is_enabled_already(logged_in_admin: ApiUser, side_effects: SideEffects) -> None:
    """The result is the same, and nothing changes."""
    await side_effects()

    outcome = await logged_in_admin.client.outcome(ENABLE_USER, userId=logged_in_admin.id, password=PASSWORD)

    assert outcome == "UserEnabled"
    assert await side_effects() == ([], [])


async def test_unknown_user_and_wrong_password_change_nothing(
    logged_in_admin: ApiUser, member: models.User, other_company_admin: models.User
) -> None:
    """A user of another company account is unknown."""
    api = logged_in_admin.client
    for user_id in (f"user_{'0' * 32}", f"user_{other_company_admin.id.hex}", ""):
        assert await api.outcome(ENABLE_USER, userId=user_id, password=PASSWORD) == "UserNotFound"
    user_id = f"user_{member.id.hex}"
    assert await api.outcome(DISABLE_USER, userId=user_id, password=PASSWORD) == "UserDisabled"

    assert await api.outcome(ENABLE_USER, userId=user_id, password=WRONG_PASSWORD) == "WrongPassword"

    user = await api.execute_one("query($id: ID!) { user(id: $id) { enabled } }", id=user_id)
    assert user == {"enabled": False}


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked."""
    variables = {"userId": logged_in_member.id, "password": password}

    assert await logged_in_member.client.outcome(ENABLE_USER, **variables) == "FORBIDDEN"
