"""`nextAttemptAt` and `retryAfterSeconds`: the answer that starts a wait says when it ends, by the server's clock."""

from datetime import timedelta
from typing import Any

import pytest

import models
from models import SecondFactorMethod
from models.database import Database
from tests.support.api import Api
from tests.support.api_users import ApiUser, start_activation, start_login
from tests.support.attempts import set_attempt_count
from tests.support.clock import Clock, instant
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD

WAIT = "nextAttemptAt retryAfterSeconds"
REJECTED = "... on TooManyAttempts { retryAt retryAfterSeconds }"
LOGIN = f"""
mutation ($email: String!, $password: String!) {{
    login(email: $email, password: $password) {{ __typename ... on WrongEmailOrPassword {{ {WAIT} }} {REJECTED} }}
}}"""
VERIFY_LOGIN = f"""
mutation ($challengeToken: String!, $secondFactor: SecondFactorInput!) {{
    verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {{
        __typename ... on WrongSecondFactor {{ attemptsRemaining {WAIT} }} {REJECTED}
    }}
}}"""
REGENERATE_BACKUP_CODES = f"""
mutation ($password: String!, $secondFactor: SecondFactorInput) {{
    regenerateBackupCodes(password: $password, secondFactor: $secondFactor) {{
        __typename
        ... on WrongPassword {{ attemptsRemaining {WAIT} }}
        ... on WrongSecondFactor {{ attemptsRemaining {WAIT} }}
        {REJECTED}
    }}
}}"""
CONFIRM_OTP = f"""
mutation ($activationId: ID!, $otp: String!) {{
    confirmOtp(activationId: $activationId, otp: $otp) {{
        __typename ... on WrongOtp {{ attemptsRemaining {WAIT} }} {REJECTED}
    }}
}}"""


def wait_until(clock: Clock, seconds: int) -> dict[str, Any]:
    """Return the fields of a user error that starts a wait."""
    return {"nextAttemptAt": instant(clock.now + timedelta(seconds=seconds)), "retryAfterSeconds": seconds}


def rejection(clock: Clock, seconds: int) -> dict[str, Any]:
    """Return the answer to an attempt during a wait."""
    until = instant(clock.now + timedelta(seconds=seconds))
    return {"__typename": "TooManyAttempts", "retryAt": until, "retryAfterSeconds": seconds}


NO_WAIT = {"nextAttemptAt": None, "retryAfterSeconds": None}


@pytest.mark.parametrize("name", ["mia", "nobody"])
@pytest.mark.usefixtures("member")
async def test_login_says_it_for_known_and_unknown_emails_alike(client: Api, clock: Clock, name: str) -> None:
    """The fifth failure starts a wait of 30 seconds, the sixth one of 60."""
    wrong = {"email": f"{name}@acme.example", "password": WRONG_PASSWORD}
    answers = [await client.execute_one(LOGIN, **wrong) for _ in range(5)]

    assert answers == [
        *[{"__typename": "WrongEmailOrPassword", **NO_WAIT}] * 4,
        {"__typename": "WrongEmailOrPassword", **wait_until(clock, 30)},
    ]
    assert await client.execute_one(LOGIN, **wrong) == rejection(clock, 30)
    clock.advance(timedelta(seconds=30))
    assert await client.execute_one(LOGIN, **wrong) == {"__typename": "WrongEmailOrPassword", **wait_until(clock, 60)}


async def test_seconds_are_rounded_up(client: Api, member: models.User, clock: Clock) -> None:
    """A client that waits for so long does not come too early."""
    for _ in range(5):
        await client.execute_one(LOGIN, email=member.email, password=WRONG_PASSWORD)

    clock.advance(timedelta(seconds=10, milliseconds=1))
    answer = await client.execute_one(LOGIN, email=member.email, password=PASSWORD)
    assert (answer["__typename"], answer["retryAfterSeconds"]) == ("TooManyAttempts", 20)
    clock.advance(timedelta(seconds=20))
    assert await client.outcome(LOGIN, email=member.email, password=PASSWORD) == "LoggedIn"


