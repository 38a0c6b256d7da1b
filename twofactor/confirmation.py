"""The second step of an activation: the first OTP. It issues the backup codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn, TypeAlias

from tortoise.expressions import F

import models
from accounts import audit, security_policy
from accounts.event_facts import EventFacts
from accounts.permissions import Viewer
from accounts.reauthentication import (
    LockedAccount,
    hash_requester,
    lock_viewer,
)
from accounts.services import Client, Services
from accounts.session_tokens import SessionToken
from models import ActivationPurpose, SecurityEventContext, SecurityEventKind
from models.database import CommitAndRaise
from security.constants import (
    BACKUP_CODES_PER_SET,
    CONFIRM_ATTEMPTS,
)
from security.tokens import TokenKind, token_hash
from twofactor.activation import TwoFactorActivated, activate
from twofactor.authenticators import AuthenticatorAdded, AuthenticatorReplaced, enrol_authenticator
from twofactor.enrolment import find_unfinished, repeat_enrolment
from twofactor.errors import (
    ActivationExpiredError,
    WrongOtpError,
)
from twofactor.factors.authenticator import decrypt_totp_secret
from twofactor.factors.backup_codes import (
    NewBackupCodes,
    TextFile,
    find_unacknowledged_codes,
    issue_backup_codes,
    new_backup_codes,
    wait_for_unacknowledged_codes,
)
from twofactor.factors.registry import enrollable_factor_of

# The results of a finished activation.
Enrolled: TypeAlias = TwoFactorActivated | AuthenticatorReplaced | AuthenticatorAdded
_RESULTS: Mapping[ActivationPurpose, type[Enrolled]] = {
    ActivationPurpose.ACTIVATE: TwoFactorActivated,
    ActivationPurpose.REPLACE: AuthenticatorReplaced,
    ActivationPurpose.ADD: AuthenticatorAdded,
}


@dataclass(frozen=True, slots=True)
class BackupCodesIssued:
    """The OTP is confirmed. The backup codes are shown once."""

    activation_id: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    expires_at: datetime


async def confirm_otp(  # noqa: PLR0913  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    activation_token: str,
    otp: str,
    *,
    old_token: SessionToken | None = None,
) -> BackupCodesIssued | Enrolled:
    """Check the first OTP, or what the user enters for another factor. Then issue backup codes.

    If backup codes are off, activate 2FA. If 2FA is active, put the new authenticator in force. Both replace
    `old_token` if it is given. If this session has already confirmed the activation with this OTP, return the same
    codes until they are acknowledged, and use no attempt. If this activation is finished and in force, return its
    result, and check nothing.

    Raises:
        ActivationExpiredError: The activation is unknown, expired, or replaced by a newer one.
        WrongOtpError: The OTP is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError(may_restart=not viewer.user.two_factor.is_active)
    call = _Confirmation(services, client, viewer, activation_token, hashed, otp, old_token)
    may_wait = True
    while (answer := await _confirm(call, may_wait=may_wait)) is None:
        await wait_for_unacknowledged_codes(services, hashed)
        may_wait = False
    return answer


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """The arguments of a call of `confirm_otp`."""

    services: Services
    client: Client
    viewer: Viewer
    activation_token: str = field(repr=False)
    activation_hash: str
    otp: str = field(repr=False)
    old_token: SessionToken | None


@dataclass(frozen=True, slots=True)
class _UsedOtp:
    """An OTP that this call has used, or another call of the same session before it. The codes are missing."""

    position: int
    is_repeat: bool


async def _confirm(call: _Confirmation, *, may_wait: bool) -> BackupCodesIssued | Enrolled | None:
    """Use the OTP and issue codes. If `may_wait`, return None where another call with this OTP computes the codes."""
    services = call.services
    async with services.hashing.admit(hash_requester(call.viewer), hashes=BACKUP_CODES_PER_SET) as hasher:
        async with services.database.transaction():
            used = await _use_otp_or_repeat(call)
        if not isinstance(used, _UsedOtp):
            return used
        if used.is_repeat and may_wait:
            return None
        codes = await new_backup_codes(services, hasher)
    async with services.database.transaction():
        return await _issue_codes(call, used, codes)


