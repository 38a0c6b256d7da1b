"""The emails to users. Each function returns one email; its templates have the name of the function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

# A value that the template shows: a text, a number, or objects with texts.
Fact: TypeAlias = str | int | Sequence[Mapping[str, str | None]] | None


@dataclass(frozen=True, slots=True)
class Email:
    """An email with the facts that its templates show. It contains no secret."""

    kind: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class RequestDetails:
    """When and from where a request came, so that the user can recognise it."""

    at: datetime
    ip_address: str | None
    user_agent: str | None

    @property
    def facts(self) -> dict[str, Fact]:
        """The facts of an email about the request."""
        return {"at": _timestamp(self.at), "ip_address": self.ip_address, "user_agent": self.user_agent}


def two_factor_activated(request: RequestDetails) -> Email:
    """2FA is active."""
    return Email("two_factor_activated", request.facts)


def two_factor_deactivated(request: RequestDetails, *, backup_codes: bool) -> Email:
    """The user deactivated 2FA. `backup_codes` says whether backup codes are on for the company account."""
    return Email("two_factor_deactivated", request.facts | {"backup_codes": backup_codes})


def authenticator_replaced(request: RequestDetails) -> Email:
    """A new authenticator replaced the user's earlier one."""
    return Email("authenticator_replaced", request.facts)


def authenticator_added(request: RequestDetails, *, name: str | None) -> Email:
    """The user has another authenticator, beside the earlier ones."""
    return Email("authenticator_added", request.facts | {"name": name})


def authenticator_removed(request: RequestDetails, *, name: str | None) -> Email:
    """The user removed one of their authenticators."""
    return Email("authenticator_removed", request.facts | {"name": name})


def two_factor_reset(  # noqa: PLR0913  # each is a fact of the reset
    *,
    at: datetime,
    by: str | None,
    reason: str | None,
    backup_codes: bool,
    enabled: bool,
    was_active: bool = True,
    needs_voucher: bool = False,
    voucher_expires_at: datetime | None = None,
) -> Email:
    """An admin with this name, or the operator, removed the user's 2FA. A user who is not enabled cannot log in.

    `backup_codes` says whether backup codes are on for the company account. If `was_active` is false, 2FA was inactive
    since an earlier reset, and a new voucher replaced that of the earlier one. If `needs_voucher` is true and the
    voucher has no expiry, nobody has a voucher yet.
    """
    facts = {"at": _timestamp(at), "by": by, "reason": reason, "backup_codes": backup_codes, "enabled": enabled}
    expires_at = _timestamp(voucher_expires_at) if voucher_expires_at else None
    voucher = {"was_active": was_active, "needs_voucher": needs_voucher, "voucher_expires_at": expires_at}
    return Email("two_factor_reset", facts | voucher)


def sessions_revoked(*, at: datetime, admin: str) -> Email:
    """An admin with this name ended all sessions of the user."""
    return Email("sessions_revoked", {"at": _timestamp(at), "admin": admin})


def role_changed(*, at: datetime, by: str | None, role: str) -> Email:
    """An admin with this name, or the operator, changed the role of the user."""
    return Email("role_changed", {"at": _timestamp(at), "by": by, "role": role})


def user_disabled(*, at: datetime, by: str | None) -> Email:
    """An admin with this name, or the operator, disabled the user."""
    return Email("user_disabled", {"at": _timestamp(at), "by": by})


def user_enabled(*, at: datetime, by: str | None) -> Email:
    """An admin with this name, or the operator, enabled the user again."""
    return Email("user_enabled", {"at": _timestamp(at), "by": by})


def user_unlocked(*, at: datetime, by: str | None) -> Email:
    """An admin with this name, or the operator, ended the waits and locks after failed logins."""
    return Email("user_unlocked", {"at": _timestamp(at), "by": by})


def policy_changed(*, at: datetime, admin: str, changes: Sequence[Mapping[str, str | None]]) -> Email:
    """Another admin with this name changed rules of the company account.

    Each change has the name of the rule in `field`, and its values in `from` and `to`, as audit events have them.
    """
    return Email("policy_changed", {"at": _timestamp(at), "admin": admin, "changes": changes})


def user_enforcement_changed(  # noqa: PLR0913  # each is a fact of the email
    *,
    at: datetime,
    by: str | None,
    exempt_until: datetime | None,
    required_from: datetime | None,
    required_now: bool,
    active: bool,
) -> Email:
    """An admin with this name, or the operator, changed whether the user has to use 2FA.

    `required_from` is the date from which they have to, or None if no rule requires it. `active` says whether their 2FA
    is active.
    """
    facts = {
        "at": _timestamp(at),
        "by": by,
        "exempt_until": _timestamp(exempt_until) if exempt_until else None,
        "required_from": _timestamp(required_from) if required_from else None,
        "required_now": required_now,
        "active": active,
    }
    return Email("user_enforcement_changed", facts)


def setup_reminder(*, required_from: datetime) -> Email:
    """The user has to use 2FA from a date in the future, and has not activated it yet."""
    return Email("setup_reminder", {"required_from": _timestamp(required_from)})


def backup_code_used(request: RequestDetails, *, remaining: int) -> Email:
    """A login used a backup code."""
    return Email("backup_code_used", request.facts | {"remaining": remaining})


def few_backup_codes_left(*, remaining: int) -> Email:
    """The user should generate new backup codes."""
    return Email("few_backup_codes_left", {"remaining": remaining})


def backup_codes_regenerated(request: RequestDetails) -> Email:
    """New backup codes replaced the old ones."""
    return Email("backup_codes_regenerated", request.facts)


def password_changed(request: RequestDetails, *, enabled: bool = True) -> Email:
    """The password was changed. The operator can also change that of a user who is not enabled."""
    return Email("password_changed", request.facts | {"enabled": enabled})


def session_ended(request: RequestDetails) -> Email:
    """The server ended a session after too many wrong passwords in it."""
    return Email("session_ended", request.facts)


def new_device(request: RequestDetails) -> Email:
    """The user completed a sign-in on a device that was not known."""
    return Email("new_device", request.facts)


def password_warning(request: RequestDetails) -> Email:
    """Strangers entered so many wrong passwords that their next attempt has to wait an hour."""
    return Email("password_warning", request.facts)


def second_factor_warning(request: RequestDetails, *, factor: str, locked: bool) -> Email:
    """Somebody entered the right password and a wrong second factor several times (ASVS 6.3.5)."""
    return Email("second_factor_warning", request.facts | {"factor": factor, "locked": locked})


def voucher_warning(request: RequestDetails, *, locked: bool) -> Email:
    """Somebody entered the right password and a wrong voucher several times (ASVS 6.3.5)."""
    return Email("voucher_warning", request.facts | {"locked": locked})


def login_not_completed(request: RequestDetails) -> Email:
    """Somebody entered the right password, and no second factor followed (ASVS 6.3.5)."""
    return Email("login_not_completed", request.facts)


def _timestamp(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
