"""Every mutation that changes an account, ready to be done over HTTP: who does it, and what they send."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import oathtool

import models
from attacks.scenes import PASSWORD, Person, Scene
from schema import ids
from twofactor.results import User

NEW_PASSWORD = "a new and rather longer passphrase"  # noqa: S105  # of people who do not exist


@dataclass(frozen=True)
class Request:
    """An operation, and whose account it is about."""

    query: str
    variables: Mapping[str, Any] = field(repr=False)
    # Whoever asks; nobody where it is empty.
    session_token: str = field(repr=False)
    about: Person


Preparation: TypeAlias = Callable[[Scene, datetime], Awaitable[Request]]


@dataclass(frozen=True)
class Deed:
    """A mutation, its answer where it goes through, and how to come to the point where it can be done."""

    name: str
    succeeds_as: str
    prepare: Preparation


def otp(person: Person, now: datetime) -> str:
    """What the person's authenticator app shows."""
    return str(oathtool.generate_otp(person.key, int(now.timestamp()) // 30))


def wrong_otp(person: Person, now: datetime) -> str:
    """Six digits that are not right at any time near."""
    step = int(now.timestamp()) // 30
    right = {str(oathtool.generate_otp(person.key, step + drift)) for drift in range(-3, 4)}
    return next(digits for digits in (f"{number:06}" for number in range(10)) if digits not in right)


def user_gid(person: Person) -> str:
    """The person as the API names them."""
    return ids.encode(User, person.user_id)


VERIFY = """
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
CONFIRM = """
mutation ($activation: ID!, $otp: String!) {
  confirmOtp(activationId: $activation, otp: $otp) { __typename ... on BackupCodesIssued { codes } }
}
"""
ACKNOWLEDGE = "mutation ($activation: ID!) { acknowledgeBackupCodes(activationId: $activation) { __typename } }"
START = """
mutation ($password: String!) {
  startTwoFactorActivation(password: $password) { __typename ... on TwoFactorActivation { activationId key } }
}
"""
REGENERATE = """
mutation ($password: String!) {
  regenerateBackupCodes(password: $password) { __typename ... on BackupCodesRegenerated { codes } }
}
"""
DEACTIVATE = "mutation ($password: String!) { deactivateTwoFactor(password: $password) { __typename } }"
RESET = """
mutation ($user: ID!, $password: String!) {
  adminResetTwoFactor(userId: $user, password: $password, reason: "lost phone") { __typename }
}
"""
POLICY = """
mutation ($password: String!, $enforced: Boolean, $codes: Boolean) {
  updateSecurityPolicy(password: $password, twoFactorEnforced: $enforced, backupCodesEnabled: $codes) { __typename }
}
"""
CHANGE = """
mutation ($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) { __typename } }
"""


async def _login(scene: Scene, _now: datetime) -> Request:
    person = await scene.member(await scene.company())
    return Request(LOGIN, {"email": person.email, "password": PASSWORD}, "", person)


async def _first_step(scene: Scene, _now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company(), challenges=0)
    return Request(LOGIN, {"email": person.email, "password": PASSWORD}, "", person)


async def _verify_by_otp(scene: Scene, now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company())
    return Request(VERIFY, {"token": person.challenge_token, "factor": {"otp": otp(person, now)}}, "", person)


async def _verify_by_backup_code(scene: Scene, _now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company())
    factor = {"backupCode": person.backup_code}
    return Request(VERIFY, {"token": person.challenge_token, "factor": factor}, "", person)


async def _start(scene: Scene, _now: datetime) -> Request:
    person = await scene.member(await scene.company())
    return Request(START, {"password": PASSWORD}, person.session_token, person)


async def _confirm(scene: Scene, now: datetime) -> Request:
    person = await scene.activating(await scene.company(), confirmed=False)
    variables = {"activation": person.activation_token, "otp": otp(person, now)}
    return Request(CONFIRM, variables, person.session_token, person)


async def _confirm_without_codes(scene: Scene, now: datetime) -> Request:
    person = await scene.activating(await scene.company(backup_codes_enabled=False), confirmed=False)
    variables = {"activation": person.activation_token, "otp": otp(person, now)}
    return Request(CONFIRM, variables, person.session_token, person)


async def _acknowledge(scene: Scene, _now: datetime) -> Request:
    person = await scene.activating(await scene.company(), confirmed=True)
    return Request(ACKNOWLEDGE, {"activation": person.activation_token}, person.session_token, person)


async def _regenerate(scene: Scene, _now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company())
    return Request(REGENERATE, {"password": PASSWORD}, person.session_token, person)


async def _deactivate(scene: Scene, _now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company())
    return Request(DEACTIVATE, {"password": PASSWORD}, person.session_token, person)


async def _reset(scene: Scene, _now: datetime) -> Request:
    company = await scene.company()
    admin = await scene.admin(company)
    person, _ = await scene.enrolled(company)
    return Request(RESET, {"user": user_gid(person), "password": PASSWORD}, admin.session_token, person)


async def _policy(scene: Scene, _now: datetime) -> Request:
    admin = await scene.admin(await scene.company())
    return Request(POLICY, {"password": PASSWORD, "enforced": True, "codes": False}, admin.session_token, admin)


async def _change_password(scene: Scene, _now: datetime) -> Request:
    person, _ = await scene.enrolled(await scene.company())
    return Request(CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}, person.session_token, person)


async def _log_out(scene: Scene, _now: datetime) -> Request:
    person = await scene.member(await scene.company())
    return Request("mutation { logout { __typename } }", {}, person.session_token, person)


DEEDS = (
    Deed("login", "LoggedIn", _login),
    Deed("login to a challenge", "SecondFactorRequired", _first_step),
    Deed("verifyLogin by OTP", "LoggedIn", _verify_by_otp),
    Deed("verifyLogin by backup code", "LoggedIn", _verify_by_backup_code),
    Deed("startTwoFactorActivation", "TwoFactorActivation", _start),
    Deed("confirmOtp", "BackupCodesIssued", _confirm),
    Deed("confirmOtp without codes", "TwoFactorActivated", _confirm_without_codes),
    Deed("acknowledgeBackupCodes", "TwoFactorActivated", _acknowledge),
    Deed("regenerateBackupCodes", "BackupCodesRegenerated", _regenerate),
    Deed("deactivateTwoFactor", "TwoFactorDeactivated", _deactivate),
    Deed("adminResetTwoFactor", "TwoFactorReset", _reset),
    Deed("updateSecurityPolicy", "SecurityPolicyUpdated", _policy),
    Deed("changePassword", "PasswordChanged", _change_password),
    Deed("logout", "LoggedOut", _log_out),
)
BY_NAME: Mapping[str, Deed] = {deed.name: deed for deed in DEEDS}


async def shape(person: Person) -> dict[str, object]:
    """Where the person's account stands, without what differs from run to run; to be called within a transaction."""
    user = await models.User.get(id=person.user_id).select_related("company")
    sets = await models.BackupCodeSet.filter(user_id=user.id).values_list("id", "activation__id")
    in_sets = [key for key, _ in sets]
    return {
        "active": user.two_factor_activated_at is not None,
        "authenticators": await models.Authenticator.filter(user_id=user.id).count(),
        "codes": [activation is None for _, activation in sets],
        "codes unused": await models.BackupCode.filter(code_set_id__in=in_sets, used_at__isnull=True).count(),
        "codes used": await models.BackupCode.filter(code_set_id__in=in_sets, used_at__isnull=False).count(),
        "codes remaining": user.backup_codes_remaining,
        "challenges": await models.Challenge.filter(user_id=user.id).count(),
        "activations": await models.Activation.filter(user_id=user.id).count(),
        "sessions": await models.Session.filter(user_id=user.id).count(),
        "rules": (user.company.two_factor_enforced, user.company.backup_codes_enabled),
        "letters": sorted(await models.Letter.filter(recipient_email=user.email).values_list("kind", flat=True)),
        "events": sorted(await models.SecurityEvent.filter(user_id=user.id).values_list("kind", flat=True)),
    }


async def broken_invariants(person: Person) -> list[str]:
    """What must never be, whatever happened; to be called within a transaction."""
    now = await shape(person)
    broken = []
    if now["authenticators"] != int(bool(now["active"])):
        broken.append("an authenticator where 2FA is not active, or none where it is")
    codes = now["codes"]
    assert isinstance(codes, list)
    if len(codes) > 1:
        broken.append("two sets of backup codes")
    if not now["active"] and (now["codes remaining"] or True in codes):
        broken.append("backup codes in force where 2FA is not active")
    if now["active"] and True in codes and now["codes remaining"] != now["codes unused"]:
        broken.append("another number of unused codes than is shown")
    if now["challenges"] and not now["active"]:
        broken.append("a challenge where 2FA is not active")
    return broken
