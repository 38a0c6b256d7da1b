"""Read the feature flags of a company account, and change its security policy."""

from accounts import security_policy
from accounts.security_policy import FeatureFlags, SecurityPolicyUpdated
from resolvers.context import Context


async def feature_flags(context: Context) -> FeatureFlags:
    """Return the feature flags of the viewer's company account, also if the viewer has to set up 2FA first."""
    return security_policy.feature_flags(await context.viewer())


async def update(
    context: Context, password: str, *, two_factor_enforced: bool | None, backup_codes_enabled: bool | None
) -> SecurityPolicyUpdated:
    """Change the security policy of the admin's company account. None leaves a rule unchanged."""
    admin = await context.fresh_admin()
    return await security_policy.update_security_policy(
        context.services,
        context.client,
        admin,
        password,
        two_factor_enforced=two_factor_enforced,
        backup_codes_enabled=backup_codes_enabled,
    )
