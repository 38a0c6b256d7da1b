"""Read the viewer, and what the viewer may see of other users."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts import directory
from accounts.company_statistics import CompanyStatistics
from accounts.directory import UserOrder, UserQuery
from accounts.entities import Company, TwoFactor, User
from accounts.errors import ForbiddenError
from accounts.login_locks import LoginLock
from accounts.pagination import Edge, Page, PageInfo
from accounts.permissions import Viewer, may_see_all_of
from accounts.policy_impact import PolicyImpact
from models import Role
from resolvers.context import Context
from twofactor.authenticators import Authenticator


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of users with the query that it answers, so that `totalCount` can run only when it is selected."""

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
        """The cursors of the page."""
        return self.page.page_info


async def viewer(context: Context) -> User | None:
    """Return the logged-in user, or None."""
    viewer = await context.viewer_or_none()
    return viewer.user if viewer else None


async def user(context: Context, admin: Viewer, user_id: UUID | None) -> User | None:
    """Return a user of the admin's company account, or None."""
    return await directory.find_user(context.services, admin, user_id) if user_id else None


async def users(context: Context, admin: Viewer, query: UserQuery) -> UserPage:
    """Return a page of the users of the admin's company account."""
    return UserPage(await directory.list_users(context.services, admin, query), query)


async def total_count(context: Context, page: UserPage) -> int:
    """Count the users on all pages of this list, which the viewer was allowed to read."""
    return await context.user_counts(await context.set_up_viewer()).load(page.query)


async def admins(context: Context, company: Company, first: int, after: str | None) -> UserPage:
    """Return a page of the enabled admins of the viewer's company account.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        ForbiddenError: It is another company account.
        InvalidInputError: The page size or the cursor is invalid.
    """
    viewer = await context.set_up_viewer()
    if viewer.user.company.id != company.id:
        raise ForbiddenError
    query = UserQuery(first, after, role=Role.ADMIN, is_enabled=True, order=UserOrder.NAME)
    return UserPage(await context.admins_of_company(viewer, query).load(company), query)


async def users_of_impact(context: Context, impact: PolicyImpact, first: int, after: str | None) -> UserPage:
    """Return a page of the users whom a change of the rules would ask to set up 2FA.

    Raises:
        InvalidInputError: The page size or the cursor is invalid.
    """
    query = UserQuery(first, after, to_set_up=(impact.rule, impact.at), order=UserOrder.NAME)
    return await users(context, await context.admin(), query)


async def statistics(context: Context, company: Company) -> CompanyStatistics:
    """Return the statistics of the admin's company account.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        ForbiddenError: The viewer is not an admin of this company account.
    """
    viewer = await context.admin()
    if viewer.user.company.id != company.id:
        raise ForbiddenError
    return await context.statistics_of_company().load(company)


async def two_factor(context: Context, user: User) -> TwoFactor:
    """Return the state of a user's 2FA."""
    return (await _require_own_or_visible(context, user)).two_factor


async def locale(context: Context, user: User) -> str:
    """Return the language of emails to a user."""
    return (await _require_own_or_visible(context, user)).locale


async def created_at(context: Context, user: User) -> datetime:
    """Return when a user's account was created."""
    return (await _require_own_or_visible(context, user)).created_at


async def last_login_at(context: Context, user: User) -> datetime | None:
    """Return when a user last logged in."""
    return (await _require_visible(context, user)).last_login_at


async def authenticators(context: Context, user: User) -> tuple[Authenticator, ...]:
    """Return the authenticators of a user."""
    await _require_visible(context, user)
    viewer = await context.viewer()
    return await context.authenticators_of_users(viewer).load(user)


async def is_enabled(context: Context, user: User) -> bool:
    """Return whether a user can log in."""
    return (await _require_visible(context, user)).is_enabled


async def locked_until(context: Context, user: User) -> datetime | None:
    """Return until when strangers have to wait at the login of a user."""
    return (await _login_lock(context, user)).until


async def locked_second_factors(context: Context, user: User) -> tuple[str, ...]:
    """Return the second factors of a user that are locked for strangers."""
    return (await _login_lock(context, user)).second_factors


async def session_count(context: Context, user: User) -> int:
    """Return the number of live sessions of a user."""
    return await context.session_counts().load(await _require_visible(context, user))


async def device_count(context: Context, user: User) -> int:
    """Return the number of known devices of a user."""
    return await context.device_counts().load(await _require_visible(context, user))


async def _login_lock(context: Context, user: User) -> LoginLock:
    return await context.locks_of_users().load(await _require_visible(context, user))


async def _require_own_or_visible(context: Context, user: User) -> User:
    """Return the user for a field that cannot be null.

    The viewer's own are readable before 2FA is set up. Otherwise their error would destroy the answer to the login.
    They also say that the setup is required.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        TwoFactorSetupRequiredError: It is another user, and the viewer has to activate 2FA first.
        ForbiddenError: The viewer may see only the identity of this user.
    """
    viewer = await context.viewer()
    return user if viewer.user.id == user.id else await _require_visible(context, user)


async def _require_visible(context: Context, user: User) -> User:
    """Return the user if the viewer may see all their fields.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        ForbiddenError: The viewer may see only the identity of this user.
    """
    if not may_see_all_of(await context.set_up_viewer(), user):
        raise ForbiddenError
    return user
