"""Replacing backup codes."""

from resolvers.context import Context
from twofactor import backup_codes
from twofactor.results import BackupCodesRegenerated


async def regenerate(context: Context, password: str) -> BackupCodesRegenerated:
    """Replace all backup codes of the viewer."""
    viewer = await context.acting_set_up_viewer()
    return await backup_codes.regenerate_backup_codes(context.env, context.client, viewer, password)
