"""The number of SQL statements and transactions of each operation, on both dialects."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

import models
from app import create_app
from models.database import Database
from security.constants import OTP_PERIOD_S
from settings import Settings
from tests.integration.performance.statement_counter import StatementCount, count_statements
from tests.support.api import Api, api_of
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.users import PASSWORD, make_user

Request = tuple[str, dict[str, Any]]

# After this interval a new OTP is valid. It is shorter than the minute after which the server updates `last_seen_at`.
OTP_INTERVAL = timedelta(seconds=OTP_PERIOD_S)

# The number of statements and of transactions. Statements include the look-up of the session, but not BEGIN and COMMIT.
EXPECTED_COUNTS = {
    "authenticatorApps": (0, 0),
    "viewer": (1, 0),
    "viewer with everything": (4, 0),
    "featureFlags": (1, 0),
    "node of a user": (2, 0),
    "user": (2, 0),
    "users": (2, 0),
    "users with everything": (4, 0),
    "sessions in many fields": (4, 0),
    "users with totalCount": (3, 0),
    "securityEvents": (3, 0),
    "login": (9, 2),
    "login to a challenge": (7, 2),
    "login with a wrong password": (5, 2),
    "login with an unknown email": (5, 2),
    "verifyLogin with an OTP": (10, 1),
    # As many as for a used OTP. One statement has no effect, so that the response time does not reveal the difference.
    "verifyLogin with a wrong OTP": (6, 1),
    "verifyLogin with a backup code": (14, 2),
    "logout": (4, 1),
    "revokeSession": (4, 1),
    "startTwoFactorActivation": (9, 2),
    "confirmOtp": (13, 2),
    "acknowledgeBackupCodes": (13, 1),
    "regenerateBackupCodes": (14, 2),
    "deactivateTwoFactor": (15, 2),
    "adminResetTwoFactor": (15, 2),
    "updateSecurityPolicy": (8, 2),
    "changePassword": (12, 2),
}

USER = "id email name role company { id name } twoFactor { state backupCodesRemaining } locale lastLoginAt"
EVENTS = "securityEvents(first: 5) { nodes { kind user { id company { id } } actor { id } } pageInfo { hasNextPage } }"
USERS = f"query ($first: Int!) {{ users(first: $first) {{ nodes {{ {USER} {EVENTS} }} }} }}"
SESSIONS = """{ viewer { securityEvents(first: 10) { nodes { user { a: sessions { id } b: sessions { id } } } } } }"""
LOGIN = """
    mutation ($email: String!, $password: String!) { login(email: $email, password: $password) {
        __typename ... on LoggedIn { sessionToken } ... on SecondFactorRequired { challengeToken } } }
"""
VERIFY = """
    mutation ($token: String!, $factor: SecondFactorInput!) {
        verifyLogin(challengeToken: $token, secondFactor: $factor) {
            __typename ... on LoggedIn { sessionToken viewer { id } session { id } } } }
"""
START = """
    mutation ($password: String!) { startTwoFactorActivation(password: $password) {
        __typename ... on TwoFactorActivation { activationId otpauthUri } } }
"""
CONFIRM = """
    mutation ($id: ID!, $otp: String!) { confirmOtp(activationId: $id, otp: $otp) {
        __typename ... on BackupCodesIssued { codes } } }
"""
ACKNOWLEDGE = "mutation ($id: ID!) { acknowledgeBackupCodes(activationId: $id) { __typename } }"


@dataclass
class Scenario:
    """A member and an admin of one company account who use the API."""

    api: Api
    database: Database
    clock: Clock
    member: models.User
    admin: models.User
    backup_codes: list[str] = field(default_factory=list)

    async def mutate(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a mutation with one field, and return the result of the field."""
        (result,) = (await self.api.data(query, variables)).values()
        answer: dict[str, Any] = result
        return answer

    async def sign_in(self, user: models.User) -> None:
        """Sign in a user without 2FA."""
        signed_in = await self.mutate(LOGIN, email=user.email, password=PASSWORD)
        self.api.session_token = signed_in["sessionToken"]

    async def start_activation(self, user: models.User) -> tuple[str, Authenticator]:
        """Sign in, start an activation, and return its id and the authenticator."""
        await self.sign_in(user)
        started = await self.mutate(START, password=PASSWORD)
        return started["activationId"], Authenticator.parse(started["otpauthUri"])

    async def activate(self, user: models.User) -> Authenticator:
        """Sign in, activate 2FA, and advance the clock until the next OTP is valid."""
        activation_id, authenticator = await self.start_activation(user)
        issued = await self.mutate(CONFIRM, id=activation_id, otp=authenticator.otp(self.clock.now))
        self.backup_codes = issued["codes"]
        await self.mutate(ACKNOWLEDGE, id=activation_id)
        self.clock.advance(OTP_INTERVAL)
        return authenticator

    async def new_challenge(self, user: models.User) -> str:
        """Sign in with the password, and return the challenge token."""
        challenged = await self.mutate(LOGIN, email=user.email, password=PASSWORD)
        token: str = challenged["challengeToken"]
        return token


