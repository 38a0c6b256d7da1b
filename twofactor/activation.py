"""Activate 2FA: start with the password, and end when the user has stored the backup codes.

`twofactor/confirmation.py` has the step between them: the first OTP.
"""

from dataclasses import dataclass

import models
from accounts import attempt_limits, audit
from accounts.entities import TwoFactor, User
from accounts.event_facts import EventFacts
from accounts.known_devices import forget_other_devices
from accounts.permissions import Viewer
from accounts.reauthentication import (
    LockedAccount,
    end_challenges_and_activations,
    end_other_sessions,
    hash_requester,
    lock_viewer,
    locked_account,
    reauthenticate_with,
)
from accounts.services import Client, Services
from accounts.session_tokens import MayReplaceToken, SessionToken, replace_session_token
from mail import emails, outbox
from models import ActivationPurpose, SecurityEventKind
from security.constants import BACKUP_CODES_PER_SET
from security.password_form import forms_to_check
from security.tokens import TokenKind, token_hash
from twofactor.enrolment import begin_enrolment, find_unfinished, repeat_enrolment
from twofactor.errors import (
    ActivationExpiredError,
    OtpNotConfirmedError,
    TwoFactorAlreadyActiveError,
)
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.factors.backup_codes import BackupCodesAcknowledged, acknowledge_replacement
from twofactor.factors.factor import ActivationT, EnrollableFactor
from twofactor.factors.registry import OTP, enrollable_factor_of
from twofactor.vouchers import EnteredVoucher, delete_voucher, require_voucher


@dataclass(frozen=True, slots=True)
class TwoFactorActivated(MayReplaceToken):
    """2FA is active."""

    viewer: User

    @property
    def two_factor(self) -> TwoFactor:
        """The viewer's 2FA after the change."""
        return self.viewer.two_factor


async def start_activation(
    services: Services, client: Client, viewer: Viewer, password: str, *, voucher: EnteredVoucher | None = None
) -> AuthenticatorActivation:
    """Start the activation of 2FA with an authenticator app. Cancel an earlier unfinished activation of the viewer.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorAlreadyActiveError: 2FA is already active.
        VoucherNeededError: The viewer was reset, the company account requires a voucher then, and they entered none.
        WrongVoucherError: The voucher is wrong, expired, replaced by a newer one or malformed.
        SecondFactorLockedError: There were too many wrong vouchers since the reset.
    """
    return await start_activation_with(OTP, services, client, viewer, password, voucher=voucher)


async def start_activation_with(  # noqa: PLR0913  # each is a part of the request
    factor: EnrollableFactor[ActivationT],
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    *,
    voucher: EnteredVoucher | None = None,
) -> ActivationT:
    """Start the activation of 2FA with a kind of factor. Create a secret and return it once.

    It raises the same errors as `start_activation`.
    """
    hashes = len(forms_to_check(password)) + bool(voucher)
    async with services.hashing.admit(hash_requester(viewer), hashes=hashes) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, password)
        if voucher is not None:
            await voucher.prepare(services, hasher, viewer)
    async with locked_account(services, proof) as account:
        if account.user.two_factor_activated_at is not None:
            raise TwoFactorAlreadyActiveError
        await require_voucher(services, client, account, voucher)
        now = services.now()
        kind, facts = SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED, EventFacts(factor.kind)
        await audit.record(kind, user=account.user, client=client, now=now, facts=facts)
        return await begin_enrolment(services, account, factor, ActivationPurpose.ACTIVATE)


async def acknowledge_backup_codes(
    services: Services,
    client: Client,
    viewer: Viewer,
    activation_token: str,
    *,
    old_token: SessionToken | None = None,
) -> TwoFactorActivated | BackupCodesAcknowledged:
    """Activate 2FA after the user has stored the backup codes, whether backup codes are still on or not.

    If `old_token` is given, replace it. If the token is that of a regeneration, put its codes in force instead.

    Raises:
        ActivationExpiredError: The activation is unknown, expired, or replaced by a newer one.
        OtpNotConfirmedError: No OTP has confirmed the activation yet.
    """
    if replacement_hash := token_hash(TokenKind.REPLACEMENT, activation_token):
        return await acknowledge_replacement(services, client, viewer, replacement_hash)
    hashed = token_hash(TokenKind.ACTIVATION, activation_token)
    if hashed is None:
        raise ActivationExpiredError(may_restart=not viewer.user.two_factor.is_active)
    async with services.database.transaction():
        account = await lock_viewer(viewer)
        activation = await find_unfinished(account, hashed, services.now())
        if activation is None:
            results = {ActivationPurpose.ACTIVATE: TwoFactorActivated}
            return await repeat_enrolment(services, account, hashed, old_token, results)
        if await models.BackupCodeSet.filter(activation_id=activation.id).update(activation_id=None) != 1:
            raise OtpNotConfirmedError
        return await activate(services, client, account, activation, by_acknowledgement=True, old_token=old_token)


async def activate(  # noqa: PLR0913  # each is a part of the activation
    services: Services,
    client: Client,
    account: LockedAccount,
    activation: models.Activation,
    *,
    by_acknowledgement: bool,
    old_token: SessionToken | None,
) -> TwoFactorActivated:
    """Activate 2FA, and use up the voucher. The DELETE lets exactly one of all simultaneous calls do it."""
    now = services.now()
    user = account.user
    # Do not compare with 1: SQLite also counts rows deleted by the cascade, here unacknowledged backup codes.
    if not await models.Activation.filter(id=activation.id).delete():
        raise ActivationExpiredError
    factor = enrollable_factor_of(activation.factor)
    await factor.enrol(activation, now, by_acknowledgement=by_acknowledgement)
    user.two_factor_activated_at = now
    user.backup_codes_remaining = BACKUP_CODES_PER_SET if by_acknowledgement else 0
    if user.voucher_hash is not None:
        delete_voucher(user)
        await attempt_limits.delete_voucher_count(user.id)
    await user.save(
        update_fields=["two_factor_activated_at", "backup_codes_remaining", "voucher_hash", "voucher_expires_at"]
    )
    await end_challenges_and_activations(user.id)
    await end_other_sessions(account.session)
    await forget_other_devices(user.id, keep=account.session.device_id)
    # The user has just proved the factor in this session.
    account.session.second_factor = factor.kind
    await models.Session.filter(id=account.session.id).update(second_factor=factor.kind)
    new_token = await replace_session_token(services, account.session, old_token)
    facts = EventFacts(factor.kind)
    await audit.record(SecurityEventKind.TWO_FACTOR_ACTIVATED, user=user, client=client, now=now, facts=facts)
    await outbox.enqueue(emails.two_factor_activated(audit.request_details(client, now)), to=user, now=now)
    return TwoFactorActivated(account.viewer.user, new_token=new_token)
