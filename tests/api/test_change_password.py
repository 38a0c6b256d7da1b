"""`changePassword`: sets a new password and ends what was started with the old one."""

import pytest

from tests.api.conftest import SideEffects
from tests.api.steps import (
    LOGIN,
    WRONG_PASSWORD,
    ApiUser,
    ClientFactory,
    confirm_otp,
    error_code,
    execute_one,
    is_logged_in,
    log_in,
    start_activation,
    start_login,
    text_of,
    verify_login,
)
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.users import PASSWORD

CHANGE = """
    mutation Change($currentPassword: String!, $newPassword: String!) {
        changePassword(currentPassword: $currentPassword, newPassword: $newPassword) {
            __typename
            ... on PasswordChanged { viewer { email } }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
            ... on PasswordTooWeak { minimumLength }
        }
    }"""
NEW_PASSWORD = "nine purple otters juggle"


async def test_new_password_replaces_the_old_one_at_once(
    logged_in_member: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """The other sessions end, this one continues, and the user gets an email."""
    await log_in(client, logged_in_member.user)
    await side_effects()

    result = await execute_one(logged_in_member.client, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)

    assert result == {"__typename": "PasswordChanged", "viewer": {"email": logged_in_member.user.email}}
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
    result = await execute_one(client, LOGIN, email=logged_in_member.user.email, password=PASSWORD)
    assert result["__typename"] == "WrongEmailOrPassword"
    await log_in(client, logged_in_member.user, password=NEW_PASSWORD)


async def test_ends_open_challenges_and_activations(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock
) -> None:
    """A login or activation that started with the old password cannot be completed."""
    token = await start_login(client, member_with_2fa.user)
    await execute_one(member_with_2fa.client, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    result = await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now))
    assert result["__typename"] == "ChallengeExpired"

    activation_id, authenticator = await start_activation(logged_in_admin.client)
    await execute_one(logged_in_admin.client, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    assert (await confirm_otp(logged_in_admin.client, activation_id, authenticator.otp(clock.now)))[
        "__typename"
    ] == "ActivationExpired"


@pytest.mark.parametrize(
    "password",
    ["elevenchars", "password1234", "x" * 257, "mia@acme.example", ""],
    ids=["short", "common", "too long", "own email", "empty"],
)
async def test_rejects_a_weak_password(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects, password: str
) -> None:
    """The old password still works, no attempt is used, and there is no event or email."""
    client = new_client(language="de")
    client.session_token = logged_in_member.client.session_token
    await side_effects()

    assert await execute_one(client, CHANGE, currentPassword=PASSWORD, newPassword=password) == {
        "__typename": "PasswordTooWeak",
        "message": "Dieses Passwort ist zu leicht zu erraten. Verwenden Sie mindestens 12 Zeichen, mit denen niemand "
        "rechnet.",
        "minimumLength": 12,
    }
    assert await side_effects() == ([], [])
    await log_in(client, logged_in_member.user)


async def test_requires_the_current_password(logged_in_member: ApiUser, client: Api, side_effects: SideEffects) -> None:
    """A stolen session is not sufficient to take over the account."""
    await side_effects()

    result = await execute_one(
        logged_in_member.client, CHANGE, currentPassword=WRONG_PASSWORD, newPassword=NEW_PASSWORD
    )

    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await side_effects() == (["REAUTHENTICATION_FAILED"], [])
    assert await error_code(client, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD) == "UNAUTHENTICATED"
