"""Activate 2FA: password, then an OTP, then the backup codes, then the confirmation that they are stored."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from tortoise.expressions import F

import models
from accounts import audit, security_policy
from accounts.entities import TwoFactor, User
from accounts.known_devices import forget_other_devices
from accounts.permissions import Viewer
from accounts.reauthentication import (
    LockedAccount,
    end_challenges_and_activations,
    end_other_sessions,
    hash_requester,
    lock_viewer,
    locked_account,
    reauthenticate,
)
from accounts.services import Client, Services
from accounts.session_tokens import MayReplaceToken, SessionToken, repeat_session_token, replace_session_token
from mail import emails, outbox
from models import SecurityEventKind
from models.database import CommitAndRaise
from security.constants import (
    ACTIVATION_LIFETIME,
    BACKUP_CODES_PER_SET,
    CLOCK_SLACK,
    CONFIRM_ATTEMPTS,
)
from security.tokens import TokenKind, token_hash
from twofactor.errors import (
    ActivationExpiredError,
    OtpNotConfirmedError,
    TwoFactorAlreadyActiveError,
    WrongOtpError,
)
from twofactor.factors.authenticator import AuthenticatorActivation, decrypt_totp_secret
from twofactor.factors.backup_codes import (
    NewBackupCodes,
    TextFile,
    codes_file,
    find_unacknowledged_codes,
    issue_backup_codes,
    new_backup_codes,
    wait_for_unacknowledged_codes,
)
from twofactor.factors.factor import ActivationT, EnrollableFactor
from twofactor.factors.registry import OTP, enrollable_factor_of, enrollable_factors


@dataclass(frozen=True, slots=True)
class BackupCodesIssued:
    """The OTP is confirmed. The backup codes are shown once."""

    activation_id: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TwoFactorActivated(MayReplaceToken):
    """2FA is active."""

    viewer: User

    @property
    def two_factor(self) -> TwoFactor:
        """The viewer's 2FA after the change."""
        return self.viewer.two_factor


async def start_activation(
    services: Services, client: Client, viewer: Viewer, password: str
) -> AuthenticatorActivation:
    """Start the activation of 2FA with an authenticator app. Cancel an earlier unfinished activation of the viewer.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorAlreadyActiveError: 2FA is already active.
    """
    return await start_activation_with(OTP, services, client, viewer, password)


async def start_activation_with(
    factor: EnrollableFactor[ActivationT], services: Services, client: Client, viewer: Viewer, password: str
) -> ActivationT:
    """Start the activation of 2FA with a kind of factor. Create a secret and return it once.

    It raises the same errors as `start_activation`.
    """
    proof = await reauthenticate(services, client, viewer, password)
    async with locked_account(services, proof) as account:
        if account.user.two_factor_activated_at is not None:
            raise TwoFactorAlreadyActiveError
        now = services.now()
        secret, token = factor.new_secret(services, account.user), services.new_token(TokenKind.ACTIVATION)
        encrypted = services.encrypt(secret, account.user.id)
        await models.Activation.filter(user_id=account.user.id).delete()
        activation = await models.Activation.create(
            token_hash=token_hash(TokenKind.ACTIVATION, token),
            user_id=account.user.id,
            factor=factor.kind,
            encrypted_secret=encrypted.ciphertext,
            key_id=encrypted.key_id,
            created_at=now,
            expires_at=now + ACTIVATION_LIFETIME,
        )
        await audit.record(SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED, user=account.user, client=client, now=now)
        return factor.started_activation(
            services, account.user, secret, activation_id=token, expires_at=activation.expires_at
        )


