"""Vouchers: a reset gives one, and the user needs it to activate 2FA again.

Otherwise whoever knows the password could bind a phone of their own after the reset. The admin or the operator hands
the voucher over, so that the person who gets it is the one whose identity they have checked.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

import models
from accounts import attempt_limits, audit, warnings
from accounts.attempt_limits import AttemptLimit
from accounts.attempt_waits import is_locked
from accounts.errors import SecondFactorLockedError
from accounts.event_facts import EventFacts
from accounts.other_admins import has_other_admin
from accounts.permissions import Viewer
from accounts.reauthentication import LockedAccount
from accounts.services import Client, Services
from accounts.voucher_rule import is_voucher_needed
from mail import emails
from models import SecurityEventContext, SecurityEventKind
from security.constants import CLOCK_SLACK, FREE_ATTEMPTS, VOUCHER_LIFETIME
from security.password_hashing import Hasher, PasswordCheck
from twofactor.errors import VoucherNeededError, WrongVoucherError
from twofactor.factors.backup_code_format import generate_code, normalise_backup_code

# The stored hash of users who need a voucher and have none. It matches no text.
NO_VOUCHER_HASH = ""


@dataclass(frozen=True, slots=True)
class NewVoucher:
    """A voucher that is created but not issued yet."""

    text: str = field(repr=False)
    hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedVoucher:
    """A voucher, shown once."""

    text: str = field(repr=False)
    expires_at: datetime


@dataclass(slots=True)
class EnteredVoucher:
    """The text that the viewer entered as a voucher."""

    text: str = field(repr=False)
    # None until `prepare`, and if the text is malformed.
    _check: PasswordCheck | None = field(default=None, init=False, repr=False)

    async def prepare(self, services: Services, hasher: Hasher, viewer: Viewer) -> None:
        """Compute the slow hash. Call it outside any transaction, after the right password."""
        normalised = normalise_backup_code(self.text)
        if normalised is None:
            return
        async with services.database.reading():
            user = await models.User.filter(id=viewer.user.id).first()
        # Compute a hash even if the user has no voucher. Otherwise the response time would show that there is none.
        self._check = await hasher.check_password(normalised, (user and user.voucher_hash) or None)

    async def check(self, services: Services, client: Client, account: LockedAccount) -> None:
        """Check the voucher, under an attempt limit of its own. It stays valid, for the case that the activation ends.

        The limit is that of the user, not of the session. Otherwise somebody with the password could log in again for
        more attempts.

        Raises:
            WrongVoucherError: It is wrong, expired, replaced by a newer one or malformed.
            SecondFactorLockedError: There were too many wrong vouchers since the reset.
            TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        """
        user, now = account.user, services.now()
        limit = attempt_limits.voucher_limit(user.id)
        try:
            if self._check is None:
                raise WrongVoucherError(await attempt_limits.remaining_attempts(limit, now), was_checked=False)
            await attempt_limits.reserve_attempt(limit, now)
        except SecondFactorLockedError:
            raise SecondFactorLockedError(has_other_factor=False, has_other_admin=await has_other_admin(user)) from None
        if not (_is_right(self._check, user) and _is_valid(user.voucher_expires_at, now)):
            raise await self._failure(services, client, user, limit)
        await attempt_limits.reset_wait(limit)

    async def _failure(
        self, services: Services, client: Client, user: models.User, limit: AttemptLimit
    ) -> WrongVoucherError:
        now = services.now()
        await audit.record(SecurityEventKind.VOUCHER_FAILED, user=user, client=client, now=now)
        failures = await attempt_limits.record_failure(limit)
        is_limit_locked = is_locked(failures.since_sign_in)
        if is_limit_locked or failures.in_a_row >= FREE_ATTEMPTS:
            facts = EventFacts(during=SecurityEventContext.ACTIVATION)
            await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=now, facts=facts)
            request = audit.request_details(client, now)
            await warnings.warn(user, emails.voucher_warning(request, locked=is_limit_locked), now)
        return WrongVoucherError(failures.attempts_remaining, failures.next_attempt_at)


async def new_voucher(hasher: Hasher) -> NewVoucher:
    """Create a voucher and hash it. Call it outside any transaction."""
    text = generate_code(secrets.choice)
    return NewVoucher(text, await hasher.hash_password(text))


async def require_voucher(
    services: Services, client: Client, account: LockedAccount, entered: EnteredVoucher | None
) -> None:
    """Require the voucher of a viewer who needs one. Call it after the password and all other checks.

    Raises:
        VoucherNeededError: The viewer entered none.
        WrongVoucherError: It is wrong, expired, replaced by a newer one or malformed.
        SecondFactorLockedError: There were too many wrong vouchers since the reset.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
    """
    if not is_voucher_needed(account.user, account.company):
        return
    if entered is None:
        raise VoucherNeededError
    await entered.check(services, client, account)


def issue_voucher(
    user: models.User, company: models.Company, new: NewVoucher | None, now: datetime
) -> IssuedVoucher | None:
    """Set the voucher of a user who is reset, and return it. Without the rule, the user needs none.

    If there is a rule and no new voucher, the user needs one and nobody has it. The caller saves the row.
    """
    if not company.resets_need_voucher:
        delete_voucher(user)
        return None
    user.voucher_hash = new.hash if new else NO_VOUCHER_HASH
    user.voucher_expires_at = now + VOUCHER_LIFETIME
    return IssuedVoucher(new.text, user.voucher_expires_at) if new else None


def delete_voucher(user: models.User) -> None:
    """Remove the voucher from the row of a user. The caller saves the row."""
    user.voucher_hash = user.voucher_expires_at = None


def _is_right(check: PasswordCheck, user: models.User) -> bool:
    return user.voucher_hash is not None and check.is_still_right(user.voucher_hash)


def _is_valid(expires_at: datetime | None, now: datetime) -> bool:
    """Return whether the voucher has not expired. A later time comes from a wrong clock."""
    return expires_at is not None and now < expires_at <= now + VOUCHER_LIFETIME + CLOCK_SLACK
