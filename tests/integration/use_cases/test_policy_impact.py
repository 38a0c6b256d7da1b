"""The impact of a change of the rules: the same users are asked afterwards."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

import models
from accounts.directory import UserOrder, UserQuery, count_users, list_users
from accounts.enforcement import EnforcedFor
from accounts.entities import User
from accounts.errors import InvalidInputError
from accounts.permissions import Viewer
from accounts.policy_impact import PolicyImpact, policy_impact
from accounts.policy_rules import PolicyChange, columns_of, policy_after
from accounts.security_policy import update_security_policy
from accounts.services import Services
from models import Role, UserEnforcement
from models.database import Database
from tests.integration.use_cases.helpers import CLIENT, raises, reload_viewer
from tests.support.clock import Clock
from tests.support.users import PASSWORD, insert_user, set_security_policy

DAY = timedelta(days=1)
IN_FORCE = {"two_factor_enforced": False, "two_factor_enforced_for_admins": True}
# For how many days a user is exempt: none, until before the date of a change, until after it, and without an end.
EXEMPTIONS = {1, 3, None}


async def add_users(services: Services, company: models.Company) -> None:
    """Add a user of each kind: by role, rule, 2FA, and whether they are enabled. Some have sessions."""
    now = services.now()
    rules: list[tuple[UserEnforcement, datetime | None]] = [
        (UserEnforcement.AS_COMPANY, None),
        (UserEnforcement.ENFORCED, None),
    ]
    rules += [(UserEnforcement.EXEMPT, None if days is None else now + days * DAY) for days in EXEMPTIONS]
    kinds = product(Role, rules, [None, now], [True, False])
    async with services.database.transaction():
        for number, (role, (enforcement, until), activated_at, is_enabled) in enumerate(kinds):
            user = await insert_user(
                company.id,
                f"user{number}@acme.example",
                # The order by name is not that of the creation.
                f"User {number * 7 % 40}",
                role=role,
                password_hash="-",
                now=now,
                enforcement=enforcement,
                exempt_until=until,
                two_factor_activated_at=activated_at,
                is_enabled=is_enabled,
            )
            if is_enabled:
                # None, a live one, two, or only one that has ended.
                for days in [(), (5,), (5, 6), (0,)][number // 2 % 4]:
                    await add_session(user.id, now, expires_at=now + days * DAY)


async def add_session(user_id: UUID, now: datetime, *, expires_at: datetime) -> None:
    await models.Session.create(
        id=uuid4(), token_hash=uuid4().hex, user_id=user_id, created_at=now, last_seen_at=now, expires_at=expires_at
    )


async def all_ids(services: Services, viewer: Viewer, impact: PolicyImpact) -> list[UUID]:
    """Return the ids of the users on all pages."""
    ids: list[UUID] = []
    after = None
    while True:
        query = UserQuery(3, after, to_set_up=(impact.rule, impact.at), order=UserOrder.NAME)
        page = await list_users(services, viewer, query)
        ids += [user.id for user in page.nodes]
        after = page.page_info.end_cursor
        if not page.page_info.has_next_page:
            assert await count_users(services, viewer, query) == len(ids)
            return ids


async def users_of(services: Services, company: models.Company) -> Mapping[UUID, User]:
    """Return all users of the company account, as the next request reads them."""
    async with services.database.reading():
        rows = await models.User.filter(company_id=company.id).order_by("name_key", "id").select_related("company")
    return {row.id: User.of(row, row.company) for row in rows}


@pytest.mark.usefixtures("other_company_admin")
@pytest.mark.parametrize("before", [{}, IN_FORCE], ids=["not enforced", "enforced for admins"])
async def test_the_same_users_are_asked_after_the_change(
    services: Services,
    database: Database,
    company: models.Company,
    clock: Clock,
    admin_viewer: Viewer,
    before: dict[str, Any],
) -> None:
    """Each audience meets each kind of user, at once and from a date. The counts are those of the users."""
    await add_users(services, company)
    start = clock.now
    signed_in = {session.user_id for session in await models.Session.filter(expires_at__gt=start)}
    await set_security_policy(database, company, **before)
    viewer = await reload_viewer(services, admin_viewer)
    seen: set[int] = set()

    for enforced_for, days, needs_factor in product(EnforcedFor, [None, 2], [False, True]):
        if enforced_for is EnforcedFor.NOBODY and days is not None:
            continue
        change = PolicyChange(
            enforced_for=enforced_for,
            enforce_from=None if days is None else start + days * DAY,
            second_factor_for_changes=needs_factor,
        )
        impact = await policy_impact(services, viewer, change)
        ids = await all_ids(services, viewer, impact)

        rules = columns_of(policy_after(viewer.user.company, change, clock.now))
        await set_security_policy(database, company, **rules)
        clock.now = start + (days or 0) * DAY
        assert impact.at == clock.now
        users = await users_of(services, company)
        asked = [user.id for user in users.values() if user.is_enabled and user.two_factor.is_setup_required(clock.now)]
        assert ids == asked
        assert impact.users_to_set_up == len(asked)
        assert impact.signed_in_users_to_set_up == len(signed_in.intersection(asked))
        able = [
            user
            for user in users.values()
            if user.role is Role.ADMIN
            and user.is_enabled
            and not user.two_factor.is_setup_required(clock.now)
            and (user.two_factor.is_active or not needs_factor)
        ]
        assert impact.admins_who_can_act == len(able)
        assert impact.viewer_has_to_set_up is (viewer.user.id in asked)
        seen.add(len(asked))
        clock.now = start
        await set_security_policy(database, company, **columns_of(viewer.user.company))

    assert len(seen) > 2


async def test_the_mutation_does_what_the_impact_says(
    services: Services, clock: Clock, admin_viewer: Viewer, viewer: Viewer
) -> None:
    """The change of an admin without 2FA asks the admin too."""
    date = clock.now + DAY
    change = PolicyChange(two_factor_enforced=True, enforce_from=date)
    impact = await policy_impact(services, admin_viewer, change)

    await update_security_policy(
        services, CLIENT, admin_viewer, PASSWORD, two_factor_enforced=True, backup_codes_enabled=None, enforce_from=date
    )

    assert (impact.users_to_set_up, impact.signed_in_users_to_set_up, impact.admins_who_can_act) == (2, 2, 0)
    assert impact.viewer_has_to_set_up
    clock.now = date
    for each in (admin_viewer, viewer):
        assert (await reload_viewer(services, each)).user.two_factor.is_setup_required(clock.now)
    after = await policy_impact(services, await reload_viewer(services, admin_viewer), PolicyChange())
    assert (after.at, after.users_to_set_up) == (date, 2)


async def test_impact_rejects_what_the_mutation_rejects(services: Services, admin_viewer: Viewer) -> None:
    """With the same error."""
    for change in (
        PolicyChange(two_factor_enforced=False, enforced_for=EnforcedFor.EVERYBODY),
        PolicyChange(enforce_from=services.now() + DAY),
        PolicyChange(enforced_for=EnforcedFor.ADMINS, enforce_from=services.now() + 400 * DAY),
    ):
        await raises(policy_impact(services, admin_viewer, change), InvalidInputError)


async def test_impact_without_a_change_is_that_of_the_present_rules(
    services: Services, database: Database, company: models.Company, admin_viewer: Viewer
) -> None:
    """A rule that no user is under has none."""
    assert (await policy_impact(services, admin_viewer, PolicyChange())).users_to_set_up == 0
    date = services.now() + DAY
    await set_security_policy(database, company, two_factor_enforced_for_admins=True, enforce_from=date)

    impact = await policy_impact(services, await reload_viewer(services, admin_viewer), PolicyChange())

    assert (impact.at, impact.users_to_set_up, impact.admins_who_can_act) == (date, 1, 0)
