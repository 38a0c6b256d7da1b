"""The viewer, and what the viewer sees of a user."""

from datetime import datetime

from resolvers.context import Context
from twofactor import policy
from twofactor import sessions as live_sessions
from twofactor.access import may_see_all_of
from twofactor.errors import ForbiddenError
from twofactor.results import FeatureFlags, Page, SecurityEvent, Session, TwoFactor, User


async def viewer(context: Context) -> User | None:
    """The signed-in user, or nobody."""
    asking = await context.viewer_or_nobody()
    return asking.user if asking else None


async def feature_flags(context: Context) -> FeatureFlags:
    """What is on for the viewer's company account."""
    return policy.feature_flags(await context.viewer())


async def two_factor(context: Context, user: User) -> TwoFactor:
    """Where a user's 2FA stands: the viewer's own also before it is set up, for it says that it has to be."""
    asking = await context.viewer()
    seen = user if asking.user.id == user.id else await _all_of(context, user)
    return seen.two_factor


async def locale(context: Context, user: User) -> str:
    """The language of letters to a user."""
    return (await _all_of(context, user)).locale


async def created_at(context: Context, user: User) -> datetime:
    """When a user's account was made."""
    return (await _all_of(context, user)).created_at


async def last_login_at(context: Context, user: User) -> datetime | None:
    """When a user last signed in."""
    return (await _all_of(context, user)).last_login_at


async def _all_of(context: Context, user: User) -> User:
    """The user, to whoever may see everything of them.

    Raises:
        UnauthenticatedError: Nobody is signed in.
        TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        ForbiddenError: The viewer may see who it is and no more.
    """
    if not may_see_all_of(await context.set_up_viewer(), user):
        raise ForbiddenError
    return user


async def sessions(context: Context, user: User) -> tuple[Session, ...]:
    """The sessions of the viewer; none of anybody else."""
    asking = await context.set_up_viewer()
    return await live_sessions.list_sessions(context.env, asking) if asking.user.id == user.id else ()


async def security_events(context: Context, user: User, first: int, after: str | None) -> Page[SecurityEvent] | None:
    """What happened to a user; None to whoever may not see it. Asked for many users of a list, it is one look-up."""
    asking = await context.set_up_viewer()
    return await context.events_of_users(asking, first, after).load(user)
