"""Change the viewer's password."""

from accounts import passwords
from accounts.passwords import PasswordChanged
from accounts.permissions import Viewer
from resolvers.context import Context


async def change_password(
    context: Context, viewer: Viewer, current_password: str, new_password: str, *, rotate_session: bool
) -> PasswordChanged:
    """Set a new password, and replace the session token if the client wants it."""
    changed = await passwords.change_password(
        context.services,
        context.client,
        viewer,
        current_password,
        new_password,
        old_token=context.token_to_replace(rotate_session=rotate_session),
    )
    context.keep_new_token(changed.new_token)
    return changed
