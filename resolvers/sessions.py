"""Read and end the viewer's sessions, and read their known devices."""

from uuid import UUID

from accounts import sessions
from accounts.entities import KnownDevice, Session, User
from accounts.permissions import Viewer
from accounts.sessions import SessionRevoked
from resolvers.context import Context


async def list_sessions(context: Context, user: User) -> tuple[Session, ...]:
    """Return the sessions of the viewer. For any other user, return none."""
    viewer = await context.set_up_viewer()
    return await context.sessions_of_viewer(viewer).load(viewer) if viewer.user.id == user.id else ()


async def list_devices(context: Context, user: User) -> tuple[KnownDevice, ...]:
    """Return the known devices of the viewer. For any other user, return none."""
    viewer = await context.set_up_viewer()
    return await context.devices_of_viewer(viewer).load(viewer) if viewer.user.id == user.id else ()


async def revoke_session(context: Context, viewer: Viewer, session_id: UUID | None) -> SessionRevoked:
    """End one of the viewer's sessions. If it is the current one, end it in the context too."""
    revoked = await sessions.revoke_session(context.services, context.client, viewer, session_id)
    if revoked.session_id == viewer.session.id:
        context.end_session(last_viewer=viewer)
    return revoked