async def public(_scenario: Scenario) -> Request:
    """Return a query that needs no session."""
    return "{ authenticatorApps { name } }", {}


def admin_query(query: str, **variables: object) -> Callable[[Scenario], Awaitable[Request]]:
    """Return a query that the admin sends. If it has a variable `$id`, that is the id of the member."""

    async def prepare(scenario: Scenario) -> Request:
        await scenario.sign_in(scenario.admin)
        if "$id" in query:
            found = await scenario.api.data('{ users(filter: {search: "mia"}) { nodes { id } } }')
            variables["id"] = found["users"]["nodes"][0]["id"]
        return query, variables

    return prepare


async def login(scenario: Scenario) -> Request:
    """Return a sign-in without 2FA, after an earlier one."""
    await scenario.sign_in(scenario.member)
    return LOGIN, {"email": scenario.member.email, "password": PASSWORD}


async def login_to_a_challenge(scenario: Scenario) -> Request:
    """Return the first step of a sign-in with 2FA."""
    await scenario.activate(scenario.member)
    return LOGIN, {"email": scenario.member.email, "password": PASSWORD}


async def login_with_a_wrong_password(scenario: Scenario) -> Request:
    """Return a sign-in with a wrong password, after an earlier one."""
    request = LOGIN, {"email": scenario.member.email, "password": "no such password"}
    await scenario.mutate(request[0], **request[1])
    return request


async def login_with_an_unknown_email(_scenario: Scenario) -> Request:
    """Return a sign-in with an unknown email, after an earlier one."""
    request = LOGIN, {"email": "unknown@acme.example", "password": PASSWORD}
    await _scenario.mutate(request[0], **request[1])
    return request


