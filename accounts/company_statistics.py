"""How many users of a company account are in each state. Each number has a filter of the list of users."""

from dataclasses import dataclass

from tortoise.expressions import Q
from tortoise.functions import Sum

import models
from accounts import security_policy
from accounts.enforcement import required_users
from accounts.entities import Company, rule_of
from accounts.login_locks import locked_users
from accounts.services import Services


@dataclass(frozen=True, slots=True)
class CompanyStatistics:
    """The number of users in each state. Only `disabled` counts disabled users."""

    active: int
    inactive: int
    # None if backup codes are off.
    few_backup_codes: int | None
    locked: int
    setup_due: int
    disabled: int


async def read_statistics(services: Services, company: Company) -> CompanyStatistics:
    """Return the statistics of a company account. Their cost does not depend on the number of users."""
    now = services.now()
    required = required_users(rule_of(company), now)
    async with services.database.reading():
        counts = models.UserCount.filter(company_id=company.id).annotate(
            active=Sum("users", _filter=Q(is_enabled=True, is_active=True)),
            inactive=Sum("users", _filter=Q(is_enabled=True, is_active=False)),
            few_codes=Sum("users", _filter=Q(is_enabled=True, has_few_codes=True)),
            setup_due=Sum("users", _filter=Q(required, is_enabled=True, is_active=False)),
            disabled=Sum("users", _filter=Q(is_enabled=False)),
        )
        (numbers,) = await counts.values("active", "inactive", "few_codes", "setup_due", "disabled")
        locked = await models.User.filter(locked_users(company, now), company_id=company.id, is_enabled=True).count()
    # The sum of no rows is NULL.
    active, inactive, few_codes, setup_due, disabled = (number or 0 for number in numbers.values())
    has_codes = security_policy.backup_codes_enabled(company)
    return CompanyStatistics(active, inactive, few_codes if has_codes else None, locked, setup_due, disabled)
