"""Signing in and out, and the sessions that come of it."""

from uuid import UUID

from models import SessionTransport
from resolvers.context import Context
from twofactor import login, sessions
from twofactor.results import LoggedIn, LoggedOut, SecondFactorRequired, SessionRevoked


async def log_in(
    context: Context, email: str, password: str, transport: SessionTransport
) -> LoggedIn | SecondFactorRequired:
    """Take the first step of signing in."""
    result = await login.log_in(context.env, context.client, email, password, transport)
    return context.begin(result) if isinstance(result, LoggedIn) else result


async def verify_login(context: Context, challenge_token: str, *, otp: str | None, backup_code: str | None) -> LoggedIn:
    """Take the second step of signing in."""
    return context.begin(
        await login.verify_login(context.env, context.client, challenge_token, otp=otp, backup_code=backup_code)
    )


def session_token(logged_in: LoggedIn) -> str | None:
    """The token, unless the session travels in a cookie that no script can read."""
    return logged_in.token if logged_in.transport is SessionTransport.TOKEN else None


async def log_out(context: Context) -> LoggedOut:
    """End the session that the request carries."""
    viewer = await context.acting_viewer_or_nobody()
    logged_out = await sessions.log_out(context.env, context.client, viewer)
    context.end()
    return logged_out


async def revoke_session(context: Context, session_id: UUID | None) -> SessionRevoked:
    """End one of the viewer's sessions."""
    viewer = await context.acting_set_up_viewer()
    revoked = await sessions.revoke_session(context.env, context.client, viewer, session_id)
    if revoked.session_id == viewer.session.id:
        context.end(last_seen=viewer)
    return revoked
