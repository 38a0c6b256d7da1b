"""Helpers that call the API as users and attackers do."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import models
from models.database import Database
from tests.support.api import Api
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.schema_elements import mutation_fields
from tests.support.users import PASSWORD

TIME_STEP = timedelta(seconds=30)
# Well-formed but in no set: the probability that it is one of ten codes is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"
WRONG_PASSWORD = "wrong horse battery staple"
NEW_PASSWORD = "tr0ub4dor and three more words"

MUTATIONS = mutation_fields()
# What a mutation selects besides `__typename` and the message of a user error.
USER_ERROR = "... on UserError { message }"
RETRY_AT = "... on TooManyAttempts { retryAt }"
SELECTIONS = {
    "login": "... on LoggedIn { sessionToken session { id secondFactor } viewer { id } }"
    f" ... on SecondFactorRequired {{ challengeToken expiresAt methods }} {RETRY_AT}",
    "verifyLogin": "... on LoggedIn { sessionToken session { id secondFactor } viewer { id } }"
    f" ... on WrongSecondFactor {{ attemptsRemaining }} {RETRY_AT}",
    "startTwoFactorActivation": "... on TwoFactorActivation { activationId key otpauthUri issuer accountName expiresAt"
    f" qrCode {{ svg svgDataUri pngDataUri }} }} ... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "confirmOtp": "... on BackupCodesIssued { activationId codes file { name content } }"
    f" ... on WrongOtp {{ attemptsRemaining }} {RETRY_AT}",
    "acknowledgeBackupCodes": "... on TwoFactorActivated { twoFactor { state } }",
    "regenerateBackupCodes": "... on BackupCodesRegenerated { codes file { content } }"
    f" ... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "deactivateTwoFactor": f"... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "adminResetTwoFactor": f"... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "updateSecurityPolicy": f"... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "changePassword": f"... on WrongPassword {{ attemptsRemaining }} {RETRY_AT}",
    "revokeSession": "... on SessionRevoked { sessionId }",
    "logout": "sessionId",
}


def mutation(name: str, *arguments: str) -> str:
    """Return a mutation whose arguments are variables with the same names."""
    if not arguments:
        return f"mutation {{ {name} {{ __typename {SELECTIONS.get(name, '')} }} }}"
    variables = ", ".join(f"${argument}: {MUTATIONS[name].args[argument].type}" for argument in arguments)
    given = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    return f"mutation({variables}) {{ {name}({given}) {{ __typename {SELECTIONS.get(name, '')} {USER_ERROR} }} }}"


async def mutate(api: Api, name: str, **arguments: object) -> dict[str, Any]:
    """Run a mutation and return its field. Fail on top-level errors."""
    result: dict[str, Any] = (await api.data(mutation(name, *arguments), arguments))[name]
    return result


async def outcome(api: Api, name: str, **arguments: object) -> str:
    """Run a mutation. Return the `__typename` of its field, or the code of its only top-level error."""
    result = await api.execute(mutation(name, *arguments), arguments)
    if "errors" in result:
        return error_code(result)
    return str(result["data"][name]["__typename"])


def error_code(result: dict[str, Any]) -> str:
    """Return the code of the only top-level error."""
    (error,) = result["errors"]
    return str(error["extensions"]["code"])


@dataclass(frozen=True)
class ApiUser:
    """A user with a session, an authenticator and backup codes."""

    api: Api
    user: models.User
    authenticator: Authenticator = field(default=Authenticator(""))
    codes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the user in the API."""
        return f"user_{self.user.id.hex}"

    @property
    def session_token(self) -> str:
        """The session token."""
        assert self.api.session_token is not None
        return self.api.session_token


def new_client(api: Api, session_token: str | None = None) -> Api:
    """Return a client with the same connections and cookies, and with another session token or none."""
    client = Api(api.http)
    client.session_token = session_token
    return client


async def log_in(api: Api, user: models.User, password: str = PASSWORD) -> ApiUser:
    """Log in a user without 2FA."""
    result = await mutate(new_client(api), "login", email=user.email, password=password)
    assert result["__typename"] == "LoggedIn"
    return ApiUser(new_client(api, result["sessionToken"]), user)


async def start_login(api: Api, email: str, password: str = PASSWORD) -> str:
    """Take the first step of a login with 2FA. Return the challenge token."""
    result = await mutate(new_client(api), "login", email=email, password=password)
    assert result["__typename"] == "SecondFactorRequired"
    return str(result["challengeToken"])


async def verify_login(api: Api, challenge_token: str, **second_factor: str) -> dict[str, Any]:
    """Take the second step of a login with `otp` or `backupCode`."""
    return await mutate(new_client(api), "verifyLogin", challengeToken=challenge_token, secondFactor=second_factor)


async def verify_outcome(api: Api, challenge_token: str, **second_factor: str) -> str:
    """Take the second step of a login. Return the `__typename` of the result."""
    return str((await verify_login(api, challenge_token, **second_factor))["__typename"])


async def start_activation(api_user: ApiUser) -> tuple[str, Authenticator]:
    """Start an activation. Return its id and an authenticator with its key."""
    result = await mutate(api_user.api, "startTwoFactorActivation", password=PASSWORD)
    assert result["__typename"] == "TwoFactorActivation"
    return result["activationId"], Authenticator.parse(result["otpauthUri"])


async def activate(api_user: ApiUser, clock: Clock) -> ApiUser:
    """Activate 2FA with backup codes, and advance the clock to an unused OTP."""
    activation_id, authenticator = await start_activation(api_user)
    issued = await mutate(api_user.api, "confirmOtp", activationId=activation_id, otp=authenticator.otp(clock.now))
    assert issued["__typename"] == "BackupCodesIssued"
    active = await mutate(api_user.api, "acknowledgeBackupCodes", activationId=activation_id)
    assert active["__typename"] == "TwoFactorActivated"
    clock.advance(TIME_STEP)
    return replace(api_user, authenticator=authenticator, codes=tuple(issued["codes"]))


async def attempt_counts(database: Database) -> dict[str, int]:
    """Return the number of failed attempts for each factor."""
    async with database.reading():
        rows = await models.AttemptCount.filter(failures__gt=0)
    return {row.factor: row.failures for row in rows}


async def set_security_policy(database: Database, company: models.Company, **policy: bool) -> None:
    """Change the security policy of a company account in the database."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(**policy)


async def end_waits(database: Database, last_attempt_at: datetime) -> None:
    """End all waits. The failures since the last login stay."""
    async with database.transaction():
        await models.AttemptCount.all().update(failures=0, last_attempt_at=last_attempt_at)
