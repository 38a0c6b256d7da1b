"""Replace the viewer's backup codes."""

from resolvers.context import Context
from twofactor.factors import backup_codes
from twofactor.factors.backup_codes import BackupCodesRegenerated


async def regenerate(context: Context, password: str) -> BackupCodesRegenerated:
    """Replace the viewer's backup code set."""
    viewer = await context.fresh_set_up_viewer()
    return await backup_codes.regenerate_backup_codes(context.services, context.client, viewer, password)
