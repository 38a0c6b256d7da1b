"""Change the viewer's password."""

from accounts import passwords
from accounts.passwords import PasswordChanged
from resolvers.context import Context


async def change(context: Context, current_password: str, new_password: str) -> PasswordChanged:
    """Set a new password for the viewer."""
    viewer = await context.fresh_set_up_viewer()
    return await passwords.change_password(context.services, context.client, viewer, current_password, new_password)
