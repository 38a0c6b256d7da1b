"""Activating 2FA: password, then an OTP, then the backup codes, then the promise that they are stored."""

from datetime import datetime
from typing import NoReturn

from tortoise.expressions import F

import models
from mail import outbox
from models import LetterKind, SecurityEventKind
from models.database import CommitAndRaise
from twofactor import attempts, audit, policy
from twofactor.access import Viewer
from twofactor.acting import (
    Acting,
    acting_with,
    end_challenges_and_activations,
    end_other_sessions,
    lock_viewer,
    prove_password,
)
from twofactor.backup_codes import issue_backup_codes, new_backup_codes
from twofactor.environment import Client, Environment
from twofactor.errors import (
    ActivationExpiredError,
    OtpNotConfirmedError,
    TwoFactorAlreadyActiveError,
    WrongOtpError,
)
from twofactor.results import BackupCodesIssued, QrCode, TwoFactorActivated, TwoFactorActivation
from twofactor.rules.policy import ACTIVATION_LIFETIME, BACKUP_CODES_A_SET, CLOCK_SLACK, CONFIRM_ATTEMPTS
from twofactor.rules.tokens import TokenKind, token_hash
from twofactor.rules.totp import is_well_formed_otp, key, matching_step, otpauth_uri
from twofactor.seeds import unseal_seed


async def start_activation(env: Environment, client: Client, viewer: Viewer, password: str) -> TwoFactorActivation:
    """Show a fresh secret, once. An earlier unfinished activation of the viewer ends.

    Raises:
        WrongPasswordError: The password does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        TwoFactorAlreadyActiveError: 2FA is active already.
    """
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, password)
    async with acting_with(env, proof) as acting:
        if acting.user.two_factor_activated_at is not None:
            raise TwoFactorAlreadyActiveError
        now = env.now()
        seed, token = env.new_seed(), env.new_token(TokenKind.ACTIVATION)
        sealed = env.seal(seed, acting.user.id)
        await models.Activation.filter(user_id=acting.user.id).delete()
        activation = await models.Activation.create(
            token_hash=token_hash(TokenKind.ACTIVATION, token),
            user_id=acting.user.id,
            sealed_seed=sealed.box,
            key_id=sealed.key_id,
            created_at=now,
            expires_at=now + ACTIVATION_LIFETIME,
        )
        await audit.record(SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED, user=acting.user, client=client, now=now)
    uri = otpauth_uri(seed, issuer=env.issuer, account_name=acting.user.email)
    return TwoFactorActivation(
        activation_id=token,
        key=key(seed),
        otpauth_uri=uri,
        issuer=env.issuer,
        account_name=acting.user.email,
        qr_code=QrCode(uri),
        expires_at=activation.expires_at,
    )


async def confirm_otp(
    env: Environment, client: Client, viewer: Viewer, activation_token: str, otp: str
) -> BackupCodesIssued | TwoFactorActivated:
    """Prove that the authenticator app is set up; issue backup codes, or activate where they are off.

    Raises:
        ActivationExpiredError: The activation is unknown, finished otherwise, too old, or replaced by a newer one.
        WrongOtpError: The OTP is wrong, expired, already used or malformed.
        TooManyAttemptsError: Too many attempts from this address failed lately; nothing was checked.
        OverloadedError: Too much is being hashed already; nothing was checked or counted.
    """
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError
    async with attempts.counted_by_address(env, client):
        with env.hashing.place():
            async with env.database.transaction():
                acting = await lock_viewer(viewer)
                activation = await _under_way(acting, hashed, env.now())
                if activation is None:
                    return await _repeat_answer(acting, hashed, by_acknowledgement=False)
                step = await _confirm(env, client, acting, activation, otp)
                if not policy.backup_codes_enabled(acting.company):
                    return await _activate(env, client, acting, activation, by_acknowledgement=False)
            codes = await new_backup_codes(env, viewer.user.email)
        async with env.database.transaction():
            acting = await lock_viewer(viewer)
            confirmed = await _under_way(acting, hashed, env.now())
            if confirmed is None or confirmed.last_step != step:
                raise ActivationExpiredError
            if not policy.backup_codes_enabled(acting.company):
                return await _activate(env, client, acting, confirmed, by_acknowledgement=False)
            await issue_backup_codes(env, client, acting.user, codes, confirmed)
            return BackupCodesIssued(activation_token, codes.codes, codes.file, confirmed.expires_at)


