"""Who has to use 2FA, and from when. The rule of the company account and that of the user decide it together."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from tortoise.expressions import Q

import models
from models import Role, UserEnforcement

# Long before any account. A rule without a date holds since then.
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class EnforcedFor(StrEnum):
    """The users of a company account who have to use 2FA."""

    NOBODY = "NOBODY"
    ADMINS = "ADMINS"
    EVERYBODY = "EVERYBODY"


@dataclass(frozen=True, slots=True)
class EnforcementRule:
    """The rule of a company account: for whom, and from when. `begins_at` is `ALWAYS` if the rule has no date."""

    enforced_for: EnforcedFor
    begins_at: datetime = ALWAYS

    @classmethod
    def of(cls, company: models.Company) -> Self:
        """Return the rule that the row of a company account states."""
        return cls(enforced_for(company), company.enforce_from or ALWAYS)


def enforced_for(company: models.Company) -> EnforcedFor:
    """Return for whom a company account enforces 2FA, whether its date has come or not."""
    if company.two_factor_enforced:
        return EnforcedFor.EVERYBODY
    return EnforcedFor.ADMINS if company.two_factor_enforced_for_admins else EnforcedFor.NOBODY


@dataclass(frozen=True, slots=True)
class UserRule:
    """The rule of one user. Only an exemption has an end."""

    enforcement: UserEnforcement
    exempt_until: datetime | None = None

    def at(self, now: datetime) -> Self:
        """Return the rule that holds at a time: after an exemption, the user has no rule of their own."""
        is_exempt = self.exempt_until is not None and self.exempt_until > now
        if self.enforcement is UserEnforcement.EXEMPT and not is_exempt:
            return type(self)(UserEnforcement.AS_COMPANY)
        return self

    @classmethod
    def of(cls, user: models.User) -> Self:
        """Return the rule that the row of a user states."""
        return cls(user.enforcement, user.exempt_until)


def required_from(user: models.User, rule: EnforcementRule) -> datetime | None:
    """Return the time from which the user has to use 2FA, in the past or in the future. None means never."""
    if user.enforcement is UserEnforcement.ENFORCED:
        return ALWAYS
    if rule.enforced_for is EnforcedFor.NOBODY:
        return None
    if rule.enforced_for is EnforcedFor.ADMINS and user.role is not Role.ADMIN:
        return None
    if user.enforcement is UserEnforcement.EXEMPT and user.exempt_until is not None:
        return max(rule.begins_at, user.exempt_until)
    return rule.begins_at


def is_required(user: models.User, company: models.Company, now: datetime) -> bool:
    """Return whether the user has to use 2FA now."""
    begins_at = required_from(user, EnforcementRule.of(company))
    return begins_at is not None and begins_at <= now


def required_users(rule: EnforcementRule, at: datetime) -> Q:
    """Return the condition for the users of a company account who have to use 2FA at a time.

    It selects the users for whom `required_from` is not later than `at`.
    """
    enforced = Q(enforcement=UserEnforcement.ENFORCED)
    if rule.enforced_for is EnforcedFor.NOBODY or rule.begins_at > at:
        return enforced
    by_rule = Q(enforcement=UserEnforcement.AS_COMPANY) | Q(
        Q(enforcement=UserEnforcement.EXEMPT), Q(exempt_until__lte=at) | Q(exempt_until__isnull=True)
    )
    if rule.enforced_for is EnforcedFor.ADMINS:
        by_rule &= Q(role=Role.ADMIN)
    return enforced | by_rule


def users_to_set_up(rule: EnforcementRule, at: datetime) -> Q:
    """Return the condition for the enabled users whose 2FA is inactive although they have to use it at a time."""
    return Q(required_users(rule, at), is_enabled=True, two_factor_activated_at__isnull=True)
