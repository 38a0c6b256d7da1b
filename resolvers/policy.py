"""The rules of a company account."""

from resolvers.context import Context
from twofactor import policy
from twofactor.results import SecurityPolicyUpdated


async def update(
    context: Context, password: str, *, two_factor_enforced: bool | None, backup_codes_enabled: bool | None
) -> SecurityPolicyUpdated:
    """Change the rules of the admin's company account."""
    admin = await context.acting_admin()
    return await policy.update_security_policy(
        context.env,
        context.client,
        admin,
        password,
        two_factor_enforced=two_factor_enforced,
        backup_codes_enabled=backup_codes_enabled,
    )
