"""`login`: returns a session, a challenge, or an error that reveals no accounts."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

import models
from models.database import Database
from tests.api.conftest import ADDRESS, FIREFOX, ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.clock import Clock, instant
from tests.support.operations import LOGIN, START_TWO_FACTOR_ACTIVATION
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from transport import stranger_delay, view
from transport.cookies import COOKIE_NAME

LOGIN_WITH_DETAILS = """
    mutation ($email: String!, $password: String!) {
        login(email: $email, password: $password) {
            __typename
            ... on LoggedIn {
                sessionToken
                session { id createdAt lastSeenAt expiresAt ipAddress userAgent deviceName current secondFactor }
                viewer { email lastLoginAt locale }
            }
        }
    }"""


async def test_logs_in_with_only_the_password_if_2fa_is_inactive(
    client: Api, member: models.User, clock: Clock, side_effects: SideEffects
) -> None:
    """The result contains the session, its token grants access, and an audit event is written."""
    result = await client.execute_one(LOGIN_WITH_DETAILS, email=member.email, password=PASSWORD)

    token, session_id = result.pop("sessionToken"), result["session"].pop("id")
    assert token.startswith("cs_")
    assert session_id.startswith("session_")
    assert result == {
        "__typename": "LoggedIn",
        "session": {
            "createdAt": instant(clock.now),
            "lastSeenAt": instant(clock.now),
            "expiresAt": instant(clock.now + timedelta(days=30)),
            "ipAddress": ADDRESS,
            "userAgent": FIREFOX,
            "deviceName": "Firefox, Linux",
            "current": True,
            "secondFactor": None,
        },
        "viewer": {"email": member.email, "lastLoginAt": instant(clock.now), "locale": "en"},
    }
    assert not await is_logged_in(client)
    client.session_token = token
    assert await is_logged_in(client)
    assert await side_effects() == (["LOGIN_SUCCEEDED"], [])


async def test_sets_a_cookie_on_request(client: Api, member: models.User) -> None:
    """The token is only in an HttpOnly cookie of this host, which grants access."""
    variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await client.post(LOGIN, variables)

    assert response.json()["data"]["login"]["sessionToken"] is None
    value, *attributes = response.headers.get_list("set-cookie")[0].split("; ")
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
    assert await is_logged_in(client)
    client.session_token = "cs_session_of_nobody"
    assert not await is_logged_in(client), "the bearer token wins over the cookie"


async def test_accepts_the_cookie_only_with_a_json_content_type(client: Api, member: models.User) -> None:
    """A request that a form on another site can send is rejected before its body is read."""
    await log_in(client, member, transport="COOKIE")

    response = await client.http.post(
        "/graphql", content='{"query": "mutation { logout { sessionId } }"}', headers={"content-type": "text/plain"}
    )

    assert response.status_code == 415
    assert await is_logged_in(client)


async def test_returns_a_challenge_if_2fa_is_active(
    member_with_2fa: ApiUser, client: Api, clock: Clock, side_effects: SideEffects
) -> None:
    """There is no cookie, session or email. An audit event shows that somebody has the password (ASVS 6.3.5)."""
    await side_effects()
    variables = {"email": member_with_2fa.user.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await client.post(LOGIN, variables)

    result = response.json()["data"]["login"]
    token = result.pop("challengeToken")
    assert result == {
        "__typename": "SecondFactorRequired",
        "expiresAt": instant(clock.now + timedelta(minutes=5)),
        "methods": ["OTP", "BACKUP_CODE"],
    }
    assert "set-cookie" not in response.headers
    client.session_token = token
    assert not await is_logged_in(client)
    assert await side_effects() == (["SECOND_FACTOR_REQUIRED"], [])


async def test_offers_no_backup_codes_if_they_are_off(
    member_with_2fa: ApiUser, client: Api, database: Database, company: models.Company
) -> None:
    """`methods` follows the flag of the company account."""
    await set_security_policy(database, company, backup_codes_enabled=False)

    result = await client.execute_one(LOGIN, email=member_with_2fa.user.email, password=PASSWORD)

    assert result["methods"] == ["OTP"]


async def test_returns_the_same_error_for_wrong_password_and_unknown_email(
    new_client: ClientFactory, member: models.User, side_effects: SideEffects
) -> None:
    """Both write an audit event, and neither sends an email."""
    client = new_client(language="de")
    wrong = await client.execute_one(LOGIN, email=member.email, password=WRONG_PASSWORD)
    unknown = await client.execute_one(LOGIN, email="nobody@acme.example", password=PASSWORD)

    assert (
        wrong
        == unknown
        == {
            "__typename": "WrongEmailOrPassword",
            "message": "Zu dieser E-Mail-Adresse und diesem Passwort gibt es kein Konto.",
        }
    )
    assert await side_effects() == (["LOGIN_FAILED", "LOGIN_FAILED"], [])


@pytest.mark.parametrize(("name", "then"), [("mia", "LoggedIn"), ("nobody", "WrongEmailOrPassword")])
@pytest.mark.usefixtures("member")
async def test_email_has_to_wait_after_five_failures(client: Api, clock: Clock, name: str, then: str) -> None:
    """Before `retryAt` the correct password is not checked. Unknown emails have to wait too."""
    email = f"{name}@acme.example"
    for _ in range(5):
        result = await client.execute_one(LOGIN, email=email, password=WRONG_PASSWORD)
        assert result["__typename"] == "WrongEmailOrPassword"

    result = await client.execute_one(LOGIN, email=email, password=PASSWORD)
    assert result == {
        "__typename": "TooManyAttempts",
        "message": "There were too many attempts. Please wait a moment and try again.",
        "retryAt": instant(clock.now + timedelta(seconds=30)),
    }
    clock.advance(timedelta(seconds=30))
    result = await client.execute_one(LOGIN, email=email, password=PASSWORD)
    assert result["__typename"] == then


@pytest.mark.attack("H18")
async def test_answer_that_strangers_have_to_wait_is_delayed(
    new_client: ClientFactory, member: models.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a few clients could keep the server busy. A live session gets each answer at once."""
    stranger, session = new_client(), (await log_in(new_client(), member)).client
    delays: list[float] = []

    async def record(delay: float) -> None:
        delays.append(delay)

    monkeypatch.setattr(view, "asyncio", SimpleNamespace(sleep=record))
    wrong = {"email": member.email, "password": WRONG_PASSWORD}
    assert [await stranger.outcome(LOGIN, **wrong) for _ in range(7)][4:] == [
        "WrongEmailOrPassword",
        "TooManyAttempts",
        "TooManyAttempts",
    ]
    assert delays == [stranger_delay.DELAY_S] * 2

    for _ in range(7):
        answer = await session.outcome(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)
    assert answer == "TooManyAttempts"
    assert len(delays) == 2


