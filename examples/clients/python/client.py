"""Log in, activate 2FA, log in with an OTP and deactivate 2FA, with gql.

python client.py http://127.0.0.1:8000/graphql mia@acme.example
"""

# This example is a script of its own and belongs to no package.
# ruff: noqa: INP001

import asyncio
import sys
from collections.abc import Callable
from getpass import getpass
from typing import Any

from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

# Each operation selects `__typename`, and the message of every user error. Other fields of a user error are selected by
# type name.
LOGIN = gql("""
    mutation Login($email: String!, $password: String!) {
      login(email: $email, password: $password) {
        __typename
        ... on LoggedIn { sessionToken viewer { id name twoFactor { state setupRequired } } }
        ... on SecondFactorRequired { challengeToken expiresAt methods }
        ... on UserError { message }
        ... on TooManyAttempts { retryAfterSeconds }
      }
    }
""")
VERIFY_LOGIN = gql("""
    mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
      verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
        __typename
        ... on LoggedIn { sessionToken viewer { id name twoFactor { backupCodesRemaining } } }
        ... on UserError { message }
        ... on WrongSecondFactor { attemptsRemaining retryAfterSeconds }
        ... on TooManyAttempts { retryAfterSeconds }
      }
    }
""")
START_ACTIVATION = gql("""
    mutation StartActivation($password: String!) {
      startTwoFactorActivation(password: $password) {
        __typename
        ... on TwoFactorActivation { activationId key otpauthUri expiresAt }
        ... on UserError { message }
        ... on WrongPassword { attemptsRemaining retryAfterSeconds }
        ... on TooManyAttempts { retryAfterSeconds }
      }
    }
""")
CONFIRM_OTP = gql("""
    mutation ConfirmOtp($activationId: ID!, $otp: String!) {
      confirmOtp(activationId: $activationId, otp: $otp) {
        __typename
        ... on BackupCodesIssued { activationId codes file { name content } }
        ... on TwoFactorActivated { viewer { id twoFactor { state } } }
        ... on UserError { message }
        ... on WrongOtp { attemptsRemaining }
      }
    }
""")
ACKNOWLEDGE_BACKUP_CODES = gql("""
    mutation AcknowledgeBackupCodes($activationId: ID!) {
      acknowledgeBackupCodes(activationId: $activationId) {
        __typename
        ... on TwoFactorActivated { viewer { id twoFactor { state backupCodesRemaining } } }
        ... on UserError { message }
      }
    }
""")
DEACTIVATE = gql("""
    mutation Deactivate($password: String!) {
      deactivateTwoFactor(password: $password) {
        __typename
        ... on TwoFactorDeactivated { viewer { id twoFactor { state } } }
        ... on UserError { message }
        ... on WrongPassword { attemptsRemaining retryAfterSeconds }
      }
    }
""")
LOGOUT = gql("mutation Logout { logout { __typename sessionId } }")

Ask = Callable[[str], str]
Show = Callable[[str], object]


class UserError(Exception):
    """Raised when the result of an operation is not one of the expected types. The type can be new to this client."""

    def __init__(self, result: dict[str, Any]) -> None:
        message = result.get("message") or result["__typename"]
        # The server counts the seconds, since the clock of this machine may be wrong.
        wait = result.get("retryAfterSeconds")
        super().__init__(f"{message} Please wait {wait} seconds." if wait else message)
        self.type_name: str = result["__typename"]
        self.result = result


class Countersign:
    """Sends operations. Adds the session token if one is set."""

    def __init__(self, url: str, *, language: str = "en") -> None:
        self._url = url
        # `set_session_token` adds and removes the session token.
        self._headers = {"Accept-Language": language}

    async def send(self, document: GraphQLRequest, *expected: str, **variables: object) -> dict[str, Any]:
        """Send an operation with one root field and return the result of that field.

        Raises:
            UserError: The type of the result is not expected.
            TransportQueryError: The answer contains a top-level error. Read its `extensions["code"]`.
        """
        request = GraphQLRequest(document, variable_values=variables)
        # Without the schema, gql does not validate the operation before it sends it.
        transport = HTTPXAsyncTransport(self._url, headers=self._headers, timeout=30)
        async with Client(transport=transport) as session:
            answer: dict[str, dict[str, Any]] = await session.execute(request)
        (result,) = answer.values()
        if result["__typename"] not in expected:
            raise UserError(result)
        return result

    def set_session_token(self, token: str | None) -> None:
        """Send this session token with every further request. If it is None, send no token."""
        self._headers.pop("Authorization", None)
        if token:
            self._headers["Authorization"] = f"Bearer {token}"


async def log_in(api: Countersign, email: str, password: str, ask: Ask, show: Show) -> None:
    """Log in with or without 2FA. Ask for an OTP until it is correct."""
    result = await api.send(LOGIN, "LoggedIn", "SecondFactorRequired", email=email, password=password)
    challenge_token = result.get("challengeToken")
    while result["__typename"] != "LoggedIn":
        try:
            result = await api.send(
                VERIFY_LOGIN,
                "LoggedIn",
                challengeToken=challenge_token,
                secondFactor={"otp": ask("One-time password: ")},
            )
        except UserError as error:
            if error.type_name != "WrongSecondFactor":
                raise
            show(str(error))
    api.set_session_token(result["sessionToken"])
    show(f"Logged in as {result['viewer']['name']}.")


async def activate(api: Countersign, password: str, ask: Ask, show: Show) -> None:
    """Activate 2FA, with backup codes enabled or disabled."""
    activation = await api.send(START_ACTIVATION, "TwoFactorActivation", password=password)
    activation_id = activation["activationId"]
    show(f"Key for the authenticator app: {activation['key']}")
    result = await api.send(
        CONFIRM_OTP,
        "BackupCodesIssued",
        "TwoFactorActivated",
        activationId=activation_id,
        otp=ask("One-time password: "),
    )
    if result["__typename"] == "BackupCodesIssued":
        show("\n".join(["Backup codes:", *result["codes"]]))
        ask("Press Enter after you have stored the backup codes. ")
        await api.send(ACKNOWLEDGE_BACKUP_CODES, "TwoFactorActivated", activationId=activation_id)
    show("2FA is active.")


async def run_flow(api: Countersign, email: str, password: str, ask: Ask = input, show: Show = print) -> None:
    """Log in, activate 2FA, log out, log in with an OTP, deactivate 2FA and log out."""
    await log_in(api, email, password, ask, show)
    await activate(api, password, ask, show)
    await api.send(LOGOUT, "LoggedOut")
    api.set_session_token(None)
    await log_in(api, email, password, ask, show)
    await api.send(DEACTIVATE, "TwoFactorDeactivated", password=password)
    show("2FA is inactive.")
    await api.send(LOGOUT, "LoggedOut")


if __name__ == "__main__":
    _, url, email = sys.argv
    try:
        asyncio.run(run_flow(Countersign(url), email, getpass()))
    except UserError as error:
        sys.exit(f"User error: {error}")
    except TransportQueryError as error:
        sys.exit(f"Error: {error}")
