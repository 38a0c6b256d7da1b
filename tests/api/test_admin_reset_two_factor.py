"""`adminResetTwoFactor`: an admin lets a user back in who has lost device and codes."""

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    STEP,
    WRONG_PASSWORD,
    Connect,
    Person,
    activate,
    challenge,
    error_code,
    is_signed_in,
    outcome,
    set_rules,
    sign_in,
    text_of,
    two_factor,
    verify,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock

RESET = """
    mutation Reset($userId: ID!, $password: String!, $reason: String) {
        adminResetTwoFactor(userId: $userId, password: $password, reason: $reason) {
            __typename
            ... on TwoFactorReset { user { id twoFactor { state backupCodesRemaining } sessions { id } } }
            ... on UserError { message }
            ... on WrongPassword { attemptsRemaining }
        }
    }"""
LAST_EVENT = """
    query LastEvent {
        viewer { securityEvents(first: 2) { nodes { kind note user { email } actor { email } } } }
    }"""
REASON = "Lost the phone; checked by a call.\nTicket 4711"


def id_of(user: models.User) -> str:
    """The id of a user as the contract has it."""
    return f"user_{user.id.hex}"


async def test_switches_off_and_signs_out_everywhere(
    mia_with_2fa: Person, ada: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """All of the old 2FA is gone; the letter says who and why; both find the same event, with the reason."""
    user = mia_with_2fa.user
    token = await challenge(device, user)
    await aftermath()

    answer = await outcome(ada.device, RESET, userId=id_of(user), password=PASSWORD, reason=REASON)

    assert answer == {
        "__typename": "TwoFactorReset",
        "user": {
            "id": id_of(user),
            "twoFactor": {"state": "INACTIVE", "backupCodesRemaining": None},
            "sessions": [],
        },
    }
    assert not await is_signed_in(mia_with_2fa.device)
    assert await is_signed_in(ada.device)
    answer = await verify(device, token, otp=mia_with_2fa.app.otp(clock.now))
    assert answer["__typename"] == "ChallengeExpired"
    events, (letter,) = await aftermath()
    assert events == ["TWO_FACTOR_RESET"]
    assert letter["Subject"] == "Two-factor authentication was reset for you"
    assert letter["To"].addresses[0].addr_spec == user.email
    text = text_of(letter)
    assert "Ada, an admin of your company, has deactivated two-factor authentication" in text
    assert "Lost the phone; checked by a call." in text

    clock.advance(STEP)
    await sign_in(device, user)
    viewer = await outcome(device, LAST_EVENT)
    assert viewer["securityEvents"]["nodes"][1] == {
        "kind": "TWO_FACTOR_RESET",
        "note": REASON,
        "user": {"email": user.email},
        "actor": {"email": ada.user.email},
    }


async def test_the_letter_is_in_the_users_language(
    member: models.User, ada: Person, connect: Connect, clock: Clock, aftermath: Aftermath
) -> None:
    """Whatever the admin speaks, and also where no reason is given."""
    mia = Person(member, connect(language="de"))
    await sign_in(mia.device, member)
    await activate(mia, clock)
    await aftermath()

    answer = await outcome(ada.device, RESET, userId=id_of(member), password=PASSWORD)

    assert answer["__typename"] == "TwoFactorReset"
    _, (letter,) = await aftermath()
    assert letter["Subject"] == "Ihre Zwei-Faktor-Authentifizierung wurde zurückgesetzt"
    assert "Grund: nicht angegeben" in text_of(letter)


async def test_lifts_a_wait_of_the_second_factor(mia_with_2fa: Person, ada: Person, device: Api, clock: Clock) -> None:
    """What was counted goes with the 2FA that it was counted for."""
    token = await challenge(device, mia_with_2fa.user)
    for _ in range(5):
        await verify(device, token, otp=mia_with_2fa.app.wrong_otp(clock.now))
    await outcome(ada.device, RESET, userId=id_of(mia_with_2fa.user), password=PASSWORD)
    await sign_in(mia_with_2fa.device, mia_with_2fa.user)
    await activate(mia_with_2fa, clock)

    token = await challenge(device, mia_with_2fa.user)
    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_an_enforced_user_has_to_set_up_anew(
    mia_with_2fa: Person, ada: Person, clock: Clock, database: Database, company: models.Company
) -> None:
    """The password lets them in as far as the activation."""
    await activate(ada, clock)
    await set_rules(database, company, two_factor_enforced=True)

    answer = await outcome(ada.device, RESET, userId=id_of(mia_with_2fa.user), password=PASSWORD)

    assert answer["__typename"] == "TwoFactorReset"
    await sign_in(mia_with_2fa.device, mia_with_2fa.user)
    assert (await two_factor(mia_with_2fa.device))["setupRequired"] is True


async def test_who_is_not_in_the_company_account_is_not_there(
    ada: Person, stranger: models.User, connect: Connect, clock: Clock, aftermath: Aftermath
) -> None:
    """A user of another company account, a deleted one and nonsense get one answer, and nothing happens to anybody."""
    stella = Person(stranger, connect())
    await sign_in(stella.device, stranger)
    await activate(stella, clock)
    await aftermath()

    for user_id in (id_of(stranger), f"user_{'0' * 32}", f"company_{ada.user.company_id.hex}", "", "nobody"):
        assert await outcome(ada.device, RESET, userId=user_id, password=PASSWORD) == {
            "__typename": "UserNotFound",
            "message": "There is no such user in your company.",
        }
    assert (await two_factor(stella.device))["state"] == "ACTIVE"
    assert await aftermath() == ([], [])


async def test_refuses_in_the_admins_language(ada: Person, mia: Person, connect: Connect, aftermath: Aftermath) -> None:
    """One's own 2FA, a user without 2FA and a wrong password each have an answer of their own."""
    device = connect(language="de")
    device.session_token = ada.device.session_token
    await aftermath()

    assert await outcome(device, RESET, userId=id_of(ada.user), password=PASSWORD) == {
        "__typename": "CannotResetOwnTwoFactor",
        "message": "Sie können Ihre eigene 2FA nicht zurücksetzen. Deaktivieren Sie sie, oder bitten Sie einen anderen "
        "Admin.",
    }
    assert await outcome(device, RESET, userId=id_of(mia.user), password=PASSWORD) == {
        "__typename": "TwoFactorNotActive",
        "message": "2FA ist nicht aktiv.",
    }
    assert await aftermath() == ([], [])
    answer = await outcome(device, RESET, userId=id_of(mia.user), password=WRONG_PASSWORD)
    assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongPassword", 4)
    assert await aftermath() == (["REAUTHENTICATION_FAILED"], [])


@pytest.mark.parametrize("reason", ["x" * 501, "a\x00b", "a\x1bb"], ids=["too long", "NUL", "escape"])
async def test_the_reason_has_bounds(mia_with_2fa: Person, ada: Person, reason: str) -> None:
    """What a trail or a letter should not hold is refused before the password is looked at."""
    variables = {"userId": id_of(mia_with_2fa.user), "password": PASSWORD, "reason": reason}

    assert await error_code(ada.device, RESET, **variables) == "BAD_USER_INPUT"
    assert (await two_factor(mia_with_2fa.device))["state"] == "ACTIVE"


async def test_is_for_admins(mia_with_2fa: Person, admin: models.User) -> None:
    """A member resets nobody, not even with the right password."""
    variables = {"userId": id_of(admin), "password": PASSWORD}

    assert await error_code(mia_with_2fa.device, RESET, **variables) == "FORBIDDEN"
