"""Each mutation that changes an account, as a request that succeeds: the user, the session and the variables."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import models
from accounts.entities import User
from schema import ids
from tests.support.factories import Factory, FactoryUser
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    LOGOUT,
    REGENERATE_BACKUP_CODES,
    START_TWO_FACTOR_ACTIVATION,
    UPDATE_SECURITY_POLICY,
    VERIFY_LOGIN,
)
from tests.support.users import NEW_PASSWORD, PASSWORD


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


def global_user_id(user: FactoryUser) -> str:
    """Return the id of the user in the API."""
    return ids.encode(User, user.user_id)


def login_request(user: FactoryUser, password: str = PASSWORD) -> Request:
    """Return a `login` request."""
    return Request(LOGIN, {"email": user.email, "password": password}, "", user)


def otp_request(user: FactoryUser, challenge_token: str, otp: str) -> Request:
    """Return a `verifyLogin` request with an OTP."""
    return Request(VERIFY_LOGIN, {"challengeToken": challenge_token, "secondFactor": {"otp": otp}}, "", user)


def right_otp_request(user: FactoryUser, challenge_token: str, now: datetime) -> Request:
    """Return a `verifyLogin` request with the current OTP."""
    return otp_request(user, challenge_token, user.authenticator.otp(now))


def wrong_otp_request(user: FactoryUser, challenge_token: str, now: datetime) -> Request:
    """Return a `verifyLogin` request with a wrong OTP."""
    return otp_request(user, challenge_token, user.authenticator.wrong_otp(now))


def backup_code_request(user: FactoryUser, challenge_token: str, code: str) -> Request:
    """Return a `verifyLogin` request with a backup code."""
    return Request(VERIFY_LOGIN, {"challengeToken": challenge_token, "secondFactor": {"backupCode": code}}, "", user)


def confirm_request(user: FactoryUser, now: datetime) -> Request:
    """Return a `confirmOtp` request with the current OTP."""
    variables = {"activationId": user.activation_token, "otp": user.authenticator.otp(now)}
    return Request(CONFIRM_OTP, variables, user.session_token, user)


def acknowledge_request(user: FactoryUser) -> Request:
    """Return an `acknowledgeBackupCodes` request."""
    return Request(ACKNOWLEDGE_BACKUP_CODES, {"activationId": user.activation_token}, user.session_token, user)


def reset_request(admin: FactoryUser, user: FactoryUser) -> Request:
    """Return an `adminResetTwoFactor` request."""
    variables = {"userId": global_user_id(user), "password": PASSWORD, "reason": "lost phone"}
    return Request(ADMIN_RESET_TWO_FACTOR, variables, admin.session_token, user)


async def _log_in(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return login_request(user)


async def _log_in_with_2fa(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company(), challenges=0)
    return login_request(user)


async def _verify_with_otp(factory: Factory, now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return right_otp_request(user, user.challenge_token, now)


async def _verify_with_backup_code(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return backup_code_request(user, user.challenge_token, user.backup_code)


async def _start(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return Request(START_TWO_FACTOR_ACTIVATION, {"password": PASSWORD}, user.session_token, user)


async def _confirm(factory: Factory, now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(), confirmed=False)
    return confirm_request(user, now)


async def _confirm_without_backup_codes(factory: Factory, now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(backup_codes_enabled=False), confirmed=False)
    return confirm_request(user, now)


async def _acknowledge(factory: Factory, _now: datetime) -> Request:
    user = await factory.member_activating_2fa(await factory.company(), confirmed=True)
    return acknowledge_request(user)


async def _acknowledge_new_codes(factory: Factory, _now: datetime) -> Request:
    return acknowledge_request(await factory.member_with_new_codes(await factory.company()))


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
    return reset_request(admin, user)


async def _policy(factory: Factory, _now: datetime) -> Request:
    admin = await factory.logged_in_admin(await factory.company())
    variables = {"password": PASSWORD, "twoFactorEnforced": True, "backupCodesEnabled": False}
    return Request(UPDATE_SECURITY_POLICY, variables, admin.session_token, admin)


async def _change_password(factory: Factory, _now: datetime) -> Request:
    user, _ = await factory.member_with_2fa(await factory.company())
    return Request(
        CHANGE_PASSWORD, {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, user.session_token, user
    )


async def _log_out(factory: Factory, _now: datetime) -> Request:
    user = await factory.logged_in_member(await factory.company())
    return Request(LOGOUT, {}, user.session_token, user)


SCENARIOS = (
    Scenario("login", "LoggedIn", _log_in),
    Scenario("login with 2FA", "SecondFactorRequired", _log_in_with_2fa),
    Scenario("verifyLogin with an OTP", "LoggedIn", _verify_with_otp),
    Scenario("verifyLogin with a backup code", "LoggedIn", _verify_with_backup_code),
    Scenario("startTwoFactorActivation", "TwoFactorActivation", _start),
    Scenario("confirmOtp", "BackupCodesIssued", _confirm),
    Scenario("confirmOtp without backup codes", "TwoFactorActivated", _confirm_without_backup_codes),
    Scenario("acknowledgeBackupCodes", "TwoFactorActivated", _acknowledge),
    Scenario("acknowledgeBackupCodes after a regeneration", "BackupCodesAcknowledged", _acknowledge_new_codes),
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
        "replacements": await models.BackupCodeReplacement.filter(user_id=row.id).count(),
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