async def test_malformed_login_says_nothing(client: Api, member: models.User) -> None:
    """The server compares nothing, so it knows no wait."""
    for _ in range(6):
        answer = await client.execute_one(LOGIN, email=member.email, password="")

    assert answer == {"__typename": "WrongEmailOrPassword", **NO_WAIT}


async def test_verify_login_says_it_for_each_kind(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """The other kind of second factor does not have to wait."""
    token = await start_login(client, member_with_2fa.user)
    wrong = {"otp": member_with_2fa.authenticator.wrong_otp(clock.now)}
    answers = [await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=wrong) for _ in range(5)]

    assert [answer.pop("attemptsRemaining") for answer in answers] == [4, 3, 2, 1, 0]
    assert answers == [
        *[{"__typename": "WrongSecondFactor", **NO_WAIT}] * 4,
        {"__typename": "WrongSecondFactor", **wait_until(clock, 30)},
    ]
    assert await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=wrong) == rejection(clock, 30)
    other = {"backupCode": WRONG_BACKUP_CODE}
    answer = await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=other)
    assert answer == {"__typename": "WrongSecondFactor", "attemptsRemaining": 4, **NO_WAIT}


async def test_locked_second_factor_has_no_end_of_the_wait(
    member_with_2fa: ApiUser, client: Api, clock: Clock, database: Database
) -> None:
    """Waiting does not help: the next attempt returns `SecondFactorLocked`."""
    long_ago = clock.now - timedelta(hours=1)
    await set_attempt_count(
        database, member_with_2fa.user.id, SecondFactorMethod.OTP, failures=99, since_sign_in=99, last=long_ago
    )
    token = await start_login(client, member_with_2fa.user)
    wrong = {"otp": member_with_2fa.authenticator.wrong_otp(clock.now)}

    answer = await client.execute_one(VERIFY_LOGIN, challengeToken=token, secondFactor=wrong)

    assert answer == {"__typename": "WrongSecondFactor", "attemptsRemaining": 0, **NO_WAIT}
    assert await client.outcome(VERIFY_LOGIN, challengeToken=token, secondFactor=wrong) == "SecondFactorLocked"


async def test_change_says_it_for_the_password(member_with_2fa: ApiUser, clock: Clock) -> None:
    """The limit is that of the session."""
    for remaining in (4, 3, 2, 1, 0):
        answer = await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, password=WRONG_PASSWORD)
        wait = NO_WAIT if remaining else wait_until(clock, 30)
        assert answer == {"__typename": "WrongPassword", "attemptsRemaining": remaining, **wait}

    answer = await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, password=PASSWORD)
    assert answer == rejection(clock, 30)


async def test_change_says_it_for_the_second_factor(
    member_with_2fa: ApiUser, company: models.Company, database: Database, clock: Clock
) -> None:
    """Malformed input during the wait gets the end of the wait too."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(second_factor_for_changes=True)
    wrong = {"password": PASSWORD, "secondFactor": {"otp": member_with_2fa.authenticator.wrong_otp(clock.now)}}
    for remaining in (4, 3, 2, 1, 0):
        answer = await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, **wrong)
        wait = NO_WAIT if remaining else wait_until(clock, 30)
        assert answer == {"__typename": "WrongSecondFactor", "attemptsRemaining": remaining, **wait}

    malformed = {"password": PASSWORD, "secondFactor": {"otp": "12"}}
    for entered in (wrong, malformed):
        answer = await member_with_2fa.client.execute_one(REGENERATE_BACKUP_CODES, **entered)
        assert answer == rejection(clock, 30)


async def test_confirmation_of_an_activation_causes_no_wait(logged_in_member: ApiUser, clock: Clock) -> None:
    """The activation ends after the fifth wrong OTP, and the next one can start at once."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    wrong = {"activationId": activation_id, "otp": authenticator.wrong_otp(clock.now)}
    answers = [await logged_in_member.client.execute_one(CONFIRM_OTP, **wrong) for _ in range(5)]

    assert answers == [
        {"__typename": "WrongOtp", "attemptsRemaining": remaining, **NO_WAIT} for remaining in (4, 3, 2, 1, 0)
    ]
