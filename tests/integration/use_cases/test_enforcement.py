"""Who has to use 2FA and from when, in Python and in the database."""

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import models
from accounts.enforcement import (
    ALWAYS,
    EnforcedFor,
    EnforcementRule,
    is_required,
    required_from,
    required_users,
    users_to_set_up,
)
from accounts.services import Services
from models import Role, UserEnforcement
from tests.support.users import insert_user

DAY = timedelta(days=1)


async def add_user(
    services: Services,
    company: models.Company,
    name: str,
    *,
    role: Role = Role.MEMBER,
    **fields: Any,  # noqa: ANN401  # of any column
) -> models.User:
    email = f"{name}@maple.example"
    async with services.database.transaction():
        return await insert_user(company.id, email, name, role=role, password_hash="-", now=services.now(), **fields)


async def test_the_database_selects_the_users_whom_the_rule_requires(
    services: Services, company: models.Company
) -> None:
    """Every rule of a company account meets every rule of a user, before, at and after each date."""
    now = services.now()
    dates = [None, now - DAY, now, now + DAY]
    kinds: list[tuple[UserEnforcement, datetime | None]] = [
        *product([UserEnforcement.AS_COMPANY, UserEnforcement.ENFORCED], [None])
    ]
    kinds += [(UserEnforcement.EXEMPT, date) for date in dates]
    for number, (role, (enforcement, until)) in enumerate(product(Role, kinds)):
        await add_user(services, company, f"user{number}", role=role, enforcement=enforcement, exempt_until=until)
    users = await models.User.filter(company_id=company.id)

    for enforced_for, begins_at in product(EnforcedFor, [ALWAYS, *(date for date in dates if date)]):
        rule = EnforcementRule(enforced_for, begins_at)
        for at in (now - DAY, now, now + DAY):
            begins = {user.id: required_from(user, rule) for user in users}
            expected = {user_id for user_id, begin in begins.items() if begin is not None and begin <= at}
            selected = await models.User.filter(required_users(rule, at), company_id=company.id)
            assert {user.id for user in selected} == expected, (rule, at)


async def test_only_enabled_users_without_2fa_have_to_set_it_up(services: Services, company: models.Company) -> None:
    """Others are not asked at their next request."""
    now = services.now()
    asked = await add_user(services, company, "asked")
    await add_user(services, company, "disabled", is_enabled=False)
    await add_user(services, company, "active", two_factor_activated_at=now)

    rows = await models.User.filter(users_to_set_up(EnforcementRule(EnforcedFor.EVERYBODY), now), company_id=company.id)

    assert [row.id for row in rows] == [asked.id]


async def test_a_rule_without_a_date_holds_since_always(services: Services, company: models.Company) -> None:
    """A row that a server of the version before has written has no date."""
    user = await add_user(services, company, "ada")
    company.two_factor_enforced = True

    assert EnforcementRule.of(company) == EnforcementRule(EnforcedFor.EVERYBODY, ALWAYS)
    assert is_required(user, company, services.now())
