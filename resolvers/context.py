"""What a request brings to its resolvers: who asks, from where, and how a session is carried back."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from strawberry.dataloader import DataLoader

from models import SessionTransport
from twofactor import directory, sessions
from twofactor.access import Viewer, require_admin, require_set_up
from twofactor.environment import Client, Environment
from twofactor.errors import UnauthenticatedError
from twofactor.results import LoggedIn, Page, SecurityEvent, User


class CookieJar(Protocol):
    """Where a session goes that travels in a cookie."""

    def keep(self, session_token: str) -> None:
        """Give the client the cookie."""

    def drop(self) -> None:
        """Take the cookie back."""


# A page of events for each user of a list.
EventsOfUsers: TypeAlias = DataLoader[User, Page[SecurityEvent] | None]


@dataclass
class Context:
    """One request."""

    env: Environment
    client: Client
    cookies: CookieJar
    session_token: str | None = field(repr=False)
    _viewer: Viewer | None = None
    _viewer_is_known: bool = False
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _events_of_users: dict[tuple[Viewer, int, str | None], EventsOfUsers] = field(default_factory=dict)

    async def viewer_or_nobody(self) -> Viewer | None:
        """Who asks; looked up once for all the fields of a query."""
        async with self._looking:
            if not self._viewer_is_known:
                self._viewer = await self.acting_viewer_or_nobody()
                self._viewer_is_known = True
            return self._viewer

    async def viewer(self) -> Viewer:
        """Who asks, also where 2FA has still to be set up.

        Raises:
            UnauthenticatedError: Nobody is signed in.
        """
        return _somebody(await self.viewer_or_nobody())

    async def set_up_viewer(self) -> Viewer:
        """Who asks, with 2FA set up where it is enforced.

        Raises:
            UnauthenticatedError: Nobody is signed in.
            TwoFactorSetupRequiredError: 2FA has to be activated first.
        """
        return require_set_up(await self.viewer())

    async def admin(self) -> Viewer:
        """The admin who asks.

        Raises:
            UnauthenticatedError: Nobody is signed in.
            TwoFactorSetupRequiredError: 2FA has to be activated first.
            ForbiddenError: It is no admin.
        """
        return require_admin(await self.viewer())

    async def acting_viewer_or_nobody(self) -> Viewer | None:
        """Who acts: looked up anew, for an earlier mutation of the same operation may have changed it."""
        self._viewer_is_known = False
        if self.session_token is None:
            return None
        return await sessions.authenticate(self.env, self.session_token)

    async def acting_viewer(self) -> Viewer:
        """Who acts, also where 2FA has still to be set up.

        Raises:
            UnauthenticatedError: Nobody is signed in.
        """
        return _somebody(await self.acting_viewer_or_nobody())

    async def acting_set_up_viewer(self) -> Viewer:
        """Who acts, with 2FA set up where it is enforced.

        Raises:
            UnauthenticatedError: Nobody is signed in.
            TwoFactorSetupRequiredError: 2FA has to be activated first.
        """
        return require_set_up(await self.acting_viewer())

    async def acting_admin(self) -> Viewer:
        """The admin who acts.

        Raises:
            UnauthenticatedError: Nobody is signed in.
            TwoFactorSetupRequiredError: 2FA has to be activated first.
            ForbiddenError: It is no admin.
        """
        return require_admin(await self.acting_viewer())

    def events_of_users(self, asking: Viewer, first: int, after: str | None) -> EventsOfUsers:
        """Where events are read at once for all the users that a field stands in."""
        wanted = (asking, first, after)
        if wanted not in self._events_of_users:

            async def read(users: list[User]) -> list[Page[SecurityEvent] | None]:
                return await directory.list_events_of_users(self.env, asking, users, first, after)

            # Nothing is kept: a later mutation of the operation may add events.
            self._events_of_users[wanted] = DataLoader(read, cache=False)
        return self._events_of_users[wanted]

    def begin(self, logged_in: LoggedIn) -> LoggedIn:
        """Carry a session that began back to the client; the rest of the operation is asked by its user."""
        if logged_in.transport is SessionTransport.COOKIE:
            self.cookies.keep(logged_in.token)
        self.session_token = logged_in.token
        self._viewer = Viewer(logged_in.viewer, logged_in.session)
        self._viewer_is_known = True
        return logged_in

    def end(self, *, last_seen: Viewer | None = None) -> None:
        """The session that the request carried is over. Nobody acts any more.

        What the answer of this very mutation still says is read by `last_seen`, who has just been recognised.
        """
        self.cookies.drop()
        self.session_token = None
        self._viewer = last_seen
        self._viewer_is_known = True


def _somebody(viewer: Viewer | None) -> Viewer:
    if viewer is None:
        raise UnauthenticatedError
    return viewer
