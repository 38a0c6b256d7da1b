"""`verifyLogin`: completes a login with an OTP or a backup code, each valid once."""

from datetime import timedelta

import pytest

import models
from models import SecondFactorMethod
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, start_login, two_factor, verify_login
from tests.support.attempts import set_attempt_count
from tests.support.clock import TIME_STEP, Clock, instant
from tests.support.mail_servers import text_of
from tests.support.operations import LOGIN, VERIFY_LOGIN
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, set_security_policy
from transport.cookies import COOKIE_NAME

VERIFY_LOGIN_WITH_DETAILS = """
    mutation ($challengeToken: String!, $secondFactor: SecondFactorInput!) {
        verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
            __typename
            ... on LoggedIn {
                sessionToken
                session { current secondFactor }
                viewer { email twoFactor { lastUsedAt backupCodesRemaining } }
            }
        }
    }"""
LAST_EVENTS = "{ viewer { securityEvents(first: 2) { nodes { kind note } } } }"


async def test_otp_completes_the_login_once(
    member_with_2fa: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """The session has its second factor, challenge and OTP are used up, and no email is sent."""
    await side_effects()
    user, otp = member_with_2fa.user, member_with_2fa.authenticator.otp(clock.now)
    token = await start_login(client, user)
    entered = {"challengeToken": token, "secondFactor": {"otp": otp}}

    result = await client.execute_one(VERIFY_LOGIN_WITH_DETAILS, **entered)

    client.session_token = result.pop("sessionToken")
    assert result == {
        "__typename": "LoggedIn",
        "session": {"current": True, "secondFactor": "OTP"},
        "viewer": {
            "email": user.email,
            "twoFactor": {"lastUsedAt": instant(clock.now), "backupCodesRemaining": 10},
        },
    }
    assert await is_logged_in(client)
    assert (await client.execute_one(VERIFY_LOGIN, **entered))["__typename"] == "ChallengeExpired"
    assert await side_effects() == (["LOGIN_SUCCEEDED", "SECOND_FACTOR_REQUIRED"], [])

    replay = {"challengeToken": await start_login(client, user), "secondFactor": {"otp": otp}}
    result = await client.execute_one(VERIFY_LOGIN, **replay)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongSecondFactor", 4)
    assert await side_effects() == (["SECOND_FACTOR_FAILED", "SECOND_FACTOR_REQUIRED"], [])


async def test_rejects_the_otp_of_the_activation(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """It is within the accepted drift, but the activation already used it."""
    otp = member_with_2fa.authenticator.otp(clock.now - TIME_STEP)

    result = await verify_login(client, await start_login(client, member_with_2fa.user), otp=otp)

    assert result["__typename"] == "WrongSecondFactor"


@pytest.mark.parametrize(("drift", "expected"), [(-2, "WrongSecondFactor"), (1, "LoggedIn"), (2, "WrongSecondFactor")])
async def test_accepts_one_time_step_of_drift(
    member_with_2fa: ApiUser, client: Api, clock: Clock, drift: int, expected: str
) -> None:
    """An authenticator that is 30 seconds off works. One that is 60 seconds off does not."""
    otp = member_with_2fa.authenticator.otp(clock.now + drift * TIME_STEP)

    result = await verify_login(client, await start_login(client, member_with_2fa.user), otp=otp)

    assert result["__typename"] == expected


async def test_backup_code_completes_the_login_once(
    member_with_2fa: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """Case, spaces and dashes are ignored. The email contains the number of codes left."""
    await side_effects()
    user, code = member_with_2fa.user, member_with_2fa.codes[0]
    typed = f" {code[:5]}-{code[5:]}".lower()
    token = await start_login(client, user)

    result = await client.execute_one(
        VERIFY_LOGIN_WITH_DETAILS, challengeToken=token, secondFactor={"backupCode": typed}
    )

    assert result["session"] == {"current": True, "secondFactor": "BACKUP_CODE"}
    assert result["viewer"]["twoFactor"] == {"lastUsedAt": instant(clock.now), "backupCodesRemaining": 9}
    events, (email,) = await side_effects()
    assert events == ["BACKUP_CODE_USED", "LOGIN_SUCCEEDED", "SECOND_FACTOR_REQUIRED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == ("A backup code was used", user.email)
    assert "You have 9 backup codes left." in text_of(email)
    assert code not in email.as_string()

    result = await verify_login(client, await start_login(client, user), backupCode=code)
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongSecondFactor", 4)
    assert await side_effects() == (["SECOND_FACTOR_FAILED", "SECOND_FACTOR_REQUIRED"], [])


async def test_sends_an_email_if_two_or_fewer_codes_are_left(
    member_with_2fa: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """If no code is left, `methods` does not offer backup codes any more."""
    for code in member_with_2fa.codes[:7]:
        assert (await verify_login(client, await start_login(client, member_with_2fa.user), backupCode=code))[
            "sessionToken"
        ]
    await side_effects()

    for code, left in zip(
        member_with_2fa.codes[7:], ("2 backup codes", "1 backup code", "no backup codes"), strict=True
    ):
        await verify_login(client, await start_login(client, member_with_2fa.user), backupCode=code)
        _, (used, few) = await side_effects()
        assert used["Subject"] == "A backup code was used"
        assert few["Subject"] == "Your backup codes are running out"
        assert f"You have {left} left" in text_of(used)
        assert f"You have {left} left" in text_of(few)

    result = await client.execute_one(LOGIN, email=member_with_2fa.user.email, password=PASSWORD)
    assert result["methods"] == ["OTP"]


@pytest.mark.parametrize(
    "second_factor",
    [{}, {"otp": "123456", "backupCode": "0123456789"}, {"otp": None}, {"otp": "123456", "backupCode": None}],
    ids=["none", "both", "null", "one and null"],
)
async def test_requires_exactly_one_second_factor(
    member_with_2fa: ApiUser, client: Api, side_effects: SideEffects, second_factor: dict[str, str | None]
) -> None:
    """Other input is rejected before the operation runs and uses no attempt."""
    token = await start_login(client, member_with_2fa.user)
    await side_effects()

    variables = {"challengeToken": token, "secondFactor": second_factor}

    assert await client.outcome(VERIFY_LOGIN, **variables) == "BAD_USER_INPUT"
    assert await side_effects() == ([], [])


@pytest.mark.parametrize("otp", ["", "12345", "1234567", "١٢٣٤٥٦", "12 456", "0x1234", "x" * 5000])
async def test_malformed_otp_uses_no_attempt(
    member_with_2fa: ApiUser, client: Api, side_effects: SideEffects, otp: str
) -> None:
    """The error is that of a wrong OTP, with all attempts left. The audit event of the challenge is the only one."""
    token = await start_login(client, member_with_2fa.user)
    await side_effects()

    result = await verify_login(client, token, otp=otp)

    assert result == {
        "__typename": "WrongSecondFactor",
        "message": "This code is malformed, and no attempt was used. A one-time password has 6 digits. "
        "A backup code has 10 letters and digits.",
        "attemptsRemaining": 5,
        "malformed": True,
    }
    assert await side_effects() == ([], [])


async def test_uses_the_transport_of_the_first_step(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """A browser that asked for a cookie gets it and never sees the token."""
    token = await start_login(client, member_with_2fa.user, transport="COOKIE")
    entered = {"challengeToken": token, "secondFactor": {"otp": member_with_2fa.authenticator.otp(clock.now)}}

    response = await client.post(VERIFY_LOGIN, entered)

    assert response.json()["data"]["verifyLogin"]["sessionToken"] is None
    assert response.headers["set-cookie"].startswith(f"{COOKIE_NAME}=cs_")
    assert await is_logged_in(client)


async def test_factor_has_to_wait_after_five_failures(
    member_with_2fa: ApiUser, new_client: ClientFactory, clock: Clock, side_effects: SideEffects
) -> None:
    """A new challenge resets nothing, the other factor works, and one email warns the user."""
    client = new_client(language="de")
    await side_effects()
    token = await start_login(client, member_with_2fa.user)
    wrong = {"otp": member_with_2fa.authenticator.wrong_otp(clock.now)}

    for attempts_remaining in (4, 3, 2, 1, 0):
        result = await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=wrong)
        assert result == {
            "__typename": "WrongSecondFactor",
            "message": "Dieser Code ist falsch, abgelaufen oder schon benutzt. "
            f"Verbleibende Versuche bis zu einer Wartezeit: {attempts_remaining}.",
            "attemptsRemaining": attempts_remaining,
            "malformed": False,
        }
    token = await start_login(client, member_with_2fa.user)
    right = {"otp": member_with_2fa.authenticator.otp(clock.now)}
    result = await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=right)

    assert result == {
        "__typename": "TooManyAttempts",
        "message": "Es gab zu viele Versuche. Bitte warten Sie einen Moment und versuchen Sie es dann erneut.",
        "retryAt": instant(clock.now + timedelta(seconds=30)),
    }
    events, (email,) = await side_effects()
    assert events == ["LOCKED", *["SECOND_FACTOR_FAILED"] * 5, *["SECOND_FACTOR_REQUIRED"] * 2]
    # The member's first login was in English, so the emails are in English.
    assert email["Subject"] == "Somebody is trying to log in to your account"
    assert "a wrong one-time password several times" in text_of(email)

    result = await verify_login(client, token, backupCode=member_with_2fa.codes[0])
    assert result["__typename"] == "LoggedIn"


async def test_wait_ends_at_retry_at(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """Before that nothing is checked. After that the correct OTP works in the same challenge."""
    token = await start_login(client, member_with_2fa.user)
    for _ in range(5):
        await verify_login(client, token, otp=member_with_2fa.authenticator.wrong_otp(clock.now))

    clock.advance(timedelta(seconds=29))
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "TooManyAttempts"
    clock.advance(timedelta(seconds=1))
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "LoggedIn"


async def test_factor_is_locked_after_a_hundred_failures(
    member_with_2fa: ApiUser, client: Api, clock: Clock, database: Database, side_effects: SideEffects
) -> None:
    """The correct OTP is not checked after any wait. The other factor still works."""
    long_ago = clock.now - timedelta(hours=1)
    await set_attempt_count(
        database, member_with_2fa.user.id, SecondFactorMethod.OTP, failures=99, since_sign_in=99, last=long_ago
    )
    await side_effects()
    token = await start_login(client, member_with_2fa.user)
    assert (await verify_login(client, token, otp=member_with_2fa.authenticator.wrong_otp(clock.now)))[
        "__typename"
    ] == "WrongSecondFactor"

    events, (email,) = await side_effects()
    assert events == ["LOCKED", "SECOND_FACTOR_FAILED", "SECOND_FACTOR_REQUIRED"]
    assert email["Subject"] == "Part of your login is locked"
    right = {"otp": member_with_2fa.authenticator.otp(clock.now)}
    assert await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=right) == {
        "__typename": "SecondFactorLocked",
        "message": "There were too many wrong codes. Please log in with your other method.",
    }
    assert (await verify_login(client, token, backupCode=member_with_2fa.codes[0]))["__typename"] == "LoggedIn"


async def test_backup_codes_do_not_work_while_the_flag_is_off(
    member_with_2fa: ApiUser, client: Api, database: Database, company: models.Company
) -> None:
    """The error is that of a wrong code. When the flag is on again, the same code works."""
    token = await start_login(client, member_with_2fa.user)
    await set_security_policy(database, company, backup_codes_enabled=False)
    result = await verify_login(client, token, backupCode=member_with_2fa.codes[0])
    assert (result["__typename"], result["attemptsRemaining"]) == ("WrongSecondFactor", 4)
    assert (await two_factor(member_with_2fa.client))["backupCodesRemaining"] is None

    await set_security_policy(database, company, backup_codes_enabled=True)
    assert (await verify_login(client, token, backupCode=member_with_2fa.codes[0]))["__typename"] == "LoggedIn"
    assert (await two_factor(member_with_2fa.client))["backupCodesRemaining"] == 9


async def test_challenge_expires_after_five_minutes(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """A correct OTP is then too late."""
    in_time = await start_login(client, member_with_2fa.user)
    clock.advance(timedelta(seconds=1))
    late = await start_login(client, member_with_2fa.user)
    clock.advance(timedelta(minutes=4, seconds=58))
    assert (await verify_login(client, in_time, otp=member_with_2fa.authenticator.otp(clock.now)))[
        "__typename"
    ] == "LoggedIn"

    clock.advance(timedelta(seconds=1))
    clock.advance(timedelta(seconds=1))
    result = await client.execute_one(
        VERIFY_LOGIN, challengeToken=late, secondFactor={"otp": member_with_2fa.authenticator.otp(clock.now)}
    )
    assert result == {
        "__typename": "ChallengeExpired",
        "message": "This login took too long or has ended. Please log in again.",
    }


async def test_audit_events_name_the_second_factor(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """`note` has the factor of the login and the factor that failed."""
    token = await start_login(client, member_with_2fa.user)
    clock.advance(timedelta(seconds=1))
    await verify_login(client, token, backupCode=WRONG_BACKUP_CODE)
    clock.advance(timedelta(seconds=1))
    session = await verify_login(client, token, otp=member_with_2fa.authenticator.otp(clock.now))

    viewer = await client.with_token(session["sessionToken"]).execute_one(LAST_EVENTS)

    assert viewer["securityEvents"]["nodes"] == [
        {"kind": "LOGIN_SUCCEEDED", "note": "OTP"},
        {"kind": "SECOND_FACTOR_FAILED", "note": "BACKUP_CODE"},
    ]
