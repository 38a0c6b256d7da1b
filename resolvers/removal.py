"""Deactivate the viewer's own 2FA, or reset the 2FA of another user as an admin."""

from uuid import UUID

from resolvers.context import Context
from twofactor import removal
from twofactor.removal import TwoFactorDeactivated, TwoFactorReset


async def deactivate(context: Context, password: str) -> TwoFactorDeactivated:
    """Deactivate the viewer's own 2FA."""
    viewer = await context.fresh_set_up_viewer()
    return await removal.deactivate(context.services, context.client, viewer, password)


async def reset_by_admin(context: Context, user_id: UUID | None, password: str, reason: str | None) -> TwoFactorReset:
    """Reset the 2FA of another user of the admin's company account."""
    admin = await context.fresh_admin()
    return await removal.reset_by_admin(context.services, context.client, admin, user_id, password, reason)