async def _use_otp_or_repeat(call: _Confirmation) -> _UsedOtp | BackupCodesIssued | Enrolled:
    services = call.services
    account = await lock_viewer(call.viewer)
    activation = await find_unfinished(account, call.activation_hash, services.now())
    if activation is None:
        return await _repeat_result(call, account)
    is_repeat = _is_repeat(services, account, activation, call.otp)
    if not is_repeat:
        await _use_first_otp(services, call.client, account, activation, call.otp)
    elif issued := await _find_issued(call, account, activation):
        return issued
    if activation.purpose is not ActivationPurpose.ACTIVATE:
        return await enrol_authenticator(services, call.client, account, activation, call.old_token)
    if not security_policy.backup_codes_enabled(account.company):
        return await activate(
            services, call.client, account, activation, by_acknowledgement=False, old_token=call.old_token
        )
    return _UsedOtp(activation.last_step, is_repeat)


async def _issue_codes(call: _Confirmation, used: _UsedOtp, codes: NewBackupCodes) -> BackupCodesIssued | Enrolled:
    services = call.services
    account = await lock_viewer(call.viewer)
    activation = await find_unfinished(account, call.activation_hash, services.now())
    if activation is None:
        # Another call may have activated 2FA: with this OTP, if the flag was turned off, or by an acknowledgement.
        return await _repeat_result(call, account)
    if activation.last_step != used.position:
        # A newer OTP has replaced this one while the codes were hashed. The activation continues.
        raise WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts, was_checked=False)
    # Another call with this OTP may have been faster. All of them return the same codes.
    if issued := await _find_issued(call, account, activation):
        return issued
    # The flag may have changed while the codes were hashed. The value at the commit counts.
    if not security_policy.backup_codes_enabled(account.company):
        return await activate(
            services, call.client, account, activation, by_acknowledgement=False, old_token=call.old_token
        )
    file = await issue_backup_codes(services, call.client, account.user, codes, activation)
    return BackupCodesIssued(call.activation_token, codes.codes, file, activation.expires_at)


async def _repeat_result(call: _Confirmation, account: LockedAccount) -> Enrolled:
    return await repeat_enrolment(call.services, account, call.activation_hash, call.old_token, _RESULTS)


def _is_repeat(services: Services, account: LockedAccount, activation: models.Activation, otp: str) -> bool:
    """Return whether this session has already confirmed the activation with this OTP, and with no newer one.

    It is no attempt, so a guess that is wrong here is checked and counted as any other.
    """
    factor = enrollable_factor_of(activation.factor)
    normalised = factor.normalise(otp)
    if normalised is None or activation.confirmed_by_session_id != account.session.id:
        return False
    secret = decrypt_totp_secret(services, activation)
    return secret is not None and factor.is_text_at(secret, normalised, activation.last_step)


async def _find_issued(
    call: _Confirmation, account: LockedAccount, activation: models.Activation
) -> BackupCodesIssued | None:
    """Return the codes that were issued for the newest OTP of an activation, or None."""
    issued = await find_unacknowledged_codes(call.services, call.client, account.user, activation)
    return BackupCodesIssued(call.activation_token, *issued, activation.expires_at) if issued else None


async def _use_first_otp(
    services: Services, client: Client, account: LockedAccount, activation: models.Activation, otp: str
) -> None:
    """Check what confirms the activation, and use its position, which is the time step of an OTP."""
    factor = enrollable_factor_of(activation.factor)
    normalised = factor.normalise(otp)
    if normalised is None:
        raise WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts, was_checked=False)
    rows = models.Activation.filter(id=activation.id)
    if await rows.filter(attempts__lt=CONFIRM_ATTEMPTS).update(attempts=F("attempts") + 1) != 1:
        raise ActivationExpiredError(may_restart=account.user.two_factor_activated_at is None)
    secret = decrypt_totp_secret(services, activation)
    step = factor.first_position(secret, normalised, services.now()) if secret else None
    if step is None:
        await _raise_wrong_otp(services, client, account, activation)
    # This OTP counts as used: its time step becomes that of the authenticator.
    used = await rows.filter(last_step__lt=step).update(
        last_step=step, confirmed_by_session_id=account.session.id, attempts=F("attempts") - 1
    )
    if used != 1:
        await _raise_wrong_otp(services, client, account, activation)
    # Those of an older OTP, which this one replaces.
    await models.UnacknowledgedCodes.filter(activation_id=activation.id).delete()
    activation.last_step = step


async def _raise_wrong_otp(
    services: Services, client: Client, account: LockedAccount, activation: models.Activation
) -> NoReturn:
    await audit.record(
        SecurityEventKind.SECOND_FACTOR_FAILED,
        user=account.user,
        client=client,
        now=services.now(),
        facts=EventFacts(activation.factor, SecurityEventContext.ACTIVATION),
    )
    raise CommitAndRaise(WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts - 1))
