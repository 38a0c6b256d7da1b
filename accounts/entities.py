"""Companies, users, their 2FA and their sessions as frozen values, detached from the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

import models
from accounts.enforcement import ALWAYS, EnforcedFor, EnforcementRule, UserRule, enforced_for, required_from
from accounts.voucher_rule import is_voucher_needed
from models import NEVER, Role
from security.device_names import device_name

# The language of users without a locale: neither they nor the operator nor a client at a sign-in has said one.
DEFAULT_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class Company:
    """A company account and its rules."""

    id: UUID
    name: str
    two_factor_enforced: bool
    enforced_for: EnforcedFor
    enforce_from: datetime | None
    backup_codes_enabled: bool
    new_device_emails: bool
    second_factor_for_changes: bool
    resets_need_voucher: bool

    @classmethod
    def of(cls, row: models.Company) -> Self:
        """Copy the values of a row."""
        return cls(
            row.id,
            row.name,
            row.two_factor_enforced,
            enforced_for(row),
            row.enforce_from,
            row.backup_codes_enabled,
            row.new_device_emails,
            row.second_factor_for_changes,
            row.resets_need_voucher,
        )


def rule_of(company: Company) -> EnforcementRule:
    """Return the rule of a company account."""
    return EnforcementRule(company.enforced_for, company.enforce_from or ALWAYS)


@dataclass(frozen=True, slots=True)
class TwoFactor:
    """The state of a user's 2FA."""

    is_active: bool
    # The time from which the user has to use 2FA, in the past or in the future. None means never.
    required_from: datetime | None
    activated_at: datetime | None
    last_used_at: datetime | None
    backup_codes_remaining: int | None
    # Whether the next activation needs the voucher of a reset.
    voucher_needed: bool
    # The rule of the user, also after the end of an exemption.
    rule: UserRule

    def is_enforced(self, now: datetime) -> bool:
        """Return whether the user has to use 2FA now."""
        return self.required_from is not None and self.required_from <= now

    def is_setup_required(self, now: datetime) -> bool:
        """Return whether 2FA is enforced now and not active."""
        return self.is_enforced(now) and not self.is_active

    def setup_required_from(self, now: datetime) -> datetime | None:
        """Return the time in the future from which the setup will be required, or None."""
        return None if self.is_active or self.is_enforced(now) else self.required_from


@dataclass(frozen=True, slots=True)
class User:
    """A user of a company account."""

    id: UUID
    email: str
    name: str
    role: Role
    company: Company
    two_factor: TwoFactor
    locale: str
    is_enabled: bool
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, row: models.User, company: models.Company) -> Self:
        """Copy the values of the rows of a user and of their company account."""
        is_active = row.two_factor_activated_at is not None
        return cls(
            id=row.id,
            email=row.email,
            name=row.name,
            role=row.role,
            company=Company.of(company),
            two_factor=TwoFactor(
                is_active=is_active,
                required_from=required_from(row, EnforcementRule.of(company)),
                activated_at=row.two_factor_activated_at,
                last_used_at=row.two_factor_last_used_at,
                backup_codes_remaining=(
                    row.backup_codes_remaining if is_active and company.backup_codes_enabled else None
                ),
                voucher_needed=is_voucher_needed(row, company),
                rule=UserRule.of(row),
            ),
            locale=row.locale or DEFAULT_LOCALE,
            is_enabled=row.is_enabled,
            created_at=row.created_at,
            last_login_at=None if row.last_login_at == NEVER else row.last_login_at,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A live session."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    current: bool
    # The kind of second factor, or None for a login by password alone.
    second_factor: str | None
    # The known device on which it started. The device may have been forgotten since.
    device_id: UUID | None

    @property
    def device_name(self) -> str | None:
        """The browser and the operating system, as far as the user agent names them."""
        return device_name(self.user_agent)

    @classmethod
    def of(cls, row: models.Session, *, current: bool) -> Self:
        """Copy the values of a row. `current` says whether it is the session of the request."""
        return cls(
            row.id,
            row.created_at,
            row.last_seen_at,
            row.expires_at,
            row.ip_address,
            row.user_agent,
            current,
            row.second_factor,
            row.device_id,
        )


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A browser or app on which the user has completed a sign-in."""

    id: UUID
    name: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    current: bool

    @classmethod
    def of(cls, row: models.KnownDevice, *, current: bool) -> Self:
        """Copy the values of a row. `current` says whether the session of the request started on it."""
        return cls(row.id, device_name(row.user_agent), row.first_seen_at, row.last_seen_at, current)
