"""Remove the viewer's 2FA."""

from accounts.permissions import Viewer
from resolvers.context import Context
from twofactor import removal
from twofactor.entered_second_factor import EnteredSecondFactor
from twofactor.removal import TwoFactorDeactivated


async def deactivate(
    context: Context,
    viewer: Viewer,
    password: str,
    *,
    rotate_session: bool,
    second_factor: EnteredSecondFactor | None,
) -> TwoFactorDeactivated:
    """Deactivate 2FA, and replace the session token if the client wants it."""
    deactivated = await removal.deactivate(
        context.services,
        context.client,
        viewer,
        password,
        second_factor=second_factor,
        old_token=context.token_to_replace(rotate_session=rotate_session),
    )
    context.keep_new_token(deactivated.new_token)
    return deactivated
