"""Log in and out."""

from accounts import sessions
from accounts.known_devices import DeviceTokens
from accounts.sessions import LoggedIn, LoggedOut
from models import SessionTransport
from resolvers.context import Context
from twofactor import login, second_factor
from twofactor.login import SecondFactorRequired


async def log_in(  # noqa: PLR0913  # each is an argument of the mutation
    context: Context,
    email: str,
    password: str,
    transport: SessionTransport,
    *,
    device_token: str | None,
    remember_device: bool,
) -> LoggedIn | SecondFactorRequired:
    """Check email and password. If no second factor is required, start the session in the context.

    A browser always takes part in known devices, by its cookie.

    Raises:
        InvalidInputError: The client could not store the session. The server checked and counted nothing.
    """
    context.client.require_storable(transport, argument="transport")
    await context.charge_stranger()
    tokens = (device_token, *context.device_tokens) if device_token else context.device_tokens
    devices = DeviceTokens(tokens, wants_token=remember_device or transport is SessionTransport.COOKIE)
    result = await login.log_in(context.services, context.client, email, password, transport, devices)
    if isinstance(result, LoggedIn):
        context.start_session(result)
    elif result.is_known_device:
        context.is_stranger = False
    return result


async def verify_login(context: Context, challenge_token: str, *, kind: str, text: str) -> LoggedIn:
    """Check the second factor, and start the session in the context."""
    await context.charge_stranger()
    logged_in = await second_factor.verify_login(
        context.services,
        context.client,
        challenge_token,
        kind=kind,
        text=text,
        device_tokens=context.device_tokens,
    )
    context.start_session(logged_in)
    return logged_in


def session_token(logged_in: LoggedIn) -> str | None:
    """Return the session token, or None if the session is in a cookie that scripts cannot read."""
    return logged_in.token if logged_in.transport is SessionTransport.TOKEN else None


def device_token(logged_in: LoggedIn) -> str | None:
    """Return the new device token, or None if there is none or if it is in a cookie that scripts cannot read."""
    return logged_in.device.new_token if logged_in.transport is SessionTransport.TOKEN else None


async def log_out(context: Context) -> LoggedOut:
    """End the session of the request. Without a session, do nothing and report that."""
    viewer = await context.fresh_viewer_or_none()
    logged_out = await sessions.log_out(context.services, context.client, viewer)
    context.end_session()
    return logged_out
