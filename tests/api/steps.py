"""What people do at their devices, step by step, over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
from starlette.applications import Starlette

import models
from models.database import Database
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock

# Browsers and httpx send a Secure cookie over TLS alone.
ORIGIN = "https://countersign.test"
ADDRESS = "203.0.113.9"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

WRONG_PASSWORD = "wrong horse battery staple"
# Of the right form, and of no set: the chance that it is one of ten is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"
STEP = timedelta(seconds=30)

Connect = Callable[..., Api]

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
class Person:
    """Somebody with an account, their device and what they have at hand."""

    user: models.User
    device: Api
    app: Authenticator = field(default_factory=lambda: Authenticator(""))
    codes: list[str] = field(default_factory=list)


def connect_to(app: Starlette, *, language: str = "en", address: str = ADDRESS) -> Api:
    """A device that has never been here before, with a cookie jar of its own."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    headers = {"accept-language": language, "user-agent": FIREFOX}
    return Api(httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers))


async def outcome(device: Api, query: str, **variables: object) -> dict[str, Any]:
    """What became of the one root field of an operation that goes without top-level errors."""
    (result,) = (await device.data(query, variables)).values()
    assert isinstance(result, dict)
    return result


async def error_code(device: Api, query: str, **variables: object) -> str:
    """The code of the one top-level error of an operation that gives nothing else."""
    answer = await device.execute(query, variables)
    (error,) = answer["errors"]
    assert all(value is None for value in (answer.get("data") or {}).values())
    return str(error["extensions"]["code"])


async def sign_in(device: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> None:
    """Sign in with the password alone."""
    answer = await outcome(device, LOGIN, email=user.email, password=password, transport=transport)
    assert answer["__typename"] == "LoggedIn"
    device.session_token = answer["sessionToken"]


async def challenge(device: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> str:
    """Take the first step of signing in, where the second is asked for. The challenge token."""
    answer = await outcome(device, LOGIN, email=user.email, password=password, transport=transport)
    assert answer["__typename"] == "SecondFactorRequired"
    return str(answer["challengeToken"])


async def verify(device: Api, challenge_token: str, **second_factor: object) -> dict[str, Any]:
    """Take the second step. A session that begins is the device's from then on."""
    answer = await outcome(device, VERIFY_LOGIN, challengeToken=challenge_token, secondFactor=second_factor)
    if answer["__typename"] == "LoggedIn":
        device.session_token = answer["sessionToken"]
    return answer


async def start(device: Api) -> tuple[str, Authenticator]:
    """Begin an activation. Its id, and the app that has taken the key."""
    answer = await outcome(device, START, password=PASSWORD)
    assert answer["__typename"] == "TwoFactorActivation"
    return answer["activationId"], Authenticator.parse(answer["otpauthUri"])


async def confirm(device: Api, activation_id: str, otp: str) -> dict[str, Any]:
    """Enter an OTP on the activation page."""
    return await outcome(device, CONFIRM, activationId=activation_id, otp=otp)


async def activate(person: Person, clock: Clock) -> str:
    """Activate 2FA, and wait until the app shows an OTP that was not used for it. The id of the activation."""
    activation_id, person.app = await start(person.device)
    answer = await confirm(person.device, activation_id, person.app.otp(clock.now))
    person.codes = answer.get("codes", [])
    if person.codes:
        answer = await outcome(person.device, ACKNOWLEDGE, activationId=activation_id)
    assert answer["__typename"] == "TwoFactorActivated"
    clock.advance(STEP)
    return activation_id


async def two_factor(device: Api) -> dict[str, Any]:
    """Where the viewer's 2FA stands."""
    viewer = await outcome(device, TWO_FACTOR)
    found: dict[str, Any] = viewer["twoFactor"]
    return found


async def is_signed_in(device: Api) -> bool:
    """Whether the device's session is still good."""
    return (await device.data("{ viewer { id } }"))["viewer"] is not None


async def set_rules(database: Database, company: models.Company, **rules: bool) -> None:
    """Let a company account have other rules, as from now on."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(**rules)


def instant(when: datetime) -> str:
    """An instant as the contract writes it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def text_of(letter: EmailMessage) -> str:
    """The words of a letter as mail programs without HTML show them."""
    body = letter.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    content: str = body.get_content()
    return content
