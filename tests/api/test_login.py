"""`login`: a session, a challenge, or a refusal that tells nothing about which accounts exist."""

from datetime import timedelta

import pytest

import models
from models.database import Database
from tests.api.conftest import Aftermath
from tests.api.steps import (
    ADDRESS,
    FIREFOX,
    WRONG_PASSWORD,
    Connect,
    Person,
    instant,
    is_signed_in,
    outcome,
    set_rules,
    sign_in,
)
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.clock import Clock
from transport.cookies import COOKIE_NAME

LOGIN = """
    mutation Login($email: String!, $password: String!, $transport: SessionTransport! = TOKEN) {
        login(email: $email, password: $password, transport: $transport) {
            __typename
            ... on LoggedIn {
                sessionToken
                session { id createdAt lastSeenAt expiresAt ipAddress userAgent current secondFactor }
                viewer { email lastLoginAt locale }
            }
            ... on SecondFactorRequired { challengeToken expiresAt methods }
            ... on UserError { message }
            ... on TooManyAttempts { retryAt }
        }
    }"""


async def test_signs_in_with_the_password_alone_where_2fa_is_inactive(
    device: Api, member: models.User, clock: Clock, aftermath: Aftermath
) -> None:
    """The answer is the whole session, its token opens the API, and the trail keeps it."""
    answer = await outcome(device, LOGIN, email=member.email, password=PASSWORD)

    token, session_id = answer.pop("sessionToken"), answer["session"].pop("id")
    assert token.startswith("cs_")
    assert session_id.startswith("session_")
    assert answer == {
        "__typename": "LoggedIn",
        "session": {
            "createdAt": instant(clock.now),
            "lastSeenAt": instant(clock.now),
            "expiresAt": instant(clock.now + timedelta(days=30)),
            "ipAddress": ADDRESS,
            "userAgent": FIREFOX,
            "current": True,
            "secondFactor": None,
        },
        "viewer": {"email": member.email, "lastLoginAt": instant(clock.now), "locale": "en"},
    }
    assert not await is_signed_in(device)
    device.session_token = token
    assert await is_signed_in(device)
    assert await aftermath() == (["LOGIN_SUCCEEDED"], [])


async def test_a_cookie_carries_the_session_where_it_is_asked_for(device: Api, member: models.User) -> None:
    """The token is in an HttpOnly cookie of this host alone and not in the answer; the cookie opens the API."""
    variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await device.post(LOGIN, variables)

    assert response.json()["data"]["login"]["sessionToken"] is None
    value, *attributes = response.headers["set-cookie"].split("; ")
    name, _, token = value.partition("=")
    assert name == COOKIE_NAME == "__Host-countersign"
    assert {attribute.lower() for attribute in attributes} == {
        "httponly",
        "secure",
        "samesite=lax",
        "path=/",
        "max-age=2592000",
    }
    assert token not in response.text
    assert await is_signed_in(device)
    device.session_token = "cs_session_of_nobody"
    assert not await is_signed_in(device), "the bearer token wins over the cookie"


async def test_a_cookie_counts_only_with_a_json_content_type(device: Api, member: models.User) -> None:
    """What a form of another site can send is refused before it is read."""
    await sign_in(device, member, transport="COOKIE")

    response = await device.http.post(
        "/graphql", content='{"query": "mutation { logout { sessionId } }"}', headers={"content-type": "text/plain"}
    )

    assert response.status_code == 415
    assert await is_signed_in(device)


