"""What admins read of their company account, and what is public."""

from dataclasses import dataclass
from uuid import UUID

from resolvers.context import Context
from twofactor import directory
from twofactor.directory import EventQuery, UserQuery
from twofactor.results import AuthenticatorApp, Edge, Page, PageInfo, SecurityEvent, User


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of users that remembers what was asked for, so that all are counted only where that is asked too."""

    page: Page[User]
    query: UserQuery

    @property
    def edges(self) -> tuple[Edge[User], ...]:
        """The users with their cursors."""
        return self.page.edges

    @property
    def nodes(self) -> tuple[User, ...]:
        """The users without their cursors."""
        return self.page.nodes

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands."""
        return self.page.page_info


def authenticator_apps() -> tuple[AuthenticatorApp, ...]:
    """The authenticator apps, to anybody."""
    return directory.AUTHENTICATOR_APPS


async def user(context: Context, user_id: UUID | None) -> User | None:
    """A user of the admin's company account."""
    admin = await context.admin()
    return await directory.find_user(context.env, admin, user_id) if user_id else None


async def users(context: Context, query: UserQuery) -> UserPage:
    """A page of the users of the admin's company account."""
    admin = await context.admin()
    return UserPage(await directory.list_users(context.env, admin, query), query)


async def total_count(context: Context, page: UserPage) -> int:
    """How many users the pages of this list have together."""
    admin = await context.admin()
    return await directory.count_users(context.env, admin, page.query)


async def security_events(context: Context, query: EventQuery) -> Page[SecurityEvent]:
    """A page of the events of the admin's company account."""
    admin = await context.admin()
    return await directory.list_events(context.env, admin, query)