async def test_ignores_case_of_the_email_but_not_of_the_password(client: Api, member: models.User) -> None:
    """Every character of a password counts."""
    shouted = await client.execute_one(LOGIN, email=member.email.upper(), password=PASSWORD)
    trimmed = await client.execute_one(LOGIN, email=member.email, password=f"{PASSWORD} ")

    assert shouted["__typename"] == "LoggedIn"
    assert trimmed["__typename"] == "WrongEmailOrPassword"


async def test_first_login_sets_the_language_of_emails(new_client: ClientFactory, member: models.User) -> None:
    """The language of later clients does not change it."""
    locales = []
    for language in ("de-AT, en;q=0.5", "en"):
        client = new_client(language=language)
        result = await client.execute_one(LOGIN_WITH_DETAILS, email=member.email, password=PASSWORD)
        locales.append(result["viewer"]["locale"])

    assert locales == ["de", "de"]


@pytest.mark.parametrize("value", ["", "x" * 5000, "\x00", "a@b@c"])
async def test_malformed_input_returns_the_same_error_as_wrong_input(
    client: Api, member: models.User, value: str
) -> None:
    """No email or password causes another error."""
    for variables in ({"email": value, "password": PASSWORD}, {"email": member.email, "password": value}):
        assert (await client.execute_one(LOGIN, **variables))["__typename"] == "WrongEmailOrPassword"