async def test_asks_for_the_second_factor_where_2fa_is_active(
    mia_with_2fa: Person, device: Api, clock: Clock, aftermath: Aftermath
) -> None:
    """The right password opens a challenge and nothing else: no cookie, no session, nothing told."""
    await aftermath()
    variables = {"email": mia_with_2fa.user.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await device.post(LOGIN, variables)

    answer = response.json()["data"]["login"]
    token = answer.pop("challengeToken")
    assert answer == {
        "__typename": "SecondFactorRequired",
        "expiresAt": instant(clock.now + timedelta(minutes=5)),
        "methods": ["OTP", "BACKUP_CODE"],
    }
    assert "set-cookie" not in response.headers
    device.session_token = token
    assert not await is_signed_in(device)
    assert await aftermath() == ([], [])


async def test_offers_no_backup_codes_where_they_are_off(
    mia_with_2fa: Person, device: Api, database: Database, company: models.Company
) -> None:
    """The link below the field follows the flag of the company account."""
    await set_rules(database, company, backup_codes_enabled=False)

    answer = await outcome(device, LOGIN, email=mia_with_2fa.user.email, password=PASSWORD)

    assert answer["methods"] == ["OTP"]


async def test_a_wrong_password_and_an_unknown_email_get_one_answer(
    connect: Connect, member: models.User, aftermath: Aftermath
) -> None:
    """Nobody learns which emails have an account; both failures are in the trail, and no letter is written."""
    device = connect(language="de")
    wrong = await outcome(device, LOGIN, email=member.email, password=WRONG_PASSWORD)
    unknown = await outcome(device, LOGIN, email="nobody@acme.example", password=PASSWORD)

    assert (
        wrong
        == unknown
        == {
            "__typename": "WrongEmailOrPassword",
            "message": "Zu dieser E-Mail-Adresse und diesem Passwort gibt es kein Konto.",
        }
    )
    assert await aftermath() == (["LOGIN_FAILED", "LOGIN_FAILED"], [])


@pytest.mark.parametrize(("name", "then"), [("mia", "LoggedIn"), ("nobody", "WrongEmailOrPassword")])
@pytest.mark.usefixtures("member")
async def test_after_five_failures_an_email_has_to_wait(device: Api, clock: Clock, name: str, then: str) -> None:
    """The right password is not looked at before `retryAt`, and is from then on; unknown emails wait as well."""
    email = f"{name}@acme.example"
    for _ in range(5):
        answer = await outcome(device, LOGIN, email=email, password=WRONG_PASSWORD)
        assert answer["__typename"] == "WrongEmailOrPassword"

    answer = await outcome(device, LOGIN, email=email, password=PASSWORD)
    assert answer == {
        "__typename": "TooManyAttempts",
        "message": "There were too many attempts. Please wait a moment and try again.",
        "retryAt": instant(clock.now + timedelta(seconds=30)),
    }
    clock.advance(timedelta(seconds=30))
    answer = await outcome(device, LOGIN, email=email, password=PASSWORD)
    assert answer["__typename"] == then


async def test_the_email_is_read_kindly_and_the_password_exactly(device: Api, member: models.User) -> None:
    """Capitals in an email do not matter; every character of a password does."""
    shouted = await outcome(device, LOGIN, email=member.email.upper(), password=PASSWORD)
    trimmed = await outcome(device, LOGIN, email=member.email, password=f"{PASSWORD} ")

    assert shouted["__typename"] == "LoggedIn"
    assert trimmed["__typename"] == "WrongEmailOrPassword"


async def test_the_first_sign_in_tells_the_language_of_letters(connect: Connect, member: models.User) -> None:
    """It stays, whatever later devices speak."""
    first = await outcome(connect(language="de-AT, en;q=0.5"), LOGIN, email=member.email, password=PASSWORD)
    second = await outcome(connect(language="en"), LOGIN, email=member.email, password=PASSWORD)

    assert (first["viewer"]["locale"], second["viewer"]["locale"]) == ("de", "de")


@pytest.mark.parametrize("value", ["", "x" * 5000, "\x00", "a@b@c"])
async def test_whatever_is_entered_is_wrong_at_worst(device: Api, member: models.User, value: str) -> None:
    """Malformed emails and passwords get the answer that wrong ones get."""
    for variables in ({"email": value, "password": PASSWORD}, {"email": member.email, "password": value}):
        assert (await outcome(device, LOGIN, **variables))["__typename"] == "WrongEmailOrPassword"
