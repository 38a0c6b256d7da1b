"""Helpers that call the API as a client does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
from starlette.applications import Starlette

import models
from models.database import Database
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.users import PASSWORD

# Browsers and httpx send a Secure cookie only over TLS.
ORIGIN = "https://countersign.test"
ADDRESS = "203.0.113.9"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

WRONG_PASSWORD = "wrong horse battery staple"
# Well-formed but in no set: the probability that it is one of ten codes is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"
TIME_STEP = timedelta(seconds=30)

ClientFactory = Callable[..., Api]

LOGIN = """
    mutation Login($email: String!, $password: String!, $transport: SessionTransport! = TOKEN) {
        login(email: $email, password: $password, transport: $transport) {
            __typename
            ... on LoggedIn { sessionToken }
            ... on SecondFactorRequired { challengeToken }
        }
    }"""
VERIFY_LOGIN = """
    mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
        verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
            __typename
            ... on LoggedIn { sessionToken }
            ... on WrongSecondFactor { attemptsRemaining }
        }
    }"""
START = """
    mutation Start($password: String!) {
        startTwoFactorActivation(password: $password) {
            __typename
            ... on TwoFactorActivation { activationId otpauthUri }
        }
    }"""
CONFIRM = """
    mutation Confirm($activationId: ID!, $otp: String!) {
        confirmOtp(activationId: $activationId, otp: $otp) { __typename ... on BackupCodesIssued { codes } }
    }"""
ACKNOWLEDGE = """
    mutation Acknowledge($activationId: ID!) {
        acknowledgeBackupCodes(activationId: $activationId) { __typename }
    }"""
TWO_FACTOR = """
    query TwoFactor {
        viewer { twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining } }
    }"""


@dataclass
class ApiUser:
    """A user with an API client, an authenticator and backup codes."""

    user: models.User
    client: Api
    authenticator: Authenticator = field(default_factory=lambda: Authenticator(""))
    codes: list[str] = field(default_factory=list)


def create_client(app: Starlette, *, language: str = "en", address: str = ADDRESS) -> Api:
    """Create an API client with its own cookie jar."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    headers = {"accept-language": language, "user-agent": FIREFOX}
    return Api(httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers))


async def execute_one(client: Api, query: str, **variables: object) -> dict[str, Any]:
    """Execute an operation with one root field and return this field. Fail on top-level errors."""
    (result,) = (await client.data(query, variables)).values()
    assert isinstance(result, dict)
    return result


async def error_code(client: Api, query: str, **variables: object) -> str:
    """Execute an operation that returns no data, and return the code of its only top-level error."""
    result = await client.execute(query, variables)
    (error,) = result["errors"]
    assert all(value is None for value in (result.get("data") or {}).values())
    return str(error["extensions"]["code"])


async def log_in(client: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> None:
    """Log in with only the password, and store the session token in the client."""
    result = await execute_one(client, LOGIN, email=user.email, password=password, transport=transport)
    assert result["__typename"] == "LoggedIn"
    client.session_token = result["sessionToken"]


async def start_login(client: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> str:
    """Take the first step of a login that requires a second factor. Return the challenge token."""
    result = await execute_one(client, LOGIN, email=user.email, password=password, transport=transport)
    assert result["__typename"] == "SecondFactorRequired"
    return str(result["challengeToken"])


async def verify_login(client: Api, challenge_token: str, **second_factor: object) -> dict[str, Any]:
    """Take the second step of a login. If it succeeds, store the session token in the client."""
    result = await execute_one(client, VERIFY_LOGIN, challengeToken=challenge_token, secondFactor=second_factor)
    if result["__typename"] == "LoggedIn":
        client.session_token = result["sessionToken"]
    return result


async def start_activation(client: Api) -> tuple[str, Authenticator]:
    """Start an activation. Return its id and the authenticator with the key."""
    result = await execute_one(client, START, password=PASSWORD)
    assert result["__typename"] == "TwoFactorActivation"
    return result["activationId"], Authenticator.parse(result["otpauthUri"])


async def confirm_otp(client: Api, activation_id: str, otp: str) -> dict[str, Any]:
    """Confirm an activation with an OTP."""
    return await execute_one(client, CONFIRM, activationId=activation_id, otp=otp)


async def activate(api_user: ApiUser, clock: Clock) -> str:
    """Activate 2FA, advance the clock to an unused OTP, and return the id of the activation."""
    activation_id, api_user.authenticator = await start_activation(api_user.client)
    result = await confirm_otp(api_user.client, activation_id, api_user.authenticator.otp(clock.now))
    api_user.codes = result.get("codes", [])
    if api_user.codes:
        result = await execute_one(api_user.client, ACKNOWLEDGE, activationId=activation_id)
    assert result["__typename"] == "TwoFactorActivated"
    clock.advance(TIME_STEP)
    return activation_id


async def two_factor(client: Api) -> dict[str, Any]:
    """Return the state of the viewer's 2FA."""
    viewer = await execute_one(client, TWO_FACTOR)
    found: dict[str, Any] = viewer["twoFactor"]
    return found


async def is_logged_in(client: Api) -> bool:
    """Return whether the client has a valid session."""
    return (await client.data("{ viewer { id } }"))["viewer"] is not None


async def set_security_policy(database: Database, company: models.Company, **rules: bool) -> None:
    """Change the rules of a company account in the database."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(**rules)


def instant(when: datetime) -> str:
    """Format an instant as the API does."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def text_of(email: EmailMessage) -> str:
    """Return the plain-text part of an email."""
    body = email.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    content: str = body.get_content()
    return content
