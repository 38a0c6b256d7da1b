"""Change the rules of a company account, and read its feature flags."""

from dataclasses import dataclass, replace
from datetime import datetime

import models
from accounts import audit
from accounts.enforcement import EnforcedFor
from accounts.entities import Company, User
from accounts.event_facts import Change, EventFacts, values_of_changes
from accounts.permissions import Viewer, require_admin
from accounts.policy_rules import PolicyChange, changed_rules, columns_of, policy_after
from accounts.reauthentication import LockedAccount, locked_account
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    reauthenticate_for_change,
    require_second_factor,
)
from accounts.services import Client, Services
from mail import emails, outbox
from models import ChangedField, Role, SecurityEventKind


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
    enforced_for: EnforcedFor | None = None,
    enforce_from: datetime | None = None,
    new_device_emails: bool | None = None,
    second_factor_for_changes: bool | None = None,
    resets_need_voucher: bool | None = None,
    second_factor: EnteredSecondFactor | None = None,
) -> SecurityPolicyUpdated:
    """Change the rules of the viewer's company account. None leaves a rule as it is.

    No challenge, activation or session ends. Each request and each commit reads the rules again. The other admins get
    an email, if a rule changes.

    Raises:
        InvalidInputError: The arguments contradict each other, or the date is not allowed.
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    change = PolicyChange(
        two_factor_enforced=two_factor_enforced,
        enforced_for=enforced_for,
        enforce_from=enforce_from,
        backup_codes_enabled=backup_codes_enabled,
        new_device_emails=new_device_emails,
        second_factor_for_changes=second_factor_for_changes,
        resets_need_voucher=resets_need_voucher,
    )
    # Before the password is checked, so that an invalid change uses no attempt.
    policy_after(viewer.user.company, change, services.now())
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor)
    async with locked_account(services, proof) as own_account:
        account = await _with_locked_company(own_account)
        now = services.now()
        require_admin(account.viewer, now)
        before = account.viewer.user.company
        after = policy_after(before, change, now)
        await require_second_factor(services, client, account, second_factor)
        if changes := changed_rules(before, after):
            await models.Company.filter(id=account.company.id).update(**columns_of(after))
            facts = EventFacts(change=changes)
            kind = SecurityEventKind.SECURITY_POLICY_CHANGED
            await audit.record(kind, user=account.user, client=client, now=now, facts=facts)
            await _tell_other_admins(account.user, changes, now)
            account.company.update_from_dict(columns_of(after))
        return SecurityPolicyUpdated(account.viewer.user)


async def _with_locked_company(account: LockedAccount) -> LockedAccount:
    """Lock the company account and read it again, so that the changes of its rules run one after the other."""
    company = await models.Company.filter(id=account.company.id).select_for_update(no_key=True).get()
    return replace(account, company=company)


async def _tell_other_admins(admin: models.User, changes: tuple[Change, ...], now: datetime) -> None:
    others = models.User.filter(company_id=admin.company_id, role=Role.ADMIN, is_enabled=True).exclude(id=admin.id)
    # The rule `ENFORCED_FOR` says the same.
    told = tuple(change for change in changes if change.field is not ChangedField.TWO_FACTOR_ENFORCED)
    email = emails.policy_changed(at=now, admin=admin.name, changes=values_of_changes(told))
    await outbox.enqueue_for_all(email, to=await others.only("email", "name", "locale"), now=now)
