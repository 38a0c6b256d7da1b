"""Users of the API: log in and activate 2FA as a client does."""

from dataclasses import dataclass
from typing import Any

import models
from tests.support.api import Api
from tests.support.authenticator import NO_AUTHENTICATOR, Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    CONFIRM_OTP,
    LOGIN,
    START_TWO_FACTOR_ACTIVATION,
    VERIFY_LOGIN,
    VIEWER,
)
from tests.support.users import PASSWORD

# `twoFactor` of a user without 2FA, if the company account does not enforce it.
INACTIVE_TWO_FACTOR = {
    "state": "INACTIVE",
    "enforced": False,
    "setupRequired": False,
    "activatedAt": None,
    "lastUsedAt": None,
    "backupCodesRemaining": None,
}


@dataclass
class ApiUser:
    """A user with an API client, and after `activate` with an authenticator and backup codes."""

    user: models.User
    client: Api
    authenticator: Authenticator = NO_AUTHENTICATOR
    codes: tuple[str, ...] = ()
    activation_id: str = ""

    @property
    def id(self) -> str:
        """The id of the user in the API."""
        return f"user_{self.user.id.hex}"

    @property
    def session_token(self) -> str:
        """The session token."""
        assert self.client.session_token is not None
        return self.client.session_token


async def log_in(client: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> ApiUser:
    """Log in a user without 2FA, and store the session token in the client."""
    result = await client.execute_one(LOGIN, email=user.email, password=password, transport=transport)
    assert result["__typename"] == "LoggedIn"
    client.session_token = result["sessionToken"]
    return ApiUser(user, client)


async def start_login(client: Api, user: models.User, *, transport: str = "TOKEN", password: str = PASSWORD) -> str:
    """Take the first step of a login that requires a second factor. Return the challenge token."""
    result = await client.execute_one(LOGIN, email=user.email, password=password, transport=transport)
    assert result["__typename"] == "SecondFactorRequired"
    return str(result["challengeToken"])


async def verify_login(client: Api, challenge_token: str, **second_factor: object) -> dict[str, Any]:
    """Take the second step of a login with `otp` or `backupCode`. The client does not use the new session."""
    return await client.execute_one(VERIFY_LOGIN, challengeToken=challenge_token, secondFactor=second_factor)


async def verify_outcome(client: Api, challenge_token: str, **second_factor: object) -> str:
    """Take the second step of a login. Return the `__typename` of the result."""
    return str((await verify_login(client, challenge_token, **second_factor))["__typename"])


async def start_activation(client: Api) -> tuple[str, Authenticator]:
    """Start an activation. Return its id and an authenticator with its key."""
    result = await client.execute_one(START_TWO_FACTOR_ACTIVATION, password=PASSWORD)
    assert result["__typename"] == "TwoFactorActivation"
    return result["activationId"], Authenticator.parse(result["otpauthUri"])


async def confirm_otp(client: Api, activation_id: str, otp: str) -> dict[str, Any]:
    """Confirm an activation with an OTP."""
    return await client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=otp)


async def activate(api_user: ApiUser, clock: Clock) -> ApiUser:
    """Activate 2FA, advance the clock to an unused OTP, and return the user."""
    activation_id, authenticator = await start_activation(api_user.client)
    result = await confirm_otp(api_user.client, activation_id, authenticator.otp(clock.now))
    codes = tuple(result.get("codes", ()))
    if codes:
        result = await api_user.client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
    assert result["__typename"] == "TwoFactorActivated"
    api_user.activation_id, api_user.authenticator, api_user.codes = activation_id, authenticator, codes
    clock.advance(TIME_STEP)
    return api_user


async def two_factor(client: Api) -> dict[str, Any]:
    """Return the state of the viewer's 2FA."""
    state: dict[str, Any] = (await client.execute_one(VIEWER))["twoFactor"]
    return state


async def is_logged_in(client: Api) -> bool:
    """Return whether the client has a valid session."""
    return (await client.data(VIEWER))["viewer"] is not None