async def verify_login(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with an OTP, after an earlier one."""
    authenticator = await scenario.activate(scenario.member)
    token = await scenario.new_challenge(scenario.member)
    await scenario.mutate(VERIFY, token=token, factor={"otp": authenticator.otp(scenario.clock.now)})
    scenario.clock.advance(OTP_INTERVAL)
    token = await scenario.new_challenge(scenario.member)
    return VERIFY, {"token": token, "factor": {"otp": authenticator.otp(scenario.clock.now)}}


async def verify_login_with_a_wrong_otp(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with a wrong OTP, after an earlier one."""
    authenticator = await scenario.activate(scenario.member)
    token = await scenario.new_challenge(scenario.member)
    request = VERIFY, {"token": token, "factor": {"otp": authenticator.wrong_otp(scenario.clock.now)}}
    await scenario.mutate(request[0], **request[1])
    return request


async def verify_login_with_a_backup_code(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with a backup code, after an earlier one."""
    await scenario.activate(scenario.member)
    first, second, *_ = scenario.backup_codes
    token = await scenario.new_challenge(scenario.member)
    await scenario.mutate(VERIFY, token=token, factor={"backupCode": first})
    token = await scenario.new_challenge(scenario.member)
    return VERIFY, {"token": token, "factor": {"backupCode": second}}


async def logout(scenario: Scenario) -> Request:
    """Return a logout."""
    await scenario.sign_in(scenario.member)
    return "mutation { logout { sessionId } }", {}


async def revoke_session(scenario: Scenario) -> Request:
    """Return the revocation of another session."""
    await scenario.sign_in(scenario.member)
    await scenario.sign_in(scenario.member)
    listed = (await scenario.api.data("{ viewer { sessions { id current } } }"))["viewer"]["sessions"]
    (other,) = (session["id"] for session in listed if not session["current"])
    return "mutation ($id: ID!) { revokeSession(id: $id) { __typename } }", {"id": other}


async def start(scenario: Scenario) -> Request:
    """Return the start of an activation."""
    await scenario.sign_in(scenario.member)
    return START, {"password": PASSWORD}


async def confirm(scenario: Scenario) -> Request:
    """Return the confirmation of an activation."""
    activation_id, authenticator = await scenario.start_activation(scenario.member)
    return CONFIRM, {"id": activation_id, "otp": authenticator.otp(scenario.clock.now)}


async def acknowledge(scenario: Scenario) -> Request:
    """Return the acknowledgement of backup codes."""
    activation_id, authenticator = await scenario.start_activation(scenario.member)
    await scenario.mutate(CONFIRM, id=activation_id, otp=authenticator.otp(scenario.clock.now))
    return ACKNOWLEDGE, {"id": activation_id}


async def regenerate(scenario: Scenario) -> Request:
    """Return the regeneration of backup codes."""
    await scenario.activate(scenario.member)
    return "mutation ($password: String!) { regenerateBackupCodes(password: $password) { __typename } }", {
        "password": PASSWORD
    }


async def deactivate(scenario: Scenario) -> Request:
    """Return the deactivation of 2FA."""
    await scenario.activate(scenario.member)
    return "mutation ($password: String!) { deactivateTwoFactor(password: $password) { __typename } }", {
        "password": PASSWORD
    }


async def reset(scenario: Scenario) -> Request:
    """Return the reset of the member's 2FA by the admin."""
    await scenario.activate(scenario.member)
    member = (await scenario.api.data("{ viewer { id } }"))["viewer"]["id"]
    await scenario.sign_in(scenario.admin)
    return (
        """
        mutation ($id: ID!, $password: String!) {
            adminResetTwoFactor(userId: $id, password: $password) { __typename } }
    """,
        {"id": member, "password": PASSWORD},
    )


async def update_policy(scenario: Scenario) -> Request:
    """Return a change of the security policy."""
    await scenario.sign_in(scenario.admin)
    return (
        """
        mutation ($password: String!) {
            updateSecurityPolicy(password: $password, backupCodesEnabled: false) { __typename } }
    """,
        {"password": PASSWORD},
    )


async def change_password(scenario: Scenario) -> Request:
    """Return a change of the password."""
    await scenario.sign_in(scenario.member)
    return (
        """
        mutation ($old: String!, $new: String!) {
            changePassword(currentPassword: $old, newPassword: $new) { __typename } }
    """,
        {"old": PASSWORD, "new": "wreck a nice beach tomorrow"},
    )


OPERATIONS: dict[str, Callable[[Scenario], Awaitable[Request]]] = {
    "authenticatorApps": public,
    "viewer": admin_query("{ viewer { twoFactor { state } } }"),
    "viewer with everything": admin_query(f"{{ viewer {{ {USER} sessions {{ id }} {EVENTS} }} }}"),
    "featureFlags": admin_query("{ featureFlags { backupCodes } }"),
    "node of a user": admin_query("query ($id: ID!) { node(id: $id) { id } }"),
    "user": admin_query(f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"),
    "users": admin_query(f"{{ users(first: 100) {{ nodes {{ {USER} }} }} }}"),
    "users with everything": admin_query(USERS, first=100),
    "sessions in many fields": admin_query(SESSIONS),
    "users with totalCount": admin_query("{ users { totalCount } }"),
    "securityEvents": admin_query(
        "{ securityEvents(first: 100) { nodes { user { id email company { name } } actor { id name } } } }"
    ),
    "login": login,
    "login to a challenge": login_to_a_challenge,
    "login with a wrong password": login_with_a_wrong_password,
    "login with an unknown email": login_with_an_unknown_email,
    "verifyLogin with an OTP": verify_login,
    "verifyLogin with a wrong OTP": verify_login_with_a_wrong_otp,
    "verifyLogin with a backup code": verify_login_with_a_backup_code,
    "logout": logout,
    "revokeSession": revoke_session,
    "startTwoFactorActivation": start,
    "confirmOtp": confirm,
    "acknowledgeBackupCodes": acknowledge,
    "regenerateBackupCodes": regenerate,
    "deactivateTwoFactor": deactivate,
    "adminResetTwoFactor": reset,
    "updateSecurityPolicy": update_policy,
    "changePassword": change_password,
}


@pytest.fixture
async def scenario(
    database_url: str, database: Database, member: models.User, admin: models.User, clock: Clock
) -> AsyncIterator[Scenario]:
    """Start the application, and return an API client with two users."""
    await database.close()
    app = create_app(Settings(database_url=database_url), clock=clock)
    async with api_of(app) as api:
        yield Scenario(api, app.state.services.database, clock, member, admin)


async def count_for(scenario: Scenario, request: Request, patch: pytest.MonkeyPatch) -> StatementCount:
    """Send a request, assert that there are no top-level errors, and return the counts."""
    with count_statements(patch) as count:
        await scenario.api.data(*request)
    return count


@pytest.mark.parametrize("operation", EXPECTED_COUNTS)
async def test_operation_uses_the_expected_number_of_statements(
    operation: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is exact. If an operation needs fewer statements, change the table, so that it stays so."""
    count = await count_for(scenario, await OPERATIONS[operation](scenario), monkeypatch)
    assert (len(count.statements), count.transactions) == EXPECTED_COUNTS[operation], "\n".join(count.statements)


def test_every_operation_has_an_expected_number() -> None:
    """Both tables have the same operations."""
    assert EXPECTED_COUNTS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("operation", ["users with everything", "users", "securityEvents"])
async def test_long_list_uses_as_many_statements_as_a_short_one(
    operation: str,
    scenario: Scenario,
    company: models.Company,
    password_hash: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of users or events runs no statement for each row, whatever fields are selected."""
    request = await OPERATIONS[operation](scenario)
    few = await count_for(scenario, request, monkeypatch)
    for number in range(20):
        user = await make_user(scenario.database, company, password_hash, scenario.clock, name=f"User{number}")
        await scenario.mutate(LOGIN, email=user.email, password="wrong")
    many = await count_for(scenario, request, monkeypatch)
    assert len(many.statements) == len(few.statements)
