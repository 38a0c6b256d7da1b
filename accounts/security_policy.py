"""The rules of a company account: 2FA, backup codes, and emails about new devices."""

from dataclasses import dataclass

import models
from accounts import audit
from accounts.entities import Company, User
from accounts.event_facts import EventFacts, change_of_rule
from accounts.permissions import Viewer, require_admin
from accounts.reauthentication import locked_account
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    reauthenticate_for_change,
    require_second_factor,
)
from accounts.services import Client, Services
from models import SecurityEventKind


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """The optional features of a company account."""

    backup_codes: bool


@dataclass(frozen=True, slots=True)
class SecurityPolicyUpdated:
    """The new rules are in force."""

    viewer: User

    @property
    def company(self) -> Company:
        """The company account with the current rules."""
        return self.viewer.company

    @property
    def feature_flags(self) -> FeatureFlags:
        """The feature flags of the company account after the change."""
        return _feature_flags_of(self.company)


def backup_codes_enabled(company: models.Company | Company) -> bool:
    """Return the feature flag: whether backup codes are shown, issued, accepted and counted.

    The query and all mutations read the flag by this function.
    """
    return company.backup_codes_enabled


def feature_flags(viewer: Viewer) -> FeatureFlags:
    """Return the feature flags of the viewer's company account."""
    return _feature_flags_of(viewer.user.company)


def _feature_flags_of(company: Company) -> FeatureFlags:
    return FeatureFlags(backup_codes=backup_codes_enabled(company))


async def update_security_policy(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    *,
    two_factor_enforced: bool | None,
    backup_codes_enabled: bool | None,
    new_device_emails: bool | None = None,
    second_factor_for_changes: bool | None = None,
    second_factor: EnteredSecondFactor | None = None,
) -> SecurityPolicyUpdated:
    """Change the rules of the viewer's company account. None leaves a rule as it is.

    No challenge, activation or session ends. Each request and each commit reads the rules again.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor)
    async with locked_account(services, proof) as account:
        require_admin(account.viewer, services.now())
        await require_second_factor(services, client, account, second_factor)
        wanted = {
            "two_factor_enforced": two_factor_enforced,
            "backup_codes_enabled": backup_codes_enabled,
            "new_device_emails": new_device_emails,
            "second_factor_for_changes": second_factor_for_changes,
        }
        changes = {rule: value for rule, value in wanted.items() if value not in {None, getattr(account.company, rule)}}
        if changes:
            await models.Company.filter(id=account.company.id).update(**changes)
            change = tuple(change_of_rule(rule, is_on=value) for rule, value in changes.items())
            await audit.record(
                SecurityEventKind.SECURITY_POLICY_CHANGED,
                user=account.user,
                client=client,
                now=services.now(),
                facts=EventFacts(change=change),
            )
        account.company.update_from_dict(changes)
        return SecurityPolicyUpdated(account.viewer.user)
