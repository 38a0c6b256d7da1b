"""The rules of a company account: whether 2FA is enforced, and whether backup codes are on."""

import models
from models import SecurityEventKind
from twofactor import audit
from twofactor.access import Viewer, require_admin
from twofactor.acting import acting_with, prove_password
from twofactor.environment import Client, Environment
from twofactor.results import Company, FeatureFlags, SecurityPolicyUpdated


def backup_codes_enabled(company: models.Company | Company) -> bool:
    """The feature flag: whether backup codes are shown, issued, accepted and counted. Everything reads it here."""
    return company.backup_codes_enabled


def feature_flags(viewer: Viewer) -> FeatureFlags:
    """What is on for the viewer's company account."""
    return FeatureFlags(backup_codes=backup_codes_enabled(viewer.user.company))


async def update_security_policy(  # noqa: PLR0913  # each is an argument of the mutation
    env: Environment,
    client: Client,
    viewer: Viewer,
    password: str,
    *,
    two_factor_enforced: bool | None,
    backup_codes_enabled: bool | None,
) -> SecurityPolicyUpdated:
    """Change the rules of the viewer's company account; None leaves a rule as it is.

    No challenge, activation or session ends by it: the rules are read again at each request and each commit.

    Raises:
        WrongPasswordError: The admin's password does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        ForbiddenError: The viewer is no admin any more.
    """
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, password)
    async with acting_with(env, proof) as acting:
        require_admin(acting.viewer)
        wanted = {"two_factor_enforced": two_factor_enforced, "backup_codes_enabled": backup_codes_enabled}
        changes = {rule: value for rule, value in wanted.items() if value not in {None, getattr(acting.company, rule)}}
        if changes:
            await models.Company.filter(id=acting.company.id).update(**changes)
            note = ", ".join(f"{rule}={'on' if value else 'off'}" for rule, value in changes.items())
            await audit.record(
                SecurityEventKind.SECURITY_POLICY_CHANGED, user=acting.user, client=client, now=env.now(), note=note
            )
        return SecurityPolicyUpdated(Company.of(acting.company.update_from_dict(changes)))
