"""What people and attackers do, over HTTP."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import models
from models.database import Database
from tests.conftest import PASSWORD
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock

STEP = timedelta(seconds=30)
# Of the right form, and of no set: the chance that it is one of ten is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"
WRONG_PASSWORD = "wrong horse battery staple"
NEW_PASSWORD = "tr0ub4dor and three more words"

# Each mutation with the types of its arguments, and what is asked of its answer besides `__typename`.
ARGUMENTS = {
    "email": "String!", "password": "String!", "transport": "SessionTransport!", "challengeToken": "String!",
    "secondFactor": "SecondFactorInput!", "activationId": "ID!", "otp": "String!", "userId": "ID!", "reason": "String",
    "twoFactorEnforced": "Boolean", "backupCodesEnabled": "Boolean", "currentPassword": "String!",
    "newPassword": "String!", "id": "ID!",
}  # fmt: skip
REFUSAL = "... on UserError { message }"
WAIT = "... on TooManyAttempts { retryAt }"
ANSWERS = {
    "login": "... on LoggedIn { sessionToken session { id secondFactor } viewer { id } }"
    f" ... on SecondFactorRequired {{ challengeToken expiresAt methods }} {WAIT}",
    "verifyLogin": "... on LoggedIn { sessionToken session { id secondFactor } viewer { id } }"
    f" ... on WrongSecondFactor {{ attemptsRemaining }} {WAIT}",
    "startTwoFactorActivation": "... on TwoFactorActivation { activationId key otpauthUri issuer accountName expiresAt"
    f" qrCode {{ svg svgDataUri pngDataUri }} }} ... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "confirmOtp": "... on BackupCodesIssued { activationId codes file { name content } }"
    f" ... on WrongOtp {{ attemptsRemaining }} {WAIT}",
    "acknowledgeBackupCodes": "... on TwoFactorActivated { twoFactor { state } }",
    "regenerateBackupCodes": "... on BackupCodesRegenerated { codes file { content } }"
    f" ... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "deactivateTwoFactor": f"... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "adminResetTwoFactor": f"... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "updateSecurityPolicy": f"... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "changePassword": f"... on WrongPassword {{ attemptsRemaining }} {WAIT}",
    "revokeSession": "... on SessionRevoked { sessionId }",
}


def mutation(name: str, *arguments: str) -> str:
    """A mutation whose arguments are variables of their own names."""
    if name == "logout":
        return "mutation { logout { __typename sessionId } }"
    variables = ", ".join(f"${argument}: {ARGUMENTS[argument]}" for argument in arguments)
    given = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    return f"mutation({variables}) {{ {name}({given}) {{ __typename {ANSWERS[name]} {REFUSAL} }} }}"


async def attempt(api: Api, name: str, **arguments: object) -> dict[str, Any]:
    """What a mutation answers. It has to go without top-level errors."""
    answer: dict[str, Any] = (await api.data(mutation(name, *arguments), arguments))[name]
    return answer


async def outcome(api: Api, name: str, **arguments: object) -> str:
    """The `__typename` of what a mutation answers, or the code of its top-level error."""
    result = await api.execute(mutation(name, *arguments), arguments)
    if "errors" in result:
        return code_of(result)
    return str(result["data"][name]["__typename"])


def code_of(result: dict[str, Any]) -> str:
    """The code of the only top-level error."""
    (error,) = result["errors"]
    return str(error["extensions"]["code"])


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    api: Api
    user: models.User
    app: Authenticator = field(default=Authenticator(""))
    codes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the user, as the API gives it."""
        return f"user_{self.user.id.hex}"

    @property
    def token(self) -> str:
        """The token of the session."""
        assert self.api.session_token is not None
        return self.api.session_token


def somebody(api: Api, session_token: str | None = None) -> Api:
    """The API over the same connections, with another session or none."""
    other = Api(api.http)
    other.session_token = session_token
    return other


async def signed_in(api: Api, user: models.User, password: str = PASSWORD) -> Person:
    """Sign in a user without 2FA."""
    answer = await attempt(somebody(api), "login", email=user.email, password=password)
    assert answer["__typename"] == "LoggedIn"
    return Person(somebody(api, answer["sessionToken"]), user)


async def challenge_of(api: Api, email: str, password: str = PASSWORD) -> str:
    """The token of a fresh challenge."""
    answer = await attempt(somebody(api), "login", email=email, password=password)
    assert answer["__typename"] == "SecondFactorRequired"
    return str(answer["challengeToken"])


async def verify(api: Api, challenge: str, **second_factor: str) -> dict[str, Any]:
    """The second step of signing in, with `otp` or `backupCode`."""
    return await attempt(somebody(api), "verifyLogin", challengeToken=challenge, secondFactor=second_factor)


async def started(person: Person) -> tuple[str, Authenticator]:
    """A fresh activation: its id, and the app that has taken its key."""
    answer = await attempt(person.api, "startTwoFactorActivation", password=PASSWORD)
    assert answer["__typename"] == "TwoFactorActivation"
    return answer["activationId"], Authenticator.parse(answer["otpauthUri"])


async def enrol(person: Person, clock: Clock) -> Person:
    """Activate 2FA with backup codes, and wait until the app shows an OTP that was not used for it."""
    activation_id, app = await started(person)
    issued = await attempt(person.api, "confirmOtp", activationId=activation_id, otp=app.otp(clock.now))
    assert issued["__typename"] == "BackupCodesIssued"
    active = await attempt(person.api, "acknowledgeBackupCodes", activationId=activation_id)
    assert active["__typename"] == "TwoFactorActivated"
    clock.advance(STEP)
    return replace(person, app=app, codes=tuple(issued["codes"]))


async def budgets(database: Database) -> dict[str, int]:
    """The failures that are counted now, by factor."""
    async with database.reading():
        rows = await models.AttemptBudget.filter(failures__gt=0)
    return {row.factor.value: row.failures for row in rows}


async def change_rules(database: Database, company: models.Company, **rules: bool) -> None:
    """Let a company account have other rules, as from now on."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(**rules)


async def no_waits(database: Database, long_ago: datetime) -> None:
    """Let every wait be over, and keep what is counted since the last sign-in."""
    async with database.transaction():
        await models.AttemptBudget.all().update(failures=0, last_attempt_at=long_ago)