async def confirm_otp(  # noqa: PLR0913  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    activation_token: str,
    otp: str,
    *,
    old_token: SessionToken | None = None,
) -> BackupCodesIssued | TwoFactorActivated:
    """Check the first OTP, or what the user enters for another factor. Then issue backup codes.

    If backup codes are off, activate 2FA, and replace `old_token` if it is given. If this session has already confirmed
    the activation with this OTP, return the same codes until they are acknowledged, and use no attempt.

    Raises:
        ActivationExpiredError: The activation is unknown, finished otherwise, expired, or replaced by a newer one.
        WrongOtpError: The OTP is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError
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


async def _confirm(call: _Confirmation, *, may_wait: bool) -> BackupCodesIssued | TwoFactorActivated | None:
    """Use the OTP and issue codes. If `may_wait`, return None where another call with this OTP computes the codes."""
    services = call.services
    async with services.hashing.admit(hash_requester(call.viewer), hashes=BACKUP_CODES_PER_SET) as hasher:
        async with services.database.transaction():
            used = await _use_otp_or_repeat(call)
        if not isinstance(used, _UsedOtp):
            return used
        if used.is_repeat and may_wait:
            return None
        codes = await new_backup_codes(services, hasher, call.viewer.user.email)
    async with services.database.transaction():
        return await _issue_codes(call, used, codes)


async def _use_otp_or_repeat(call: _Confirmation) -> _UsedOtp | BackupCodesIssued | TwoFactorActivated:
    services = call.services
    account = await lock_viewer(call.viewer)
    activation = await _find_unfinished(account, call.activation_hash, services.now())
    if activation is None:
        return await _repeat_result(
            services, account, call.activation_hash, by_acknowledgement=False, old_token=call.old_token
        )
    is_repeat = _is_repeat(services, account, activation, call.otp)
    if not is_repeat:
        await _use_first_otp(services, call.client, account, activation, call.otp)
    elif issued := await _find_issued(call, account, activation):
        return issued
    if not security_policy.backup_codes_enabled(account.company):
        return await _activate(
            services, call.client, account, activation, by_acknowledgement=False, old_token=call.old_token
        )
    return _UsedOtp(activation.last_step, is_repeat)


async def _issue_codes(
    call: _Confirmation, used: _UsedOtp, codes: NewBackupCodes
) -> BackupCodesIssued | TwoFactorActivated:
    services = call.services
    account = await lock_viewer(call.viewer)
    activation = await _find_unfinished(account, call.activation_hash, services.now())
    if activation is None:
        # If the flag was turned off, another call with this OTP may have activated 2FA.
        return await _repeat_result(
            services, account, call.activation_hash, by_acknowledgement=False, old_token=call.old_token
        )
    if activation.last_step != used.position:
        raise ActivationExpiredError
    # Another call with this OTP may have been faster. All of them return the same codes.
    if issued := await _find_issued(call, account, activation):
        return issued
    # The flag may have changed while the codes were hashed. The value at the commit counts.
    if not security_policy.backup_codes_enabled(account.company):
        return await _activate(
            services, call.client, account, activation, by_acknowledgement=False, old_token=call.old_token
        )
    await issue_backup_codes(services, call.client, account.user, codes, activation)
    return BackupCodesIssued(call.activation_token, codes.codes, codes.file, activation.expires_at)


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
    codes = await find_unacknowledged_codes(call.services, activation)
    if codes is None:
        return None
    file = codes_file(call.services, codes, account.user.email)
    return BackupCodesIssued(call.activation_token, codes, file, activation.expires_at)


async def acknowledge_backup_codes(
    services: Services,
    client: Client,
    viewer: Viewer,
    activation_token: str,
    *,
    old_token: SessionToken | None = None,
) -> TwoFactorActivated:
    """Activate 2FA after the user has stored the backup codes, whether backup codes are still on or not.

    If `old_token` is given, replace it.

    Raises:
        ActivationExpiredError: The activation is unknown, finished otherwise, expired, or replaced by a newer one.
        OtpNotConfirmedError: No OTP has confirmed the activation yet.
    """
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError
    async with services.database.transaction():
        account = await lock_viewer(viewer)
        activation = await _find_unfinished(account, hashed, services.now())
        if activation is None:
            return await _repeat_result(services, account, hashed, by_acknowledgement=True, old_token=old_token)
        if await models.BackupCodeSet.filter(activation_id=activation.id).update(activation_id=None) != 1:
            raise OtpNotConfirmedError
        return await _activate(services, client, account, activation, by_acknowledgement=True, old_token=old_token)


async def _find_unfinished(account: LockedAccount, activation_hash: str, now: datetime) -> models.Activation | None:
    return await models.Activation.filter(
        token_hash=activation_hash,
        user_id=account.user.id,
        created_at__lte=now + CLOCK_SLACK,
        expires_at__gt=now,
        attempts__lt=CONFIRM_ATTEMPTS,
    ).first()


async def _repeat_result(
    services: Services,
    account: LockedAccount,
    activation_hash: str,
    *,
    by_acknowledgement: bool,
    old_token: SessionToken | None,
) -> TwoFactorActivated:
    """Return the same result when the client retries the call that activated 2FA."""
    for factor in enrollable_factors():
        if await factor.is_enrolled_by(account.user.id, activation_hash, by_acknowledgement=by_acknowledgement):
            new_token = await repeat_session_token(services, account.session, old_token)
            return TwoFactorActivated(account.viewer.user, new_token=new_token)
    raise ActivationExpiredError


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
        raise ActivationExpiredError
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
        note="activation",
    )
    raise CommitAndRaise(WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts - 1))


async def _activate(  # noqa: PLR0913  # each is a part of the activation
    services: Services,
    client: Client,
    account: LockedAccount,
    activation: models.Activation,
    *,
    by_acknowledgement: bool,
    old_token: SessionToken | None,
) -> TwoFactorActivated:
    """Activate 2FA. The DELETE lets exactly one of all simultaneous calls do it."""
    now = services.now()
    user = account.user
    # Do not compare with 1: SQLite also counts rows deleted by the cascade, here unacknowledged backup codes.
    if not await models.Activation.filter(id=activation.id).delete():
        raise ActivationExpiredError
    factor = enrollable_factor_of(activation.factor)
    await factor.enrol(activation, by_acknowledgement=by_acknowledgement)
    user.two_factor_activated_at = now
    user.backup_codes_remaining = BACKUP_CODES_PER_SET if by_acknowledgement else 0
    await user.save(update_fields=["two_factor_activated_at", "backup_codes_remaining"])
    await end_challenges_and_activations(user.id)
    await end_other_sessions(account.session)
    await forget_other_devices(user.id, keep=account.session.device_id)
    # The user has just proved the factor in this session.
    account.session.second_factor = factor.kind
    await models.Session.filter(id=account.session.id).update(second_factor=factor.kind)
    new_token = await replace_session_token(services, account.session, old_token)
    await audit.record(SecurityEventKind.TWO_FACTOR_ACTIVATED, user=user, client=client, now=now)
    await outbox.enqueue(emails.two_factor_activated(audit.request_details(client, now)), to=user, now=now)
    return TwoFactorActivated(account.viewer.user, new_token=new_token)