async def acknowledge_backup_codes(
    env: Environment, client: Client, viewer: Viewer, activation_token: str
) -> TwoFactorActivated:
    """The user has stored the codes: activate 2FA. Whether codes are still on does not matter any more.

    Raises:
        ActivationExpiredError: The activation is unknown, finished otherwise, too old, or replaced by a newer one.
        OtpNotConfirmedError: No OTP has been confirmed yet.
    """
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError
    async with env.database.transaction():
        acting = await lock_viewer(viewer)
        activation = await _under_way(acting, hashed, env.now())
        if activation is None:
            return await _repeat_answer(acting, hashed, by_acknowledgement=True)
        if await models.BackupCodeSet.filter(activation_id=activation.id).update(activation_id=None) != 1:
            raise OtpNotConfirmedError
        return await _activate(env, client, acting, activation, by_acknowledgement=True)


async def _under_way(acting: Acting, activation_hash: str, now: datetime) -> models.Activation | None:
    return await models.Activation.filter(
        token_hash=activation_hash,
        user_id=acting.user.id,
        created_at__lte=now + CLOCK_SLACK,
        expires_at__gt=now,
        attempts__lt=CONFIRM_ATTEMPTS,
    ).first()


async def _repeat_answer(acting: Acting, activation_hash: str, *, by_acknowledgement: bool) -> TwoFactorActivated:
    """Answer again a client that lost the answer of the call that activated."""
    is_active_one = await models.Authenticator.filter(
        user_id=acting.user.id,
        activation_token_hash=activation_hash,
        activated_by_acknowledgement=by_acknowledgement,
    ).exists()
    if not is_active_one:
        raise ActivationExpiredError
    return TwoFactorActivated(acting.viewer.user)


async def _confirm(env: Environment, client: Client, acting: Acting, activation: models.Activation, otp: str) -> int:
    """Accept an OTP for the activation, at most once, and give its time step."""
    if not is_well_formed_otp(otp):
        raise WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts, was_checked=False)
    this_one = models.Activation.filter(id=activation.id)
    if await this_one.filter(attempts__lt=CONFIRM_ATTEMPTS).update(attempts=F("attempts") + 1) != 1:
        raise ActivationExpiredError
    seed = unseal_seed(env, activation)
    step = matching_step(seed, otp, env.now()) if seed else None
    if step is None:
        await _refuse(env, client, acting, activation)
    # The OTP that confirms counts as used: its step goes over to the enrolment.
    if await this_one.filter(last_step__lt=step).update(last_step=step, attempts=F("attempts") - 1) != 1:
        await _refuse(env, client, acting, activation)
    activation.last_step = step
    return step


async def _refuse(env: Environment, client: Client, acting: Acting, activation: models.Activation) -> NoReturn:
    await audit.record(
        SecurityEventKind.SECOND_FACTOR_FAILED, user=acting.user, client=client, now=env.now(), note="activation"
    )
    raise CommitAndRaise(WrongOtpError(CONFIRM_ATTEMPTS - activation.attempts - 1))


async def _activate(
    env: Environment, client: Client, acting: Acting, activation: models.Activation, *, by_acknowledgement: bool
) -> TwoFactorActivated:
    """Switch 2FA on: of all that hold the activation, one does."""
    now = env.now()
    user = acting.user
    # Not "exactly 1": SQLite counts codes that go with it as well, those of an activation that were not acknowledged.
    if not await models.Activation.filter(id=activation.id).delete():
        raise ActivationExpiredError
    await models.Authenticator.create(
        user_id=user.id,
        sealed_seed=activation.sealed_seed,
        key_id=activation.key_id,
        last_step=activation.last_step,
        activation_token_hash=activation.token_hash,
        activated_by_acknowledgement=by_acknowledgement,
    )
    user.two_factor_activated_at = now
    user.backup_codes_remaining = BACKUP_CODES_A_SET if by_acknowledgement else 0
    await user.save(update_fields=["two_factor_activated_at", "backup_codes_remaining"])
    await end_challenges_and_activations(user.id)
    await end_other_sessions(acting.session)
    await audit.record(SecurityEventKind.TWO_FACTOR_ACTIVATED, user=user, client=client, now=now)
    await outbox.enqueue(LetterKind.TWO_FACTOR_ACTIVATED, to=user, now=now, facts=audit.circumstances(client, now))
    return TwoFactorActivated(acting.viewer.user)
