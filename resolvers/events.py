"""Read the audit log."""

from resolvers.context import Context
from twofactor import directory
from twofactor.directory import EventQuery
from twofactor.results import Page, SecurityEvent, User


async def security_events(context: Context, query: EventQuery) -> Page[SecurityEvent]:
    """Return a page of the audit events of the admin's company account."""
    admin = await context.admin()
    return await directory.list_events(context.env, admin, query)


async def security_events_of_user(
    context: Context, user: User, first: int, after: str | None
) -> Page[SecurityEvent] | None:
    """Return a page of a user's audit events, or None if the viewer may not see them.

    Calls for several users of a list share one database read.
    """
    viewer = await context.set_up_viewer()
    return await context.events_of_users(viewer, first, after).load(user)
