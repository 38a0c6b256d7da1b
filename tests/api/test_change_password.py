"""`changePassword`: a new password, and everything begun with the old one elsewhere is over."""

import pytest

from tests.api.conftest import Aftermath
from tests.api.steps import (
    LOGIN,
    WRONG_PASSWORD,
    Connect,
    Person,
    challenge,
    confirm,
    error_code,
    is_signed_in,
    outcome,
    sign_in,
    start,
    text_of,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock

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


async def test_holds_at_once(mia: Person, device: Api, aftermath: Aftermath) -> None:
    """The old password opens nothing, other sessions are over, this one goes on, and a letter tells of it."""
    await sign_in(device, mia.user)
    await aftermath()

    answer = await outcome(mia.device, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)

    assert answer == {"__typename": "PasswordChanged", "viewer": {"email": mia.user.email}}
    assert await is_signed_in(mia.device)
    assert not await is_signed_in(device)
    events, (letter,) = await aftermath()
    assert events == ["PASSWORD_CHANGED"]
    assert (letter["Subject"], letter["To"].addresses[0].addr_spec) == ("Your password was changed", mia.user.email)
    assert "Was this not you?" in text_of(letter)
    assert NEW_PASSWORD not in letter.as_string()
    answer = await outcome(device, LOGIN, email=mia.user.email, password=PASSWORD)
    assert answer["__typename"] == "WrongEmailOrPassword"
    await sign_in(device, mia.user, password=NEW_PASSWORD)


async def test_ends_sign_ins_and_activations_that_are_under_way(
    mia_with_2fa: Person, ada: Person, device: Api, clock: Clock
) -> None:
    """Whoever got half-way with the old password gets no further."""
    token = await challenge(device, mia_with_2fa.user)
    await outcome(mia_with_2fa.device, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    answer = await verify(device, token, otp=mia_with_2fa.app.otp(clock.now))
    assert answer["__typename"] == "ChallengeExpired"

    activation_id, app = await start(ada.device)
    await outcome(ada.device, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    assert (await confirm(ada.device, activation_id, app.otp(clock.now)))["__typename"] == "ActivationExpired"


@pytest.mark.parametrize(
    "password",
    ["elevenchars", "password1234", "x" * 257, "mia@acme.example", ""],
    ids=["short", "common", "too long", "own email", "empty"],
)
async def test_a_weak_password_is_refused(mia: Person, connect: Connect, aftermath: Aftermath, password: str) -> None:
    """The old one stays in force, and nothing is counted or told."""
    device = connect(language="de")
    device.session_token = mia.device.session_token
    await aftermath()

    assert await outcome(device, CHANGE, currentPassword=PASSWORD, newPassword=password) == {
        "__typename": "PasswordTooWeak",
        "message": "Dieses Passwort ist zu leicht zu erraten. Verwenden Sie mindestens 12 Zeichen, mit denen niemand "
        "rechnet.",
        "minimumLength": 12,
    }
    assert await aftermath() == ([], [])
    await sign_in(device, mia.user)


async def test_asks_for_the_one_in_force(mia: Person, device: Api, aftermath: Aftermath) -> None:
    """A session alone does not take an account over."""
    await aftermath()

    answer = await outcome(mia.device, CHANGE, currentPassword=WRONG_PASSWORD, newPassword=NEW_PASSWORD)

    assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await aftermath() == (["REAUTHENTICATION_FAILED"], [])
    assert await error_code(device, CHANGE, currentPassword=PASSWORD, newPassword=NEW_PASSWORD) == "UNAUTHENTICATED"
