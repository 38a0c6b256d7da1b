"""`verifyLogin`: an OTP, or in an emergency a backup code, each good once."""

from datetime import timedelta

import pytest

import models
from models import Factor
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    STEP,
    WRONG_BACKUP_CODE,
    Connect,
    Person,
    challenge,
    error_code,
    instant,
    is_signed_in,
    outcome,
    set_rules,
    text_of,
    two_factor,
    verify,
)
from tests.support.api import Api
from tests.support.clock import Clock
from transport.cookies import COOKIE_NAME

VERIFY_LOGIN = """
    mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
        verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
            __typename
            ... on LoggedIn {
                sessionToken
                session { current secondFactor }
                viewer { email twoFactor { lastUsedAt backupCodesRemaining } }
            }
            ... on UserError { message }
            ... on WrongSecondFactor { attemptsRemaining }
            ... on TooManyAttempts { retryAt }
        }
    }"""
LOGIN_METHODS = """
    mutation Login($email: String!, $password: String!) {
        login(email: $email, password: $password) { ... on SecondFactorRequired { methods } }
    }"""
LAST_EVENTS = "{ viewer { securityEvents(first: 2) { nodes { kind note } } } }"


async def test_an_otp_completes_the_sign_in_once(
    mia_with_2fa: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """The session knows its second factor; challenge and OTP are both used up; no letter is written."""
    await aftermath()
    user, otp = mia_with_2fa.user, mia_with_2fa.app.otp(clock.now)
    token = await challenge(device, user)
    entered = {"challengeToken": token, "secondFactor": {"otp": otp}}

    answer = await outcome(device, VERIFY_LOGIN, **entered)

    device.session_token = answer.pop("sessionToken")
    assert answer == {
        "__typename": "LoggedIn",
        "session": {"current": True, "secondFactor": "OTP"},
        "viewer": {
            "email": user.email,
            "twoFactor": {"lastUsedAt": instant(clock.now), "backupCodesRemaining": 10},
        },
    }
    assert await is_signed_in(device)
    assert (await outcome(device, VERIFY_LOGIN, **entered))["__typename"] == "ChallengeExpired"
    assert await aftermath() == (["LOGIN_SUCCEEDED"], [])

    replay = {"challengeToken": await challenge(device, user), "secondFactor": {"otp": otp}}
    answer = await outcome(device, VERIFY_LOGIN, **replay)
    assert (answer["__typename"], answer["attemptsRemaining"]) == ("WrongSecondFactor", 4)
    assert await aftermath() == (["SECOND_FACTOR_FAILED"], [])


async def test_the_otp_of_the_activation_is_used_up(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """It is still within the drift that is allowed, and was accepted once already."""
    otp = mia_with_2fa.app.otp(clock.now - STEP)

    answer = await verify(device, await challenge(device, mia_with_2fa.user), otp=otp)

    assert answer["__typename"] == "WrongSecondFactor"


@pytest.mark.parametrize(("drift", "expected"), [(-2, "WrongSecondFactor"), (1, "LoggedIn"), (2, "WrongSecondFactor")])
async def test_one_step_of_drift_is_forgiven(
    mia_with_2fa: Person, device: Api, clock: Clock, drift: int, expected: str
) -> None:
    """An app whose clock is half a minute off still works; one that is a minute off does not."""
    otp = mia_with_2fa.app.otp(clock.now + drift * STEP)

    answer = await verify(device, await challenge(device, mia_with_2fa.user), otp=otp)

    assert answer["__typename"] == expected


async def test_a_backup_code_completes_the_sign_in_once(
    mia_with_2fa: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """As it is typed, case, spaces and dashes do not matter; a letter says how many are left."""
    await aftermath()
    user, code = mia_with_2fa.user, mia_with_2fa.codes[0]
    typed = f" {code[:5]}-{code[5:]}".lower()
    token = await challenge(device, user)

    answer = await outcome(device, VERIFY_LOGIN, challengeToken=token, secondFactor={"backupCode": typed})

    assert answer["session"] == {"current": True, "secondFactor": "BACKUP_CODE"}
    assert answer["viewer"]["twoFactor"] == {"lastUsedAt": instant(clock.now), "backupCodesRemaining": 9}
    events, (letter,) = await aftermath()
    assert events == ["BACKUP_CODE_USED", "LOGIN_SUCCEEDED"]
    assert (letter["Subject"], letter["To"].addresses[0].addr_spec) == ("A backup code was used to log in", user.email)
    assert "You have 9 backup codes left." in text_of(letter)
    assert code not in letter.as_string()

    answer = await verify(device, await challenge(device, user), backupCode=code)
    assert answer == {"__typename": "WrongSecondFactor", "attemptsRemaining": 4}
    assert await aftermath() == (["SECOND_FACTOR_FAILED"], [])


async def test_the_last_two_codes_are_told_by_letter(mia_with_2fa: Person, device: Api, aftermath: Aftermath) -> None:
    """From two codes on, a second letter says that they run out; at none, the way is not offered any more."""
    for code in mia_with_2fa.codes[:7]:
        assert (await verify(device, await challenge(device, mia_with_2fa.user), backupCode=code))["sessionToken"]
    await aftermath()

    for code, left in zip(mia_with_2fa.codes[7:], ("2 backup codes", "1 backup code", "no backup codes"), strict=True):
        await verify(device, await challenge(device, mia_with_2fa.user), backupCode=code)
        _, (used, few) = await aftermath()
        assert used["Subject"] == "A backup code was used to log in"
        assert few["Subject"] == "Your backup codes are running out"
        assert f"You have {left} left" in text_of(used)
        assert f"You have {left} left" in text_of(few)

    login = "mutation ($email: String!, $password: String!) { login(email: $email, password: $password) { __typename \
        ... on SecondFactorRequired { methods } } }"
    answer = await outcome(device, login, email=mia_with_2fa.user.email, password="correct horse battery staple")
    assert answer["methods"] == ["OTP"]


@pytest.mark.parametrize(
    "second_factor",
    [{}, {"otp": "123456", "backupCode": "0123456789"}, {"otp": None}, {"otp": "123456", "backupCode": None}],
    ids=["none", "both", "null", "one and null"],
)
async def test_exactly_one_second_factor_is_given(
    mia_with_2fa: Person, device: Api, aftermath: Aftermath, second_factor: dict[str, str | None]
) -> None:
    """Anything else is refused before the operation runs, and costs nothing."""
    token = await challenge(device, mia_with_2fa.user)
    await aftermath()

    variables = {"challengeToken": token, "secondFactor": second_factor}

    assert await error_code(device, VERIFY_LOGIN, **variables) == "BAD_USER_INPUT"
    assert await aftermath() == ([], [])


@pytest.mark.parametrize("otp", ["", "12345", "1234567", "١٢٣٤٥٦", "12 456", "0x1234", "x" * 5000])
async def test_a_malformed_otp_costs_nothing(mia_with_2fa: Person, device: Api, aftermath: Aftermath, otp: str) -> None:
    """It gets the refusal of a wrong one, with all attempts left and nothing in the trail."""
    await aftermath()

    answer = await verify(device, await challenge(device, mia_with_2fa.user), otp=otp)

    assert answer == {"__typename": "WrongSecondFactor", "attemptsRemaining": 5}
    assert await aftermath() == ([], [])


async def test_the_transport_of_the_first_step_holds(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """A browser that asked for a cookie gets it here, and never sees the token."""
    token = await challenge(device, mia_with_2fa.user, transport="COOKIE")
    entered = {"challengeToken": token, "secondFactor": {"otp": mia_with_2fa.app.otp(clock.now)}}

    response = await device.post(VERIFY_LOGIN, entered)

    assert response.json()["data"]["verifyLogin"]["sessionToken"] is None
    assert response.headers["set-cookie"].startswith(f"{COOKIE_NAME}=cs_")
    assert await is_signed_in(device)


async def test_after_five_wrong_ones_a_factor_waits_and_the_user_is_warned(
    mia_with_2fa: Person, connect: Connect, clock: Clock, aftermath: Aftermath
) -> None:
    """A new challenge resets nothing, the other factor stays open, and one letter warns of who knows the password."""
    device = connect(language="de")
    await aftermath()
    token = await challenge(device, mia_with_2fa.user)
    wrong = {"otp": mia_with_2fa.app.wrong_otp(clock.now)}

    for attempts_remaining in (4, 3, 2, 1, 0):
        answer = await outcome(device, VERIFY_LOGIN, challengeToken=token, secondFactor=wrong)
        assert answer == {
            "__typename": "WrongSecondFactor",
            "message": "Dieser Code ist falsch, abgelaufen oder schon benutzt. "
            f"Verbleibende Versuche bis zu einer Wartezeit: {attempts_remaining}.",
            "attemptsRemaining": attempts_remaining,
        }
    token = await challenge(device, mia_with_2fa.user)
    right = {"otp": mia_with_2fa.app.otp(clock.now)}
    answer = await outcome(device, VERIFY_LOGIN, challengeToken=token, secondFactor=right)

    assert answer == {
        "__typename": "TooManyAttempts",
        "message": "Es gab zu viele Versuche. Bitte warten Sie einen Moment und versuchen Sie es dann erneut.",
        "retryAt": instant(clock.now + timedelta(seconds=30)),
    }
    events, (letter,) = await aftermath()
    assert events == ["LOCKED", *["SECOND_FACTOR_FAILED"] * 5]
    # Mia's first sign-in was in English, and so are her letters.
    assert letter["Subject"] == "Somebody is trying to log in to your account"
    assert "a wrong one-time password several times" in text_of(letter)

    answer = await verify(device, token, backupCode=mia_with_2fa.codes[0])
    assert answer["__typename"] == "LoggedIn"


async def test_the_wait_ends_at_the_instant_that_was_told(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """Until then nothing is looked at, from then on the right OTP works, within the same challenge."""
    token = await challenge(device, mia_with_2fa.user)
    for _ in range(5):
        await verify(device, token, otp=mia_with_2fa.app.wrong_otp(clock.now))

    clock.advance(timedelta(seconds=29))
    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "TooManyAttempts"
    clock.advance(timedelta(seconds=1))
    assert (await verify(device, token, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "LoggedIn"


async def test_at_a_hundred_wrong_ones_a_factor_stops(
    mia_with_2fa: Person, device: Api, clock: Clock, database: Database, aftermath: Aftermath
) -> None:
    """The right OTP is not looked at any more, whatever the wait; the other factor still opens the account."""
    subject = mia_with_2fa.user.id.hex
    async with database.transaction():
        await models.AttemptBudget.create(
            subject=subject,
            factor=Factor.OTP,
            failures=99,
            failures_since_sign_in=99,
            last_attempt_at=clock.now - timedelta(hours=1),
        )
    await aftermath()
    token = await challenge(device, mia_with_2fa.user)
    assert (await verify(device, token, otp=mia_with_2fa.app.wrong_otp(clock.now)))["__typename"] == "WrongSecondFactor"

    events, (letter,) = await aftermath()
    assert events == ["LOCKED", "SECOND_FACTOR_FAILED"]
    assert letter["Subject"] == "Part of your login is locked"
    right = {"otp": mia_with_2fa.app.otp(clock.now)}
    assert await outcome(device, VERIFY_LOGIN, challengeToken=token, secondFactor=right) == {
        "__typename": "SecondFactorLocked",
        "message": "There were too many wrong codes. Please log in with your other method, or ask an admin to reset "
        "your 2FA.",
    }
    assert (await verify(device, token, backupCode=mia_with_2fa.codes[0]))["__typename"] == "LoggedIn"


async def test_backup_codes_sleep_while_the_flag_is_off(
    mia_with_2fa: Person, device: Api, database: Database, company: models.Company
) -> None:
    """Off, a code is refused like a wrong one and its number is not told; on again, the same code works."""
    token = await challenge(device, mia_with_2fa.user)
    await set_rules(database, company, backup_codes_enabled=False)
    assert await verify(device, token, backupCode=mia_with_2fa.codes[0]) == {
        "__typename": "WrongSecondFactor",
        "attemptsRemaining": 4,
    }
    assert (await two_factor(mia_with_2fa.device))["backupCodesRemaining"] is None

    await set_rules(database, company, backup_codes_enabled=True)
    assert (await verify(device, token, backupCode=mia_with_2fa.codes[0]))["__typename"] == "LoggedIn"
    assert (await two_factor(mia_with_2fa.device))["backupCodesRemaining"] == 9


async def test_a_challenge_lives_for_five_minutes(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """At its end it is gone, for a right OTP too."""
    in_time = await challenge(device, mia_with_2fa.user)
    clock.advance(timedelta(seconds=1))
    late = await challenge(device, mia_with_2fa.user)
    clock.advance(timedelta(minutes=4, seconds=58))
    assert (await verify(device, in_time, otp=mia_with_2fa.app.otp(clock.now)))["__typename"] == "LoggedIn"

    clock.advance(timedelta(seconds=1))
    clock.advance(timedelta(seconds=1))
    answer = await outcome(
        device, VERIFY_LOGIN, challengeToken=late, secondFactor={"otp": mia_with_2fa.app.otp(clock.now)}
    )
    assert answer == {
        "__typename": "ChallengeExpired",
        "message": "This login took too long or has ended. Please log in again.",
    }


async def test_the_trail_names_the_factor_that_opened_the_session(
    mia_with_2fa: Person, device: Api, clock: Clock
) -> None:
    """The user finds in their own trail how they signed in, and which factor failed."""
    token = await challenge(device, mia_with_2fa.user)
    await verify(device, token, backupCode=WRONG_BACKUP_CODE)
    clock.advance(timedelta(seconds=1))
    await verify(device, token, otp=mia_with_2fa.app.otp(clock.now))

    viewer = await outcome(device, LAST_EVENTS)

    assert viewer["securityEvents"]["nodes"] == [
        {"kind": "LOGIN_SUCCEEDED", "note": "OTP"},
        {"kind": "SECOND_FACTOR_FAILED", "note": "BACKUP_CODE"},
    ]
