"""The life of 2FA as a client sees it, with gql: log in, activate, log in with an OTP, deactivate.

python client.py http://127.0.0.1:8000/graphql mia@acme.example
"""

# An example to run by itself, in no package.
# ruff: noqa: INP001

import asyncio
import sys
from collections.abc import Callable
from getpass import getpass
from typing import Any

from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

# Each selects `__typename`, and of every refusal the message. What else a refusal tells is asked for by its name.
LOGIN = gql("""
    mutation Login($email: String!, $password: String!) {
      login(email: $email, password: $password) {
        __typename
        ... on LoggedIn { sessionToken viewer { id name twoFactor { state setupRequired } } }
        ... on SecondFactorRequired { challengeToken expiresAt methods }
        ... on UserError { message }
        ... on TooManyAttempts { retryAt }
      }
    }
""")
VERIFY_LOGIN = gql("""
    mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
      verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
        __typename
        ... on LoggedIn { sessionToken viewer { id name twoFactor { backupCodesRemaining } } }
        ... on UserError { message }
        ... on WrongSecondFactor { attemptsRemaining }
        ... on TooManyAttempts { retryAt }
      }
    }
""")
START_ACTIVATION = gql("""
    mutation StartActivation($password: String!) {
      startTwoFactorActivation(password: $password) {
        __typename
        ... on TwoFactorActivation { activationId key otpauthUri expiresAt }
        ... on UserError { message }
        ... on WrongPassword { attemptsRemaining }
        ... on TooManyAttempts { retryAt }
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
        ... on WrongPassword { attemptsRemaining }
      }
    }
""")
LOGOUT = gql("mutation Logout { logout { __typename sessionId } }")

Ask = Callable[[str], str]
Show = Callable[[str], object]


class RefusedError(Exception):
    """The answer is none of those that the step can go on with, known to this client or not."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("message") or answer["__typename"])
        self.type_name: str = answer["__typename"]
        self.answer = answer


class Countersign:
    """Sends operations, with a session token once there is one."""

    def __init__(self, url: str, *, language: str = "en") -> None:
        self._url = url
        # The session token goes in here, and out again.
        self._headers = {"Accept-Language": language}

    async def send(self, document: GraphQLRequest, *expected: str, **variables: object) -> dict[str, Any]:
        """The answer of an operation with one field, if it is of an expected type.

        Raises:
            RefusedError: It is of another type.
            TransportQueryError: There is an error beside the data; go by its `extensions["code"]`.
        """
        request = GraphQLRequest(document, variable_values=variables)
        # Without the schema, gql sends what it is given and checks nothing itself.
        transport = HTTPXAsyncTransport(self._url, headers=self._headers, timeout=30)
        async with Client(transport=transport) as session:
            (answer,) = (await session.execute(request)).values()
        if answer["__typename"] not in expected:
            raise RefusedError(answer)
        found: dict[str, Any] = answer
        return found

    def sign(self, token: str | None) -> None:
        """Carry this session from now on, or none."""
        self._headers.pop("Authorization", None)
        if token:
            self._headers["Authorization"] = f"Bearer {token}"


async def log_in(api: Countersign, email: str, password: str, ask: Ask, show: Show) -> None:
    """Sign in, with or without 2FA. Asks for the second factor until it is right."""
    answer = await api.send(LOGIN, "LoggedIn", "SecondFactorRequired", email=email, password=password)
    challenge = answer.get("challengeToken")
    while answer["__typename"] != "LoggedIn":
        try:
            answer = await api.send(
                VERIFY_LOGIN,
                "LoggedIn",
                challengeToken=challenge,
                secondFactor={"otp": ask("One-time password: ")},
            )
        except RefusedError as refusal:
            if refusal.type_name != "WrongSecondFactor":
                raise
            show(str(refusal))
    api.sign(answer["sessionToken"])
    show(f"Signed in as {answer['viewer']['name']}.")


async def activate(api: Countersign, password: str, ask: Ask, show: Show) -> None:
    """Activate 2FA, whether backup codes are on or off."""
    activation = await api.send(START_ACTIVATION, "TwoFactorActivation", password=password)
    activation_id = activation["activationId"]
    show(f"Key for the authenticator app: {activation['key']}")
    answer = await api.send(
        CONFIRM_OTP,
        "BackupCodesIssued",
        "TwoFactorActivated",
        activationId=activation_id,
        otp=ask("One-time password: "),
    )
    if answer["__typename"] == "BackupCodesIssued":
        show("\n".join(["Backup codes:", *answer["codes"]]))
        ask("Press Enter when they are stored. ")
        await api.send(ACKNOWLEDGE_BACKUP_CODES, "TwoFactorActivated", activationId=activation_id)
    show("2FA is active.")


async def life(api: Countersign, email: str, password: str, ask: Ask = input, show: Show = print) -> None:
    """The whole of it."""
    await log_in(api, email, password, ask, show)
    await activate(api, password, ask, show)
    await api.send(LOGOUT, "LoggedOut")
    api.sign(None)
    await log_in(api, email, password, ask, show)
    await api.send(DEACTIVATE, "TwoFactorDeactivated", password=password)
    show("2FA is inactive.")
    await api.send(LOGOUT, "LoggedOut")


if __name__ == "__main__":
    _, url, email = sys.argv
    try:
        asyncio.run(life(Countersign(url), email, getpass()))
    except RefusedError as refusal:
        sys.exit(f"Refused: {refusal}")
    except TransportQueryError as failure:
        sys.exit(f"Failed: {failure}")
