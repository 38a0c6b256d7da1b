"""How many SQL statements and transactions each operation takes, on either dialect: none may come to take more."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

import models
from app import create_app
from models.database import Database
from settings import Settings
from tests.conftest import PASSWORD, make_user
from tests.performance.counting import Count, counting
from tests.support.api import Api, api_of
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from twofactor.rules.policy import OTP_PERIOD_S

Request = tuple[str, dict[str, Any]]

# After it an OTP is good that was not before. Shorter than the minute after which a session is marked as seen.
A_WHILE = timedelta(seconds=OTP_PERIOD_S)

# How many statements, and how many transactions: BEGIN and COMMIT are not among the statements, but the look-up of the
# session is.
COSTS = {
    "authenticatorApps": (0, 0),
    "viewer": (1, 0),
    "viewer with everything": (4, 0),
    "featureFlags": (1, 0),
    "node of a user": (2, 0),
    "user": (2, 0),
    "users": (2, 0),
    "users with everything": (5, 0),
    "users with totalCount": (3, 0),
    "securityEvents": (2, 0),
    "login": (8, 2),
    "login to a challenge": (7, 2),
    "login with a wrong password": (5, 2),
    "login with an unknown email": (5, 2),
    "verifyLogin with an OTP": (9, 1),
    # One for nothing: as many as for an OTP that was used already.
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
USERS = f"query ($first: Int!) {{ users(first: $first) {{ nodes {{ {USER} sessions {{ id }} {EVENTS} }} }} }}"
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
class Story:
    """A member and an admin of one company account who use the API."""

    api: Api
    database: Database
    clock: Clock
    member: models.User
    admin: models.User
    backup_codes: list[str] = field(default_factory=list)

    async def mutate(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a mutation of one field. What became of it."""
        (became,) = (await self.api.data(query, variables)).values()
        answer: dict[str, Any] = became
        return answer

    async def signs_in(self, user: models.User) -> None:
        """Sign in with the password alone."""
        signed_in = await self.mutate(LOGIN, email=user.email, password=PASSWORD)
        self.api.session_token = signed_in["sessionToken"]

    async def starts(self, user: models.User) -> tuple[str, Authenticator]:
        """Sign in and begin an activation."""
        await self.signs_in(user)
        started = await self.mutate(START, password=PASSWORD)
        return started["activationId"], Authenticator.parse(started["otpauthUri"])

    async def activates(self, user: models.User) -> Authenticator:
        """Sign in and activate 2FA; a while later its next OTP is good."""
        activation_id, app = await self.starts(user)
        issued = await self.mutate(CONFIRM, id=activation_id, otp=app.otp(self.clock.now))
        self.backup_codes = issued["codes"]
        await self.mutate(ACKNOWLEDGE, id=activation_id)
        self.clock.advance(A_WHILE)
        return app

    async def challenged(self, user: models.User) -> str:
        """Take the first step of signing in."""
        challenged = await self.mutate(LOGIN, email=user.email, password=PASSWORD)
        token: str = challenged["challengeToken"]
        return token


async def public(_story: Story) -> Request:
    """What is the same for everybody."""
    return "{ authenticatorApps { name } }", {}


def reading(query: str, **variables: object) -> Callable[[Story], Awaitable[Request]]:
    """A query of the admin, about the member where there is an `$id`."""

    async def prepare(story: Story) -> Request:
        await story.signs_in(story.admin)
        if "$id" in query:
            found = await story.api.data('{ users(filter: {search: "mia"}) { nodes { id } } }')
            variables["id"] = found["users"]["nodes"][0]["id"]
        return query, variables

    return prepare


async def login(story: Story) -> Request:
    """A sign-in without 2FA, as there were some before."""
    await story.signs_in(story.member)
    return LOGIN, {"email": story.member.email, "password": PASSWORD}


async def login_to_a_challenge(story: Story) -> Request:
    """A sign-in with 2FA."""
    await story.activates(story.member)
    return LOGIN, {"email": story.member.email, "password": PASSWORD}


async def login_with_a_wrong_password(story: Story) -> Request:
    """A sign-in that fails, as there were some before."""
    request = LOGIN, {"email": story.member.email, "password": "no such password"}
    await story.mutate(request[0], **request[1])
    return request


async def login_with_an_unknown_email(_story: Story) -> Request:
    """A sign-in of nobody, as there were some before."""
    request = LOGIN, {"email": "nobody@acme.example", "password": PASSWORD}
    await _story.mutate(request[0], **request[1])
    return request


async def verify_login(story: Story) -> Request:
    """A second step with an OTP, as there were some before."""
    app = await story.activates(story.member)
    token = await story.challenged(story.member)
    await story.mutate(VERIFY, token=token, factor={"otp": app.otp(story.clock.now)})
    story.clock.advance(A_WHILE)
    token = await story.challenged(story.member)
    return VERIFY, {"token": token, "factor": {"otp": app.otp(story.clock.now)}}


async def verify_login_with_a_wrong_otp(story: Story) -> Request:
    """A second step that fails, as there were some before."""
    app = await story.activates(story.member)
    token = await story.challenged(story.member)
    request = VERIFY, {"token": token, "factor": {"otp": app.wrong_otp(story.clock.now)}}
    await story.mutate(request[0], **request[1])
    return request


