"""Read and end the viewer's sessions, and read their known devices."""

from uuid import UUID

import strawberry
from graphql import OperationType, located_error

from accounts import sessions
from accounts.entities import KnownDevice, Session, User
from accounts.permissions import Viewer
from accounts.sessions import SessionRevoked
from resolvers.context import Context


async def list_sessions(info: strawberry.Info[Context, None], user: User) -> tuple[Session, ...]:
    """Return the sessions of the viewer. For any other user, return none.

    The list cannot be null. If the server cannot read it after a mutation has committed, return what is known without
    the database, the current session, beside the error. Otherwise the error would destroy the answer.
    """
    context = info.context
    viewer = await context.viewer()
    if viewer.user.id != user.id:
        return ()
    try:
        return await context.sessions_of_viewer(viewer).load(viewer)
    except Exception as error:
        if info.operation.operation is not OperationType.MUTATION:
            raise
        context.errors_beside_values.append(located_error(error, path=info.path.as_list()))
        return (viewer.session,) if context.session_token else ()


async def list_devices(context: Context, user: User) -> tuple[KnownDevice, ...]:
    """Return the known devices of the viewer. For any other user, return none."""
    viewer = await context.set_up_viewer()
    return await context.devices_of_viewer(viewer).load(viewer) if viewer.user.id == user.id else ()


async def revoke_session(context: Context, viewer: Viewer, session_id: UUID | None) -> SessionRevoked:
    """End one of the viewer's sessions. If it is the current one, end it in the context too."""
    revoked = await sessions.revoke_session(context.services, context.client, viewer, session_id)
    if revoked.session_id == viewer.session.id:
        context.end_session()
    return revoked
