"""Remove 2FA. Deactivation and both resets differ in permissions, events and emails, and share the removal itself."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import models
from accounts import attempt_limits, audit
from accounts.enforcement import is_required
from accounts.entities import TwoFactor, User
from accounts.errors import UserNotFoundError
from accounts.free_text import normalise_free_text
from accounts.known_devices import forget_other_devices
from accounts.other_admins import has_other_admin
from accounts.permissions import Viewer, require_admin
from accounts.reauthentication import (
    LockedAccount,
    end_challenges_and_activations,
    end_other_sessions,
    hash_requester,
    locked_account,
    other_user_of,
    reauthenticate_with,
)
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    prepare_second_factor,
    reauthenticate_for_change,
    require_second_factor,
)
from accounts.security_policy import backup_codes_enabled
from accounts.services import Client, Services
from accounts.session_tokens import MayReplaceToken, SessionToken, replace_session_token
from accounts.voucher_rule import is_voucher_needed
from mail import emails, outbox
from models import SecurityEventKind
from models.sql.users import company_of, lock_user
from security.constants import REASON_MAX_LENGTH
from security.fair_queue import COMMAND_LINE
from security.password_form import forms_to_check
from twofactor.errors import CannotResetOwnTwoFactorError, TwoFactorIsEnforcedError, TwoFactorNotActiveError
from twofactor.factors.registry import FACTORS
from twofactor.vouchers import IssuedVoucher, NewVoucher, issue_voucher, new_voucher


@dataclass(frozen=True, slots=True)
class TwoFactorDeactivated(MayReplaceToken):
    """2FA is inactive."""

    viewer: User

    @property
    def two_factor(self) -> TwoFactor:
        """The viewer's 2FA after the change."""
        return self.viewer.two_factor


@dataclass(frozen=True, slots=True)
class TwoFactorReset:
    """The 2FA of another user is inactive."""

    user: User
    # The admin, whose second factor may have been used up.
    viewer: User
    # Both are None if the company account has no rule about vouchers.
    voucher: str | None = field(default=None, repr=False)
    voucher_expires_at: datetime | None = None


async def deactivate(  # noqa: PLR0913  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
    old_token: SessionToken | None = None,
) -> TwoFactorDeactivated:
    """Deactivate the viewer's own 2FA. If `old_token` is given, replace it.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorNotActiveError: 2FA is not active.
        TwoFactorIsEnforcedError: The user has to use 2FA, by the rule of the company account or by their own.
        SecondFactorNeededError: The company account requires the second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
    """
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor)
    async with locked_account(services, proof) as account:
        if account.user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        if is_required(account.user, account.company, services.now()):
            raise TwoFactorIsEnforcedError
        await require_second_factor(services, client, account, second_factor)
        now = services.now()
        new_token = await replace_session_token(services, account.session, old_token)
        await remove_two_factor(account.user)
        await end_other_sessions(account.session)
        await audit.record(SecurityEventKind.TWO_FACTOR_DEACTIVATED, user=account.user, client=client, now=now)
        email = emails.two_factor_deactivated(
            audit.request_details(client, now), backup_codes=backup_codes_enabled(account.company)
        )
        await outbox.enqueue(email, to=account.user, now=now)
        return TwoFactorDeactivated(account.viewer.user, new_token=new_token)