async def verify_login_with_a_backup_code(story: Story) -> Request:
    """A second step with a backup code, as there were some before."""
    await story.activates(story.member)
    first, second, *_ = story.backup_codes
    token = await story.challenged(story.member)
    await story.mutate(VERIFY, token=token, factor={"backupCode": first})
    token = await story.challenged(story.member)
    return VERIFY, {"token": token, "factor": {"backupCode": second}}


async def logout(story: Story) -> Request:
    """The end of a session."""
    await story.signs_in(story.member)
    return "mutation { logout { sessionId } }", {}


async def revoke_session(story: Story) -> Request:
    """The end of another session."""
    await story.signs_in(story.member)
    await story.signs_in(story.member)
    listed = (await story.api.data("{ viewer { sessions { id current } } }"))["viewer"]["sessions"]
    (other,) = (session["id"] for session in listed if not session["current"])
    return "mutation ($id: ID!) { revokeSession(id: $id) { __typename } }", {"id": other}


async def start(story: Story) -> Request:
    """The beginning of an activation."""
    await story.signs_in(story.member)
    return START, {"password": PASSWORD}


async def confirm(story: Story) -> Request:
    """The OTP of an activation."""
    activation_id, app = await story.starts(story.member)
    return CONFIRM, {"id": activation_id, "otp": app.otp(story.clock.now)}


async def acknowledge(story: Story) -> Request:
    """The end of an activation."""
    activation_id, app = await story.starts(story.member)
    await story.mutate(CONFIRM, id=activation_id, otp=app.otp(story.clock.now))
    return ACKNOWLEDGE, {"id": activation_id}


async def regenerate(story: Story) -> Request:
    """New backup codes."""
    await story.activates(story.member)
    return "mutation ($password: String!) { regenerateBackupCodes(password: $password) { __typename } }", {
        "password": PASSWORD
    }


async def deactivate(story: Story) -> Request:
    """The end of 2FA."""
    await story.activates(story.member)
    return "mutation ($password: String!) { deactivateTwoFactor(password: $password) { __typename } }", {
        "password": PASSWORD
    }


async def reset(story: Story) -> Request:
    """The end of somebody else's 2FA."""
    await story.activates(story.member)
    member = (await story.api.data("{ viewer { id } }"))["viewer"]["id"]
    await story.signs_in(story.admin)
    return (
        """
        mutation ($id: ID!, $password: String!) {
            adminResetTwoFactor(userId: $id, password: $password) { __typename } }
    """,
        {"id": member, "password": PASSWORD},
    )


async def update_policy(story: Story) -> Request:
    """Other rules."""
    await story.signs_in(story.admin)
    return (
        """
        mutation ($password: String!) {
            updateSecurityPolicy(password: $password, backupCodesEnabled: false) { __typename } }
    """,
        {"password": PASSWORD},
    )


async def change_password(story: Story) -> Request:
    """Another password."""
    await story.signs_in(story.member)
    return (
        """
        mutation ($old: String!, $new: String!) {
            changePassword(currentPassword: $old, newPassword: $new) { __typename } }
    """,
        {"old": PASSWORD, "new": "wreck a nice beach tomorrow"},
    )


OPERATIONS: dict[str, Callable[[Story], Awaitable[Request]]] = {
    "authenticatorApps": public,
    "viewer": reading("{ viewer { twoFactor { state } } }"),
    "viewer with everything": reading(f"{{ viewer {{ {USER} sessions {{ id }} {EVENTS} }} }}"),
    "featureFlags": reading("{ featureFlags { backupCodes } }"),
    "node of a user": reading("query ($id: ID!) { node(id: $id) { id } }"),
    "user": reading(f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"),
    "users": reading(f"{{ users(first: 100) {{ nodes {{ {USER} }} }} }}"),
    "users with everything": reading(USERS, first=100),
    "users with totalCount": reading("{ users { totalCount } }"),
    "securityEvents": reading(
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
async def story(
    database_url: str, database: Database, member: models.User, admin: models.User, clock: Clock
) -> AsyncIterator[Story]:
    """A client of the whole app, and two people who have accounts."""
    await database.close()
    app = create_app(Settings(database_url=database_url), clock=clock)
    async with api_of(app) as api:
        yield Story(api, app.state.env.database, clock, member, admin)


async def cost(story: Story, request: Request, patch: pytest.MonkeyPatch) -> Count:
    """What a request costs, that has to go without errors."""
    with counting(patch) as count:
        await story.api.data(*request)
    return count


@pytest.mark.parametrize("operation", COSTS)
async def test_an_operation_takes_no_more_statements_than_it_needs(
    operation: str, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is exact: what has come to take fewer is written down, so that it stays so."""
    count = await cost(story, await OPERATIONS[operation](story), monkeypatch)
    assert (len(count.statements), count.transactions) == COSTS[operation], "\n".join(count.statements)


def test_every_operation_has_its_costs() -> None:
    """The table and the operations that are tried are the same, and every root field is among them."""
    assert COSTS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("operation", ["users with everything", "users", "securityEvents"])
async def test_many_take_as_many_statements_as_one(
    operation: str,
    story: Story,
    company: models.Company,
    password_hash: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of users or events takes no statement for each of its rows, whatever is selected of them."""
    request = await OPERATIONS[operation](story)
    few = await cost(story, request, monkeypatch)
    for number in range(20):
        user = await make_user(story.database, company, password_hash, story.clock, name=f"User{number}")
        await story.mutate(LOGIN, email=user.email, password="wrong")
    many = await cost(story, request, monkeypatch)
    assert len(many.statements) == len(few.statements)
