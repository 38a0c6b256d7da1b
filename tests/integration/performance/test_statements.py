"""The number of SQL statements and transactions of each operation, on both dialects."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

import models
from app import create_app
from models.database import Database
from settings import Settings
from tests.integration.performance.statement_counter import StatementCount, count_statements
from tests.support.api import Api, api_of
from tests.support.api_users import ApiUser, activate, confirm_otp, log_in, start_activation, start_login, verify_login
from tests.support.attempts import set_attempt_count
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.factories import insert_replacement
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    AUTHENTICATOR_APPS,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    DISABLE_USER,
    ENABLE_USER,
    END_USER_SESSIONS,
    FEATURE_FLAGS,
    LOGIN,
    LOGOUT,
    NODE,
    POLICY_IMPACT,
    REGENERATE_BACKUP_CODES,
    REMOVE_AUTHENTICATOR,
    RESET_WITH_VOUCHER,
    REVOKE_OTHER_SESSIONS,
    REVOKE_SESSION,
    SESSIONS,
    SET_USER_ENFORCEMENT,
    SET_USER_ROLE,
    START_AUTHENTICATOR_REPLACEMENT,
    START_TWO_FACTOR_ACTIVATION,
    START_WITH_VOUCHER,
    UNLOCK_USER,
    UPDATE_PROFILE,
    UPDATE_SECURITY_POLICY,
    USERS,
    VERIFY_LOGIN,
    VIEWER,
)
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD, make_user

Request = tuple[str, dict[str, Any]]

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
    "users with locks": (3, 0),
    "users with counts": (4, 0),
    "users with admins": (4, 0),
    "users with statistics": (4, 0),
    "users by locks and setup": (3, 0),
    "sessions in many fields": (4, 0),
    "users with totalCount": (3, 0),
    "securityEvents": (3, 0),
    "policyImpact": (5, 0),
    "policyImpact with users": (7, 0),
    "login": (9, 2),
    "login to a challenge": (8, 2),
    "login with a wrong password": (5, 2),
    "login with an unknown email": (5, 2),
    "verifyLogin with an OTP": (10, 1),
    # As many as for a used OTP. One statement has no effect, so that the response time does not reveal the difference.
    "verifyLogin with a wrong OTP": (6, 1),
    "verifyLogin with a backup code": (15, 2),
    "logout": (4, 1),
    "revokeSession": (4, 1),
    "revokeOtherSessions": (5, 1),
    "startTwoFactorActivation": (9, 2),
    # The stored hash, before the slow one is computed, and the attempt: reserved, and released.
    "startTwoFactorActivation with a voucher": (12, 2),
    "confirmOtp": (16, 2),
    "acknowledgeBackupCodes": (16, 1),
    "regenerateBackupCodes": (15, 2),
    "regenerateBackupCodes until acknowledged": (9, 2),
    "acknowledgeBackupCodes after a regeneration": (14, 1),
    "startAuthenticatorReplacement": (15, 2),
    "confirmOtp of a replacement": (17, 1),
    "removeAuthenticator": (15, 2),
    "deactivateTwoFactor": (16, 2),
    "adminResetTwoFactor": (17, 2),
    "endUserSessions": (12, 2),
    "unlockUser": (9, 2),
    "disableUser": (14, 2),
    "enableUser": (9, 2),
    "setUserRole": (12, 2),
    "updateSecurityPolicy": (10, 2),
    "updateSecurityPolicy with another admin": (11, 2),
    "setUserEnforcement": (9, 2),
    "changePassword": (14, 2),
    "updateProfile": (5, 1),
}

USER_FIELDS = "id email name role company { id name } twoFactor { state backupCodesRemaining } locale lastLoginAt"
EVENT_FIELDS = (
    "securityEvents(first: 5) { nodes { kind user { id company { id } } actor { id } } pageInfo { hasNextPage } }"
)
USERS_AND_EVENTS = f"query ($first: Int!) {{ users(first: $first) {{ nodes {{ {USER_FIELDS} {EVENT_FIELDS} }} }} }}"
MANY_SESSIONS = (
    """{ viewer { securityEvents(first: 10) { nodes { user { a: sessions { id } b: sessions { id } } } } } }"""
)


@dataclass
class Scenario:
    """A member and an admin of one company account who use the API."""

    api: Api
    database: Database
    clock: Clock
    member: models.User
    admin: models.User

    async def activate(self, user: models.User) -> ApiUser:
        """Sign in, activate 2FA, and advance the clock until the next OTP is valid."""
        # A time step is shorter than the minute after which the server updates `last_seen_at`.
        return await activate(await log_in(self.api, user), self.clock)


async def public(_scenario: Scenario) -> Request:
    """Return a query that needs no session."""
    return AUTHENTICATOR_APPS, {}


def admin_query(query: str, **variables: object) -> Callable[[Scenario], Awaitable[Request]]:
    """Return a query that the admin sends. If it has a variable `$id`, that is the id of the member."""

    async def prepare(scenario: Scenario) -> Request:
        await log_in(scenario.api, scenario.admin)
        if "$id" in query:
            variables["id"] = f"user_{scenario.member.id.hex}"
        return query, variables

    return prepare


async def login(scenario: Scenario) -> Request:
    """Return a sign-in without 2FA, after an earlier one."""
    await log_in(scenario.api, scenario.member)
    return LOGIN, {"email": scenario.member.email, "password": PASSWORD}


async def login_to_a_challenge(scenario: Scenario) -> Request:
    """Return the first step of a sign-in with 2FA."""
    await scenario.activate(scenario.member)
    return LOGIN, {"email": scenario.member.email, "password": PASSWORD}


async def login_with_a_wrong_password(scenario: Scenario) -> Request:
    """Return a sign-in with a wrong password, after an earlier one."""
    request = LOGIN, {"email": scenario.member.email, "password": WRONG_PASSWORD}
    await scenario.api.execute_one(request[0], **request[1])
    return request


async def login_with_an_unknown_email(_scenario: Scenario) -> Request:
    """Return a sign-in with an unknown email, after an earlier one."""
    request = LOGIN, {"email": "unknown@acme.example", "password": PASSWORD}
    await _scenario.api.execute_one(request[0], **request[1])
    return request


async def verify_with_otp(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with an OTP, after an earlier one."""
    user = await scenario.activate(scenario.member)
    token = await start_login(scenario.api, user.user)
    await verify_login(scenario.api, token, otp=user.authenticator.otp(scenario.clock.now))
    scenario.clock.advance(TIME_STEP)
    token = await start_login(scenario.api, user.user)
    return VERIFY_LOGIN, {
        "challengeToken": token,
        "secondFactor": {"otp": user.authenticator.otp(scenario.clock.now)},
    }


