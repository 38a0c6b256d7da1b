"""Read the audit events of users."""

from accounts.directory import SecurityEvent
from accounts.entities import User
from accounts.pagination import Page
from resolvers.context import Context


async def security_events_of_user(
    context: Context, user: User, first: int, after: str | None
) -> Page[SecurityEvent] | None:
    """Return a page of a user's audit events, or None if the viewer may not see them.

    Calls for several users of a list share one database read.
    """
    viewer = await context.set_up_viewer()
    return await context.events_of_users(viewer, first, after).load(user)
