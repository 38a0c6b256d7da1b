"""`changePassword`: sets a new password and ends what was started with the old one."""

import pytest

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import (
    ApiUser,
    confirm_otp,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    verify_login,
)
from tests.support.clock import Clock
from tests.support.mail_servers import text_of
from tests.support.operations import CHANGE_PASSWORD, LOGIN
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD


async def test_new_password_replaces_the_old_one_at_once(
    logged_in_member: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """The other sessions end, this one continues, and the user gets an email."""
    await log_in(client, logged_in_member.user)
    await side_effects()

    result = await logged_in_member.client.execute_one(
        CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD
    )

    assert result == {"__typename": "PasswordChanged", "viewer": {"id": logged_in_member.id}, "sessionToken": None}
    assert await is_logged_in(logged_in_member.client)
    assert not await is_logged_in(client)
    events, (email,) = await side_effects()
    assert events == ["PASSWORD_CHANGED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == (
        "Your password was changed",
        logged_in_member.user.email,
    )
    assert "Was this not you?" in text_of(email)
    assert NEW_PASSWORD not in email.as_string()
    result = await client.execute_one(LOGIN, email=logged_in_member.user.email, password=PASSWORD)
    assert result["__typename"] == "WrongEmailOrPassword"
    await log_in(client, logged_in_member.user, password=NEW_PASSWORD)


async def test_ends_open_challenges_and_activations(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock
) -> None:
    """A login or activation that started with the old password cannot be completed."""
    token = await start_login(client, member_with_2fa.user)
    await member_with_2fa.client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    result = await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now))
    assert result["__typename"] == "ChallengeExpired"

    activation_id, authenticator = await start_activation(logged_in_admin.client)
    await logged_in_admin.client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    assert (await confirm_otp(logged_in_admin.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "ActivationExpired"


TOO_EASY = "Dieses Passwort ist zu leicht zu erraten. Verwenden Sie mindestens 12 Zeichen, mit denen niemand rechnet."
TOO_LONG = "Dieses Passwort ist zu lang. Verwenden Sie höchstens 256 Zeichen."


@pytest.mark.parametrize(
    ("password", "message"),
    [
        pytest.param("elevenchars", TOO_EASY, id="short"),
        pytest.param("password1234", TOO_EASY, id="common"),
        pytest.param("x" * 257, TOO_LONG, id="too long"),
        pytest.param("mia@acme.example", TOO_EASY, id="own email"),
        pytest.param("Acme-2026!!!", TOO_EASY, id="company account"),
        pytest.param("", TOO_EASY, id="empty"),
    ],
)
async def test_rejects_a_weak_password(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects, password: str, message: str
) -> None:
    """The old password still works, no attempt is used, and there is no event or email."""
    client = new_client(language="de", session_token=logged_in_member.session_token)
    await side_effects()

    assert await client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=password) == {
        "__typename": "PasswordTooWeak",
        "message": message,
        "minimumLength": 12,
        "maximumLength": 256,
    }
    assert await side_effects() == ([], [])
    await log_in(client, logged_in_member.user)


async def test_requires_the_current_password(logged_in_member: ApiUser, client: Api, side_effects: SideEffects) -> None:
    """A stolen session is not sufficient to take over the account."""
    await side_effects()

    result = await logged_in_member.client.execute_one(
        CHANGE_PASSWORD, currentPassword=WRONG_PASSWORD, newPassword=NEW_PASSWORD
    )

    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])
    assert (
        await client.outcome(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD) == "UNAUTHENTICATED"
    )