async def verify_with_wrong_otp(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with a wrong OTP, after an earlier one."""
    user = await scenario.activate(scenario.member)
    token = await start_login(scenario.api, user.user)
    wrong = {"otp": user.authenticator.wrong_otp(scenario.clock.now)}
    await verify_login(scenario.api, token, **wrong)
    return VERIFY_LOGIN, {"challengeToken": token, "secondFactor": wrong}


async def verify_with_backup_code(scenario: Scenario) -> Request:
    """Return the second step of a sign-in with a backup code, after an earlier one."""
    user = await scenario.activate(scenario.member)
    token = await start_login(scenario.api, user.user)
    await verify_login(scenario.api, token, backupCode=user.codes[0])
    token = await start_login(scenario.api, user.user)
    return VERIFY_LOGIN, {"challengeToken": token, "secondFactor": {"backupCode": user.codes[1]}}


async def logout(scenario: Scenario) -> Request:
    """Return a logout."""
    await log_in(scenario.api, scenario.member)
    return LOGOUT, {}


async def revoke_session(scenario: Scenario) -> Request:
    """Return the revocation of another session."""
    await log_in(scenario.api, scenario.member)
    await log_in(scenario.api, scenario.member)
    listed = (await scenario.api.execute_one(SESSIONS))["sessions"]
    (other,) = (session["id"] for session in listed if not session["current"])
    return REVOKE_SESSION, {"id": other}


async def revoke_other_sessions(scenario: Scenario) -> Request:
    """Return the revocation of all other sessions."""
    await log_in(scenario.api, scenario.member)
    await log_in(scenario.api, scenario.member)
    return REVOKE_OTHER_SESSIONS, {}


async def start(scenario: Scenario) -> Request:
    """Return the start of an activation."""
    await log_in(scenario.api, scenario.member)
    return START_TWO_FACTOR_ACTIVATION, {"password": PASSWORD}


async def start_with_voucher(scenario: Scenario) -> Request:
    """Return the start of an activation after a reset with a voucher."""
    member = await scenario.activate(scenario.member)
    async with scenario.database.transaction():
        await models.Company.all().update(resets_need_voucher=True)
    await log_in(scenario.api, scenario.admin)
    reset = await scenario.api.execute_one(RESET_WITH_VOUCHER, userId=member.id, password=PASSWORD)
    await log_in(scenario.api, scenario.member)
    return START_WITH_VOUCHER, {"password": PASSWORD, "voucher": reset["voucher"]}


async def confirm(scenario: Scenario) -> Request:
    """Return the confirmation of an activation."""
    await log_in(scenario.api, scenario.member)
    activation_id, authenticator = await start_activation(scenario.api)
    return CONFIRM_OTP, {"activationId": activation_id, "otp": authenticator.otp(scenario.clock.now)}


async def acknowledge(scenario: Scenario) -> Request:
    """Return the acknowledgement of backup codes."""
    await log_in(scenario.api, scenario.member)
    activation_id, authenticator = await start_activation(scenario.api)
    await confirm_otp(scenario.api, activation_id, authenticator.otp(scenario.clock.now))
    return ACKNOWLEDGE_BACKUP_CODES, {"activationId": activation_id}


async def regenerate(scenario: Scenario) -> Request:
    """Return the regeneration of backup codes."""
    await scenario.activate(scenario.member)
    return REGENERATE_BACKUP_CODES, {"password": PASSWORD}


async def regenerate_until_acknowledged(scenario: Scenario) -> Request:
    """Return the regeneration of backup codes that replace the old ones at the acknowledgement."""
    await scenario.activate(scenario.member)
    return REGENERATE_BACKUP_CODES, {"password": PASSWORD, "untilAcknowledged": True}


async def acknowledge_new_codes(scenario: Scenario) -> Request:
    """Return the acknowledgement of regenerated backup codes."""
    await scenario.activate(scenario.member)
    async with scenario.database.transaction():
        activation_id = await insert_replacement(scenario.member.id, scenario.clock.now)
    return ACKNOWLEDGE_BACKUP_CODES, {"activationId": activation_id}


async def start_replacement(scenario: Scenario) -> Request:
    """Return the first step of the replacement of an authenticator."""
    member = await scenario.activate(scenario.member)
    factor = {"otp": member.authenticator.otp(scenario.clock.now)}
    return START_AUTHENTICATOR_REPLACEMENT, {"password": PASSWORD, "secondFactor": factor}


async def confirm_replacement(scenario: Scenario) -> Request:
    """Return the last step of the replacement of an authenticator."""
    _, variables = await start_replacement(scenario)
    started = await scenario.api.execute_one(START_AUTHENTICATOR_REPLACEMENT, **variables)
    otp = Authenticator.parse(started["otpauthUri"]).otp(scenario.clock.now)
    return CONFIRM_OTP, {"activationId": started["activationId"], "otp": otp}


async def remove_authenticator(scenario: Scenario) -> Request:
    """Return the removal of one of two authenticators."""
    member = await scenario.activate(scenario.member)
    async with scenario.database.transaction():
        first = await models.Authenticator.get(user_id=member.user.id)
        first_id, first.id = first.id, uuid4()
        await first.save(force_create=True)
    return REMOVE_AUTHENTICATOR, {"id": f"authenticator_{first_id.hex}", "password": PASSWORD}


async def deactivate(scenario: Scenario) -> Request:
    """Return the deactivation of 2FA."""
    await scenario.activate(scenario.member)
    return DEACTIVATE_TWO_FACTOR, {"password": PASSWORD}


async def reset(scenario: Scenario) -> Request:
    """Return the reset of the member's 2FA by the admin."""
    member = await scenario.activate(scenario.member)
    await log_in(scenario.api, scenario.admin)
    return ADMIN_RESET_TWO_FACTOR, {"userId": member.id, "password": PASSWORD}


async def end_sessions(scenario: Scenario) -> Request:
    """Return the end of the member's sessions by the admin."""
    member = await log_in(scenario.api, scenario.member)
    await log_in(scenario.api, scenario.admin)
    return END_USER_SESSIONS, {"userId": member.id, "password": PASSWORD}


def change_of_member(mutation: str, **variables: object) -> Callable[[Scenario], Awaitable[Request]]:
    """Return a change of the account of the member, who has a session, by the admin."""

    async def prepare(scenario: Scenario) -> Request:
        member = await log_in(scenario.api, scenario.member)
        await log_in(scenario.api, scenario.admin)
        return mutation, {"userId": member.id, "password": PASSWORD, **variables}

    return prepare


async def unlock_user(scenario: Scenario) -> Request:
    """Return the unlocking of the member by the admin."""
    user_id, now = scenario.member.id, scenario.clock.now
    await set_attempt_count(scenario.database, user_id, "OTP", failures=100, since_sign_in=100, last=now)
    return await change_of_member(UNLOCK_USER)(scenario)


async def enable_user(scenario: Scenario) -> Request:
    """Return the enabling of the member by the admin."""
    request = await change_of_member(ENABLE_USER)(scenario)
    async with scenario.database.transaction():
        await models.User.filter(id=scenario.member.id).update(is_enabled=False)
    return request


async def set_rule(scenario: Scenario) -> Request:
    """Return the enforcement of 2FA for the member by the admin."""
    await log_in(scenario.api, scenario.admin)
    member_id = f"user_{scenario.member.id.hex}"
    return SET_USER_ENFORCEMENT, {"userId": member_id, "password": PASSWORD, "enforcement": "ENFORCED"}


async def update_policy(scenario: Scenario) -> Request:
    """Return a change of the security policy."""
    await log_in(scenario.api, scenario.admin)
    return UPDATE_SECURITY_POLICY, {"password": PASSWORD, "backupCodesEnabled": False}


async def update_policy_beside_another_admin(scenario: Scenario) -> Request:
    """Return a change of which another admin is told."""
    async with scenario.database.transaction():
        await models.User.filter(id=scenario.member.id).update(role=models.Role.ADMIN)
    return await update_policy(scenario)


async def change_password(scenario: Scenario) -> Request:
    """Return a change of the password."""
    await log_in(scenario.api, scenario.member)
    return CHANGE_PASSWORD, {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}


async def update_profile(scenario: Scenario) -> Request:
    """Return a change of name and language."""
    await log_in(scenario.api, scenario.member)
    return UPDATE_PROFILE, {"name": "Mia Müller", "locale": "de"}


OPERATIONS: dict[str, Callable[[Scenario], Awaitable[Request]]] = {
    "authenticatorApps": public,
    "viewer": admin_query(VIEWER),
    "viewer with everything": admin_query(f"{{ viewer {{ {USER_FIELDS} sessions {{ id }} {EVENT_FIELDS} }} }}"),
    "featureFlags": admin_query(FEATURE_FLAGS),
    "node of a user": admin_query(NODE),
    "user": admin_query(f"query ($id: ID!) {{ user(id: $id) {{ {USER_FIELDS} }} }}"),
    "users": admin_query(f"{{ users(first: 100) {{ nodes {{ {USER_FIELDS} }} }} }}"),
    "users with everything": admin_query(USERS_AND_EVENTS, first=100),
    "users with locks": admin_query("{ users(first: 100) { nodes { enabled lockedUntil lockedSecondFactors } } }"),
    "users with counts": admin_query("{ users(first: 100) { nodes { sessionCount deviceCount } } }"),
    "users with admins": admin_query(
        "{ users(first: 20) { nodes { company { admins(first: 1) { nodes { id } totalCount } } } } }"
    ),
    "users with statistics": admin_query("{ users(first: 20) { nodes { company { statistics { active locked } } } } }"),
    "users by locks and setup": admin_query("{ users(filter: { locked: true, setupDue: true }) { totalCount } }"),
    "sessions in many fields": admin_query(MANY_SESSIONS),
    "users with totalCount": admin_query(USERS),
    "securityEvents": admin_query(
        "{ securityEvents(first: 100) { nodes { user { id email company { name } } actor { id name } } } }"
    ),
    "policyImpact": admin_query("{ policyImpact(change: { twoFactorEnforced: true }) { usersToSetUp } }"),
    "policyImpact with users": admin_query(POLICY_IMPACT, change={"enforcedFor": "EVERYBODY"}),
    "login": login,
    "login to a challenge": login_to_a_challenge,
    "login with a wrong password": login_with_a_wrong_password,
    "login with an unknown email": login_with_an_unknown_email,
    "verifyLogin with an OTP": verify_with_otp,
    "verifyLogin with a wrong OTP": verify_with_wrong_otp,
    "verifyLogin with a backup code": verify_with_backup_code,
    "logout": logout,
    "revokeSession": revoke_session,
    "revokeOtherSessions": revoke_other_sessions,
    "startTwoFactorActivation": start,
    "startTwoFactorActivation with a voucher": start_with_voucher,
    "confirmOtp": confirm,
    "acknowledgeBackupCodes": acknowledge,
    "regenerateBackupCodes": regenerate,
    "regenerateBackupCodes until acknowledged": regenerate_until_acknowledged,
    "acknowledgeBackupCodes after a regeneration": acknowledge_new_codes,
    "startAuthenticatorReplacement": start_replacement,
    "confirmOtp of a replacement": confirm_replacement,
    "removeAuthenticator": remove_authenticator,
    "deactivateTwoFactor": deactivate,
    "adminResetTwoFactor": reset,
    "endUserSessions": end_sessions,
    "unlockUser": unlock_user,
    "disableUser": change_of_member(DISABLE_USER),
    "enableUser": enable_user,
    "setUserRole": change_of_member(SET_USER_ROLE, role="ADMIN"),
    "setUserEnforcement": set_rule,
    "updateSecurityPolicy": update_policy,
    "updateSecurityPolicy with another admin": update_policy_beside_another_admin,
    "changePassword": change_password,
    "updateProfile": update_profile,
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


@pytest.mark.parametrize(
    "operation",
    [
        "users with everything",
        "users",
        "users with locks",
        "users with counts",
        "users with admins",
        "users with statistics",
        "securityEvents",
    ],
)
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
        await scenario.api.execute_one(LOGIN, email=user.email, password=WRONG_PASSWORD)
    many = await count_for(scenario, request, monkeypatch)
    assert len(many.statements) == len(few.statements)
