"""Each mutation that changes an account, as a request that succeeds: the user, the session and the variables."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import oathtool

import models
from accounts.entities import User
from schema import ids
from tests.support.factories import PASSWORD, Factory, FactoryUser

# The users are not real.
NEW_PASSWORD = "a new and rather longer passphrase"


@dataclass(frozen=True)
class Request:
    """An operation, and the user whose account it affects."""

    query: str
    variables: Mapping[str, Any] = field(repr=False)
    # Empty for a request without a session.
    session_token: str = field(repr=False)
    affected_user: FactoryUser


PrepareRequest: TypeAlias = Callable[[Factory, datetime], Awaitable[Request]]


@dataclass(frozen=True)
class Scenario:
    """A mutation, the type of its successful result, and a function that prepares a request that succeeds."""

    name: str
    success_type: str
    prepare: PrepareRequest


def otp(user: FactoryUser, now: datetime) -> str:
    """Return the OTP that the user's authenticator shows."""
    return str(oathtool.generate_otp(user.key, int(now.timestamp()) // 30))


def wrong_otp(user: FactoryUser, now: datetime) -> str:
    """Return six digits that are wrong for three time steps before and after the current one."""
    step = int(now.timestamp()) // 30
    right = {str(oathtool.generate_otp(user.key, step + drift)) for drift in range(-3, 4)}
    return next(digits for digits in (f"{number:06}" for number in range(10)) if digits not in right)


def global_user_id(user: FactoryUser) -> str:
    """Return the id of the user in the API."""
    return ids.encode(User, user.user_id)


VERIFY_LOGIN = """
mutation ($token: String!, $factor: SecondFactorInput!) {
  verifyLogin(challengeToken: $token, secondFactor: $factor) {
    __typename
    ... on LoggedIn { sessionToken viewer { id } }
    ... on WrongSecondFactor { attemptsRemaining }
  }
}
"""
LOGIN = """
mutation ($email: String!, $password: String!) {
  login(email: $email, password: $password) {
    __typename
    ... on LoggedIn { sessionToken viewer { id } }
    ... on SecondFactorRequired { challengeToken methods }
  }
}
"""
CONFIRM_OTP = """
mutation ($activation: ID!, $otp: String!) {
  confirmOtp(activationId: $activation, otp: $otp) { __typename ... on BackupCodesIssued { codes } }
}
"""
ACKNOWLEDGE_BACKUP_CODES = """
mutation ($activation: ID!) { acknowledgeBackupCodes(activationId: $activation) { __typename } }
"""
START_ACTIVATION = """
mutation ($password: String!) {
  startTwoFactorActivation(password: $password) { __typename ... on TwoFactorActivation { activationId key } }
}
"""
REGENERATE_BACKUP_CODES = """
mutation ($password: String!) {
  regenerateBackupCodes(password: $password) { __typename ... on BackupCodesRegenerated { codes } }
}
"""
DEACTIVATE_TWO_FACTOR = "mutation ($password: String!) { deactivateTwoFactor(password: $password) { __typename } }"
RESET_TWO_FACTOR = """
mutation ($user: ID!, $password: String!) {
  adminResetTwoFactor(userId: $user, password: $password, reason: "lost phone") { __typename }
}
"""
UPDATE_SECURITY_POLICY = """
mutation ($password: String!, $enforced: Boolean, $codes: Boolean) {
  updateSecurityPolicy(password: $password, twoFactorEnforced: $enforced, backupCodesEnabled: $codes) { __typename }
}
"""
CHANGE_PASSWORD = """
mutation ($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) { __typename } }
"""


async def _log_in(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return Request(LOGIN, {"email": user.email, "password": PASSWORD}, "", user)


async def _log_in_with_2fa(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company(), challenges=0)
    return Request(LOGIN, {"email": user.email, "password": PASSWORD}, "", user)


async def _verify_with_otp(factory: Factory, now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return Request(VERIFY_LOGIN, {"token": user.challenge_token, "factor": {"otp": otp(user, now)}}, "", user)


async def _verify_with_backup_code(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    factor = {"backupCode": user.backup_code}
    return Request(VERIFY_LOGIN, {"token": user.challenge_token, "factor": factor}, "", user)


async def _start(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return Request(START_ACTIVATION, {"password": PASSWORD}, user.session_token, user)


async def _confirm(factory: Factory, now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(), confirmed=False)
    variables = {"activation": user.activation_token, "otp": otp(user, now)}
    return Request(CONFIRM_OTP, variables, user.session_token, user)


async def _confirm_without_backup_codes(factory: Factory, now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(backup_codes_enabled=False), confirmed=False)
    variables = {"activation": user.activation_token, "otp": otp(user, now)}
    return Request(CONFIRM_OTP, variables, user.session_token, user)


async def _acknowledge(factory: Factory, _now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(), confirmed=True)
    return Request(ACKNOWLEDGE_BACKUP_CODES, {"activation": user.activation_token}, user.session_token, user)


async def _regenerate(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return Request(REGENERATE_BACKUP_CODES, {"password": PASSWORD}, user.session_token, user)


async def _deactivate(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return Request(DEACTIVATE_TWO_FACTOR, {"password": PASSWORD}, user.session_token, user)


async def _reset(factory: Factory, _now: datetime) -> Request:
    company = await factory.company()
    admin = await factory.logged_in_admin(company)
    user, _ = await factory.member_with_2fa(company)
    return Request(RESET_TWO_FACTOR, {"user": global_user_id(user), "password": PASSWORD}, admin.session_token, user)


async def _policy(factory: Factory, _now: datetime) -> Request:
    admin = await factory.logged_in_admin(await factory.company())
    return Request(
        UPDATE_SECURITY_POLICY, {"password": PASSWORD, "enforced": True, "codes": False}, admin.session_token, admin
    )


async def _change_password(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return Request(CHANGE_PASSWORD, {"old": PASSWORD, "new": NEW_PASSWORD}, user.session_token, user)


async def _log_out(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return Request("mutation { logout { __typename } }", {}, user.session_token, user)


SCENARIOS = (
    Scenario("login", "LoggedIn", _log_in),
    Scenario("login with 2FA", "SecondFactorRequired", _log_in_with_2fa),
    Scenario("verifyLogin with an OTP", "LoggedIn", _verify_with_otp),
    Scenario("verifyLogin with a backup code", "LoggedIn", _verify_with_backup_code),
    Scenario("startTwoFactorActivation", "TwoFactorActivation", _start),
    Scenario("confirmOtp", "BackupCodesIssued", _confirm),
    Scenario("confirmOtp without backup codes", "TwoFactorActivated", _confirm_without_backup_codes),
    Scenario("acknowledgeBackupCodes", "TwoFactorActivated", _acknowledge),
    Scenario("regenerateBackupCodes", "BackupCodesRegenerated", _regenerate),
    Scenario("deactivateTwoFactor", "TwoFactorDeactivated", _deactivate),
    Scenario("adminResetTwoFactor", "TwoFactorReset", _reset),
    Scenario("updateSecurityPolicy", "SecurityPolicyUpdated", _policy),
    Scenario("changePassword", "PasswordChanged", _change_password),
    Scenario("logout", "LoggedOut", _log_out),
)
SCENARIO_BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}


async def account_state(user: FactoryUser) -> dict[str, object]:
    """Return the state of the user's account without ids and times. Call it in a transaction."""
    row = await models.User.get(id=user.user_id).select_related("company")
    sets = await models.BackupCodeSet.filter(user_id=row.id).values_list("id", "activation__id")
    set_ids = [set_id for set_id, _ in sets]
    return {
        "active": row.two_factor_activated_at is not None,
        "authenticators": await models.Authenticator.filter(user_id=row.id).count(),
        # True for a set in use, False for the set of an activation.
        "code sets": [activation is None for _, activation in sets],
        "unused codes": await models.BackupCode.filter(code_set_id__in=set_ids, used_at__isnull=True).count(),
        "used codes": await models.BackupCode.filter(code_set_id__in=set_ids, used_at__isnull=False).count(),
        "remaining codes": row.backup_codes_remaining,
        "challenges": await models.Challenge.filter(user_id=row.id).count(),
        "activations": await models.Activation.filter(user_id=row.id).count(),
        "sessions": await models.Session.filter(user_id=row.id).count(),
        "policy": (row.company.two_factor_enforced, row.company.backup_codes_enabled),
        "emails": sorted(await models.OutboxEmail.filter(recipient_email=row.email).values_list("kind", flat=True)),
        "events": sorted(await models.SecurityEvent.filter(user_id=row.id).values_list("kind", flat=True)),
    }


async def broken_invariants(user: FactoryUser) -> list[str]:
    """Return the invariants that the user's account violates. Call it in a transaction."""
    state = await account_state(user)
    broken = []
    if state["authenticators"] != int(bool(state["active"])):
        broken.append("an authenticator without active 2FA, or active 2FA without an authenticator")
    sets = state["code sets"]
    assert isinstance(sets, list)
    if len(sets) > 1:
        broken.append("more than one set of backup codes")
    if not state["active"] and (state["remaining codes"] or True in sets):
        broken.append("backup codes in use without active 2FA")
    if state["active"] and True in sets and state["remaining codes"] != state["unused codes"]:
        broken.append("a different number of unused codes than the user is shown")
    if state["challenges"] and not state["active"]:
        broken.append("a challenge without active 2FA")
    return broken