async def reset_by_admin(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    reason: str | None,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> TwoFactorReset:
    """Remove the 2FA of another user of the admin's company account, and end that user's sessions.

    If the company account has the rule, return a voucher, which the user needs to activate 2FA again. The rule at the
    commit counts. A user who waits for the activation with a voucher can be reset again, for a new one.

    Raises:
        InvalidInputError: The reason is longer than 500 characters, or is not plain text.
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        CannotResetOwnTwoFactorError: The user is the admin.
        TwoFactorNotActiveError: The user's 2FA is not active, and they need no voucher.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    reason = normalise_reason(reason)
    hashes = len(forms_to_check(password)) + bool(second_factor) + 1
    async with services.hashing.admit(hash_requester(viewer), hashes=hashes) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, password)
        await prepare_second_factor(services, hasher, viewer, second_factor)
        new = await new_voucher(hasher)
    async with locked_account(services, proof, other_user_id=user_id) as account:
        require_admin(account.viewer, services.now())
        if user_id == account.user.id:
            raise await _cannot_reset_own(account, services.now())
        user = other_user_of(account, unknown_user_event="reset_of_unknown_user")
        _require_resettable(user, account.company)
        await require_second_factor(services, client, account, second_factor)
        voucher = await reset_locked_user(
            client, user, account.company, services.now(), by=account.user, reason=reason, new=new
        )
        return TwoFactorReset(
            User.of(user, account.company),
            account.viewer.user,
            voucher.text if voucher else None,
            voucher.expires_at if voucher else None,
        )


def _require_resettable(user: models.User, company: models.Company) -> None:
    if user.two_factor_activated_at is None and not is_voucher_needed(user, company):
        raise TwoFactorNotActiveError


async def _cannot_reset_own(account: LockedAccount, now: datetime) -> CannotResetOwnTwoFactorError:
    return CannotResetOwnTwoFactorError(
        inactive=account.user.two_factor_activated_at is None,
        enforced=is_required(account.user, account.company, now),
        has_other_admin=await has_other_admin(account.user),
    )


async def reset_by_operator(services: Services, user_id: UUID, reason: str | None) -> IssuedVoucher | None:
    """Remove the 2FA of any user, for the operator at the command line. Return a voucher as `reset_by_admin` does.

    Raises:
        InvalidInputError: The reason is longer than 500 characters, or is not plain text.
        UserNotFoundError: There is no such user.
        TwoFactorNotActiveError: The user's 2FA is not active, and they need no voucher.
        OverloadedError: The hashing pool is overloaded. The server changed nothing.
    """
    reason = normalise_reason(reason)
    async with services.hashing.admit(COMMAND_LINE) as hasher:
        new = await new_voucher(hasher)
    async with services.database.transaction():
        user = await lock_user(user_id)
        if user is None:
            raise UserNotFoundError
        company = await company_of(user)
        _require_resettable(user, company)
        return await reset_locked_user(Client(), user, company, services.now(), by=None, reason=reason, new=new)


async def remove_two_factor(user: models.User) -> None:
    """Delete all factors, challenges, activations and attempt counts. The user's row is locked."""
    # Activations first, because the cleanup locks them before their backup codes too.
    await end_challenges_and_activations(user.id)
    for factor in FACTORS:
        await factor.remove(user.id)
    await attempt_limits.delete_second_factor_counts(user.id)
    user.two_factor_activated_at = None
    user.two_factor_last_used_at = None
    user.backup_codes_remaining = 0
    await user.save(
        update_fields=[
            "two_factor_activated_at",
            "two_factor_last_used_at",
            "backup_codes_remaining",
            "voucher_hash",
            "voucher_expires_at",
        ]
    )


async def reset_locked_user(  # noqa: PLR0913  # each is a fact of the reset
    client: Client,
    user: models.User,
    company: models.Company,
    now: datetime,
    *,
    by: models.User | None,
    reason: str | None,
    new: NewVoucher | None,
) -> IssuedVoucher | None:
    """Remove the 2FA of a user whose row is locked, and end their sessions. Without `by`, the operator does it.

    If the company account has the rule, the user needs the new voucher from now on, or a later one if there is none.
    """
    was_active = user.two_factor_activated_at is not None
    voucher = issue_voucher(user, company, new, now)
    await remove_two_factor(user)
    await models.Session.filter(user_id=user.id).delete()
    await forget_other_devices(user.id)
    await audit.record(SecurityEventKind.TWO_FACTOR_RESET, user=user, actor=by, client=client, now=now, note=reason)
    email = emails.two_factor_reset(
        at=now,
        by=by.name if by else None,
        reason=reason,
        backup_codes=backup_codes_enabled(company),
        enabled=user.is_enabled,
        was_active=was_active,
        needs_voucher=is_voucher_needed(user, company),
        voucher_expires_at=voucher.expires_at if voucher else None,
    )
    await outbox.enqueue(email, to=user, now=now)
    return voucher


def normalise_reason(reason: str | None) -> str | None:
    """Return the reason of a reset as it is stored, or None if there is none.

    Raises:
        InvalidInputError: It is longer than 500 characters, or is not plain text.
    """
    return normalise_free_text("reason", reason or "", max_length=REASON_MAX_LENGTH) or None
