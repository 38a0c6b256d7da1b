"""Whom a change of the rules of a company account would ask to set up 2FA."""

from dataclasses import dataclass
from datetime import datetime

import models
from accounts.enforcement import EnforcedFor, EnforcementRule, users_to_set_up
from accounts.entities import rule_of
from accounts.permissions import Viewer
from accounts.policy_rules import PolicyChange, policy_after
from accounts.services import Services
from accounts.sessions import live_sessions
from models import Role


@dataclass(frozen=True, slots=True)
class PolicyImpact:
    """What a change of the rules would do to users who stay as they are."""

    # When it takes effect: now, or at its date.
    at: datetime
    users_to_set_up: int
    signed_in_users_to_set_up: int
    admins_who_can_act: int
    viewer_has_to_set_up: bool
    rule: EnforcementRule


async def policy_impact(services: Services, viewer: Viewer, change: PolicyChange) -> PolicyImpact:
    """Return what a change of the rules of the viewer's company account would do.

    Raises:
        InvalidInputError: `update_security_policy` does not accept the change either.
    """
    now = services.now()
    company = policy_after(viewer.user.company, change, now)
    rule = rule_of(company)
    at = now if rule.enforced_for is EnforcedFor.NOBODY else max(now, rule.begins_at)
    asked = models.User.filter(users_to_set_up(rule, at), company_id=company.id)
    admins = models.User.filter(company_id=company.id, role=Role.ADMIN, is_enabled=True)
    if company.second_factor_for_changes:
        able = admins.filter(two_factor_activated_at__isnull=False)
    else:
        able = admins.filter(~users_to_set_up(rule, at))
    async with services.database.reading():
        return PolicyImpact(
            at=at,
            users_to_set_up=await asked.count(),
            signed_in_users_to_set_up=await asked.filter(**live_sessions(now, "sessions__")).distinct().count(),
            admins_who_can_act=await able.count(),
            viewer_has_to_set_up=await asked.filter(id=viewer.user.id).exists(),
            rule=rule,
        )
