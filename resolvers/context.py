"""The context of a GraphQL request: the viewer, the client and the session."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeAlias
from uuid import UUID

from graphql import GraphQLError
from strawberry.dataloader import DataLoader

from accounts import directory, known_devices, sessions
from accounts.company_statistics import CompanyStatistics, read_statistics
from accounts.directory import SecurityEvent, UserQuery
from accounts.entities import Company, KnownDevice, Session, User
from accounts.errors import UnauthenticatedError
from accounts.login_locks import LoginLock, find_login_locks
from accounts.pagination import Page
from accounts.permissions import Viewer, require_admin, require_set_up
from accounts.services import Client, Services
from accounts.session_tokens import SessionToken
from accounts.sessions import LoggedIn, TokenCheck
from models import SessionTransport
from resolvers.qr_rendering import QrCode, QrRenderer
from security.ip_rate_limiter import rate_limit_key
from twofactor.authenticators import Authenticator, list_authenticators_of


class CookieJar(Protocol):
    """The cookies of the response."""

    def set_device_tokens(self, tokens: Sequence[str]) -> None:
        """Set the cookie of the known devices."""

    def set(self, session_token: str) -> None:
        """Set the session cookie."""

    def clear(self) -> None:
        """Delete the session cookie."""


# Loads the known devices of the viewer for each field that selects them.
DevicesOfViewer: TypeAlias = "DataLoader[Viewer, tuple[KnownDevice, ...]]"
# Loads the sessions of the viewer for each field that selects them.
SessionsOfViewer: TypeAlias = "DataLoader[Viewer, tuple[Session, ...]]"
# Loads the authenticators of each of several users.
AuthenticatorsOfUsers: TypeAlias = DataLoader[User, tuple[Authenticator, ...]]
# Loads one page of audit events for each of several users.
EventsOfUsers: TypeAlias = DataLoader[User, Page[SecurityEvent] | None]
# Loads what strangers have to wait for at the login of each of several users.
LocksOfUsers: TypeAlias = DataLoader[User, LoginLock]
# Counts the live sessions, or the known devices, of each of several users.
CountsOfUsers: TypeAlias = DataLoader[User, int]
# Loads one page of admins for each field that selects it.
AdminsOfCompany: TypeAlias = DataLoader[Company, Page[User]]
# Loads the statistics of the company account for each field that selects them.
StatisticsOfCompany: TypeAlias = DataLoader[Company, CompanyStatistics]
# Counts the users of each of several lists.
UserCounts: TypeAlias = DataLoader[UserQuery, int]


@dataclass
class Context:
    """The context of one request.

    Queries read the viewer once for each operation. Mutations read it again ("fresh"), because an earlier mutation of
    the same operation may have changed it. The fields of their results do not: they are resolved for the viewer after
    the change. Another read could fail, or find no session, and the answer to a committed change would be lost.
    """

    services: Services
    client: Client
    cookies: CookieJar
    session_token: SessionToken | None
    qr_renderer: QrRenderer
    # Whether the request has a session token, also a malformed one that is not in `session_token`.
    sent_token: bool = False
    # Whether a field needed the session, and the token that the request sent was not that of a live session.
    session_has_ended: bool = False
    # The device tokens in the cookie of the request.
    device_tokens: tuple[str, ...] = field(default=(), repr=False)
    # The declared cost of the operation.
    cost: int = 1
    # Whether the request has neither a good session token, nor started a session, nor came from a known device.
    is_stranger: bool = True
    # For the log: who had or started the session, and the type of each union that a field of the root returned.
    user_id: UUID | None = None
    outcomes: set[str] = field(default_factory=set)
    # The errors of fields that cannot be null, and have a value beside their error.
    errors_beside_values: list[GraphQLError] = field(default_factory=list)
    _is_charged: bool = False
    _viewer: Viewer | None = None
    _viewer_is_loaded: bool = False
    _viewer_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _qr_codes: dict[str, QrCode] = field(default_factory=dict)
    _devices_of_viewer: dict[Viewer, DevicesOfViewer] = field(default_factory=dict)
    _sessions_of_viewer: dict[Viewer, SessionsOfViewer] = field(default_factory=dict)
    _authenticators_of_users: dict[Viewer, AuthenticatorsOfUsers] = field(default_factory=dict)
    _events_of_users: dict[tuple[Viewer, int, str | None], EventsOfUsers] = field(default_factory=dict)
    _locks_of_users: LocksOfUsers | None = None
    _session_counts: CountsOfUsers | None = None
    _device_counts: CountsOfUsers | None = None
    _admins_of_company: dict[tuple[Viewer, UserQuery], AdminsOfCompany] = field(default_factory=dict)
    _statistics_of_company: StatisticsOfCompany | None = None
    _user_counts: dict[Viewer, UserCounts] = field(default_factory=dict)

    async def viewer_or_none(self) -> Viewer | None:
        """Return the viewer, or None if nobody is logged in. All fields of a query share one database read."""
        async with self._viewer_lock:
            return self._viewer if self._viewer_is_loaded else await self.fresh_viewer_or_none()

    async def viewer(self) -> Viewer:
        """Return the viewer, also if they have to set up 2FA first.

        Raises:
            UnauthenticatedError: Nobody is logged in.
        """
        return _required(await self.viewer_or_none())

    async def set_up_viewer(self) -> Viewer:
        """Return the viewer. If 2FA is enforced, require that it is active.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        """
        return require_set_up(await self.viewer(), self.services.now())

    async def admin(self) -> Viewer:
        """Return the viewer, who must be an admin.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
            ForbiddenError: The viewer is not an admin.
        """
        return require_admin(await self.viewer(), self.services.now())

    async def fresh_viewer_or_none(self) -> Viewer | None:
        """Read the viewer from the database again, or return None if nobody is logged in."""
        self._viewer_is_loaded = False
        token = self.session_token
        check = await sessions.check_token(self.services, token.text) if token else TokenCheck(None)
        viewer = check.viewer
        if viewer is None and self.sent_token:
            self.session_has_ended = True
            if not check.is_replaced:
                # If it is replaced, the browser has or gets a new cookie, which this answer would delete.
                self.cookies.clear()
        if viewer is not None:
            self.is_stranger = False
            self.user_id = viewer.user.id
            await self._charge(f"user {viewer.user.id.hex}")
        self._viewer, self._viewer_is_loaded = viewer, True
        return viewer

    def keep_changed_viewer(self, user: User) -> None:
        """Resolve the fields of a mutation's result for the viewer as the mutation returned them."""
        if self._viewer is not None:
            self._viewer = replace(self._viewer, user=user)

    async def charge_stranger(self) -> None:
        """Count the cost of an operation that starts a session, before it does.

        Raises:
            OverloadedError: The client's address has used up the cost of this minute.
        """
        if self.client.ip_address is not None:
            await self._charge(f"address {rate_limit_key(self.client.ip_address)}")

    async def _charge(self, payer: str) -> None:
        if not self._is_charged:
            await self.services.cost_limiter.charge(payer, self.cost)
            self._is_charged = True

    async def fresh_viewer(self) -> Viewer:
        """Read the viewer again, also if they have to set up 2FA first.

        Raises:
            UnauthenticatedError: Nobody is logged in.
        """
        return _required(await self.fresh_viewer_or_none())

    async def fresh_set_up_viewer(self) -> Viewer:
        """Read the viewer again. If 2FA is enforced, require that it is active.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
        """
        return require_set_up(await self.fresh_viewer(), self.services.now())

    async def fresh_admin(self) -> Viewer:
        """Read the viewer, who must be an admin, again.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            TwoFactorSetupRequiredError: The viewer has to activate 2FA first.
            ForbiddenError: The viewer is not an admin.
        """
        return require_admin(await self.fresh_viewer(), self.services.now())

    def qr_code(self, otpauth_uri: str) -> QrCode:
        """Return the QR code of an `otpauth://` URI. All fields of the request that select it share its rendering."""
        return self._qr_codes.setdefault(otpauth_uri, QrCode(otpauth_uri))

    def devices_of_viewer(self, viewer: Viewer) -> DevicesOfViewer:
        """Return the loader of the viewer's known devices. All fields that select them share one database read."""
        if viewer not in self._devices_of_viewer:

            async def read(viewers: list[Viewer]) -> list[tuple[KnownDevice, ...]]:
                return [await known_devices.list_devices(self.services, viewer)] * len(viewers)

            # No cache, since a later mutation of the same operation may forget devices.
            self._devices_of_viewer[viewer] = DataLoader(read, cache=False)
        return self._devices_of_viewer[viewer]

    def sessions_of_viewer(self, viewer: Viewer) -> SessionsOfViewer:
        """Return the loader of the viewer's sessions. All fields that select them share one database read."""
        if viewer not in self._sessions_of_viewer:

            async def read(viewers: list[Viewer]) -> list[tuple[Session, ...]]:
                return [await sessions.list_sessions(self.services, viewer)] * len(viewers)

            # No cache, since a later mutation of the same operation may end sessions.
            self._sessions_of_viewer[viewer] = DataLoader(read, cache=False)
        return self._sessions_of_viewer[viewer]

    def authenticators_of_users(self, viewer: Viewer) -> AuthenticatorsOfUsers:
        """Return the loader that reads the authenticators of all users of a list in one database read."""
        if viewer not in self._authenticators_of_users:

            async def load(users: list[User]) -> list[tuple[Authenticator, ...]]:
                return await list_authenticators_of(self.services, viewer, users)

            # No cache, since a later mutation of the same operation may change them.
            self._authenticators_of_users[viewer] = DataLoader(load, cache=False)
        return self._authenticators_of_users[viewer]

    def events_of_users(self, viewer: Viewer, first: int, after: str | None) -> EventsOfUsers:
        """Return the loader that reads the events of all users of a list in one database read."""
        arguments = (viewer, first, after)
        if arguments not in self._events_of_users:

            async def load(users: list[User]) -> list[Page[SecurityEvent] | None]:
                return await directory.list_events_of_users(self.services, viewer, users, first, after)

            # Do not cache: a later mutation of the operation may add events.
            self._events_of_users[arguments] = DataLoader(load, cache=False)
        return self._events_of_users[arguments]

    def locks_of_users(self) -> LocksOfUsers:
        """Return the loader that reads the locks of all users of a list in one database read."""
        if self._locks_of_users is None:

            async def read(users: list[User]) -> list[LoginLock]:
                return await find_login_locks(self.services, users)

            # Do not cache: a later mutation of the operation may remove 2FA, and the locks with it.
            self._locks_of_users = DataLoader(read, cache=False)
        return self._locks_of_users

    def session_counts(self) -> CountsOfUsers:
        """Return the loader that counts the live sessions of all users of a list in one database read."""
        if self._session_counts is None:
            # Do not cache: a later mutation of the operation may end sessions.
            self._session_counts = DataLoader(partial(sessions.count_sessions, self.services), cache=False)
        return self._session_counts

    def device_counts(self) -> CountsOfUsers:
        """Return the loader that counts the known devices of all users of a list in one database read."""
        if self._device_counts is None:
            # Do not cache: a later mutation of the operation may forget devices.
            self._device_counts = DataLoader(partial(known_devices.count_devices, self.services), cache=False)
        return self._device_counts

    def admins_of_company(self, viewer: Viewer, query: UserQuery) -> AdminsOfCompany:
        """Return the loader of a page of admins. All fields that select it share one database read."""
        if (viewer, query) not in self._admins_of_company:

            async def read(companies: list[Company]) -> list[Page[User]]:
                return [await directory.list_users(self.services, viewer, query)] * len(companies)

            self._admins_of_company[viewer, query] = DataLoader(read, cache=False)
        return self._admins_of_company[viewer, query]

    def statistics_of_company(self) -> StatisticsOfCompany:
        """Return the loader of statistics. All fields that select them share one database read."""
        if self._statistics_of_company is None:

            async def read(companies: list[Company]) -> list[CompanyStatistics]:
                found = {company: await read_statistics(self.services, company) for company in set(companies)}
                return [found[company] for company in companies]

            # Do not cache: a later mutation of the operation may change them.
            self._statistics_of_company = DataLoader(read, cache=False)
        return self._statistics_of_company

    def user_counts(self, viewer: Viewer) -> UserCounts:
        """Return the loader that counts the users of lists. Fields with the same filter share one database read."""
        if viewer not in self._user_counts:

            async def count(queries: list[UserQuery]) -> list[int]:
                counts = {query: await directory.count_users(self.services, viewer, query) for query in set(queries)}
                return [counts[query] for query in queries]

            self._user_counts[viewer] = DataLoader(count, cache=False)
        return self._user_counts[viewer]

    def start_session(self, logged_in: LoggedIn) -> None:
        """Use the new session for the rest of the operation. If the client asked for a cookie, set it."""
        if logged_in.transport is SessionTransport.COOKIE:
            self.cookies.set(logged_in.token)
            self.cookies.set_device_tokens(logged_in.device.tokens)
        self.session_token = SessionToken(logged_in.token, logged_in.transport)
        self.session_has_ended = False
        self.is_stranger = False
        self.user_id = logged_in.viewer.id
        self._viewer = Viewer(logged_in.viewer, logged_in.session)
        self._viewer_is_loaded = True

    def token_to_replace(self, *, rotate_session: bool) -> SessionToken | None:
        """Return the session token if the change replaces it: always in a cookie, otherwise if the client asks."""
        token = self.session_token
        return token if token and (rotate_session or token.transport is SessionTransport.COOKIE) else None

    def keep_new_token(self, new_token: SessionToken | None) -> None:
        """Set the cookie to the new token, if the session is in a cookie.

        The rest of the operation uses the old token. The old token must work until the client has received the new one.
        """
        if new_token is not None and new_token.transport is SessionTransport.COOKIE:
            self.cookies.set(new_token.text)

    def end_session(self) -> None:
        """Clear the cookie and the token. Later mutations of the operation are not authenticated."""
        self.cookies.clear()
        self.session_token, self.sent_token = None, False


def _required(viewer: Viewer | None) -> Viewer:
    if viewer is None:
        raise UnauthenticatedError
    return viewer
