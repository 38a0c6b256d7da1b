"""Change the viewer's password."""

from resolvers.context import Context
from twofactor import passwords
from twofactor.results import PasswordChanged


async def change(context: Context, current_password: str, new_password: str) -> PasswordChanged:
    """Set a new password for the viewer."""
    viewer = await context.fresh_set_up_viewer()
    return await passwords.change_password(context.env, context.client, viewer, current_password, new_password)
