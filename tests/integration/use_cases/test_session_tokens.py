"""The token of a session is replaced after a change. The old one works until the client has the new one."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

import models
from accounts.errors import UnauthenticatedError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.services import Client as RequestClient
from accounts.services import Services
from accounts.session_tokens import MayReplaceToken, SessionToken
from accounts.sessions import LoggedIn, authenticate, log_out
from models import SecurityEventKind, SessionTransport
from models.sql import sessions as statements
from models.sql.execution import execute, select
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    SideEffects,
    account_rows,
    enrol,
    events_of,
    raises,
    start_and_confirm_activation,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.users import NEW_PASSWORD, PASSWORD
from twofactor.activation import TwoFactorActivated, acknowledge_backup_codes, start_activation
from twofactor.confirmation import confirm_otp
from twofactor.login import SecondFactorRequired, log_in
from twofactor.removal import deactivate
from twofactor.second_factor import verify_login

Event = SecurityEventKind
COOKIE = SessionTransport.COOKIE
MICROSECOND = timedelta(microseconds=1)


@dataclass
class Client:
    """A client with a session, which stores the token that it was given last."""

    services: Services
    clock: Clock
    token: SessionToken

    async def viewer(self) -> Viewer:
        """Authenticate with the token."""
        viewer = await authenticate(self.services, self.token.text)
        assert viewer is not None
        return viewer

    @property
    def browser(self) -> RequestClient:
        """The client of a request whose cookie has the token."""
        return replace(CLIENT, cookie_token=self.token.text)

    async def is_logged_in(self, token: SessionToken | None = None) -> bool:
        """Return whether a token works, by default the stored one."""
        return await authenticate(self.services, (token or self.token).text) is not None

    async def change_password(self, current: str = PASSWORD, new: str = NEW_PASSWORD) -> MayReplaceToken:
        """Change the password."""
        return await change_password(self.services, CLIENT, await self.viewer(), current, new, old_token=self.token)

    async def deactivate(self) -> MayReplaceToken:
        """Deactivate 2FA, after its activation."""
        await enrol(self.services, self.clock, await self.viewer())
        return await deactivate(self.services, CLIENT, await self.viewer(), PASSWORD, old_token=self.token)

    async def acknowledge(self) -> MayReplaceToken:
        """Activate 2FA with backup codes."""
        return await (await self.prepare_acknowledgement())()

    async def prepare_acknowledgement(self) -> Callable[[], Awaitable[MayReplaceToken]]:
        """Return the last call of an activation with backup codes, which can be repeated."""
        activation_id, _, _ = await start_and_confirm_activation(self.services, await self.viewer())

        async def acknowledge() -> MayReplaceToken:
            activated = await acknowledge_backup_codes(
                self.services, CLIENT, await self.viewer(), activation_id, old_token=self.token
            )
            assert isinstance(activated, TwoFactorActivated)
            return activated

        return acknowledge

    async def confirm(self) -> MayReplaceToken:
        """Activate 2FA without backup codes."""
        return await (await self.prepare_confirmation())()

    async def prepare_confirmation(self) -> Callable[[], Awaitable[MayReplaceToken]]:
        """Return the last call of an activation without backup codes, which can be repeated."""
        viewer = await self.viewer()
        async with self.services.database.transaction():
            await models.Company.filter(id=viewer.user.company.id).update(backup_codes_enabled=False)
        activation = await start_activation(self.services, CLIENT, viewer, PASSWORD)
        otp = Authenticator.parse(activation.otpauth_uri).otp(self.clock.now)

        async def confirm() -> MayReplaceToken:
            result = await confirm_otp(
                self.services, CLIENT, await self.viewer(), activation.activation_id, otp, old_token=self.token
            )
            assert isinstance(result, TwoFactorActivated)
            return result

        return confirm


@pytest.fixture
async def client(services: Services, clock: Clock, member: models.User) -> Client:
    """Return a client of the member, logged in without 2FA."""
    logged_in = await log_in(services, CLIENT, member.email, PASSWORD, TOKEN)
    assert isinstance(logged_in, LoggedIn)
    return Client(services, clock, SessionToken(logged_in.token, TOKEN))


CHANGES: list[Callable[[Client], Awaitable[MayReplaceToken]]] = [
    Client.change_password,
    Client.deactivate,
    Client.acknowledge,
    Client.confirm,
]
REPEATABLE = [Client.prepare_acknowledgement, Client.prepare_confirmation]


def new_token_of(result: MayReplaceToken) -> SessionToken:
    """Return the new token, which must exist."""
    assert result.new_token is not None
    return result.new_token


class TestReplacedToken:
    @pytest.mark.attack("C13")
    @pytest.mark.parametrize("change", CHANGES)
    async def test_old_token_works_until_the_new_one_is_used(
        self, client: Client, change: Callable[[Client], Awaitable[MayReplaceToken]]
    ) -> None:
        """Requests under way finish with the old token. The session stays the same, and both tokens are its tokens."""
        session_id = (await client.viewer()).session.id
        old = client.token
        new = new_token_of(await change(client))
        assert new.text != old.text
        assert await client.is_logged_in(old)
        assert await client.is_logged_in(old)

        viewer = await authenticate(client.services, new.text)

        assert viewer
        assert viewer.session.id == session_id
        assert not await client.is_logged_in(old)
        assert await client.is_logged_in(new)

    @pytest.mark.attack("C13")
    async def test_old_token_works_for_sixty_seconds_at_most(self, client: Client, clock: Clock) -> None:
        """The new one works after that too."""
        new = new_token_of(await client.change_password())
        clock.advance(timedelta(seconds=60) - MICROSECOND)
        assert await client.is_logged_in()
        clock.advance(MICROSECOND)

        assert not await client.is_logged_in()
        assert await client.is_logged_in(new)

    @pytest.mark.attack("A10")
    async def test_old_token_does_not_outlive_a_clock_jump(self, client: Client, clock: Clock) -> None:
        """The clock was a day ahead when the token was replaced."""
        clock.advance(timedelta(days=1))
        await client.change_password()
        clock.advance(-timedelta(days=1))

        assert not await client.is_logged_in()

    async def test_change_without_a_token_replaces_nothing(self, services: Services, client: Client) -> None:
        """A bearer client keeps its token unless it asks for a new one."""
        before = (await account_rows(services))["session"]

        changed = await change_password(services, CLIENT, await client.viewer(), PASSWORD, NEW_PASSWORD)

        assert (changed.new_token, changed.session_token) == (None, None)
        assert (await account_rows(services))["session"] == before

    async def test_first_use_of_the_new_token_writes_once(
        self, services: Services, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Later requests only read."""
        new = new_token_of(await client.change_password())
        assert await client.is_logged_in(new)
        before = await account_rows(services)

        async def fail(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr("accounts.sessions.end_previous_token", fail)

        assert await client.is_logged_in(new)
        assert await account_rows(services) == before

    async def test_second_change_with_the_old_token_invalidates_the_first_new_one(
        self, client: Client, clock: Clock
    ) -> None:
        """Only one new token exists, and the old one does not live longer."""
        first = new_token_of(await client.change_password())
        clock.advance(timedelta(seconds=40))
        second = new_token_of(await client.change_password(NEW_PASSWORD, PASSWORD))

        assert not await client.is_logged_in(first)
        assert await client.is_logged_in()
        clock.advance(timedelta(seconds=20))
        assert not await client.is_logged_in()
        assert await client.is_logged_in(second)

    @pytest.mark.attack("C13")
    async def test_request_under_way_cannot_replace_a_token_that_is_in_use(
        self, services: Services, client: Client
    ) -> None:
        """Otherwise a copy of the old token would work again, and the owner's token would not."""
        stale = await client.viewer()
        new = new_token_of(await client.change_password())
        assert await client.is_logged_in(new)
        before = await account_rows(services)

        again = change_password(services, CLIENT, stale, NEW_PASSWORD, PASSWORD, old_token=client.token)
        await raises(again, UnauthenticatedError)

        assert await account_rows(services) == before

    @pytest.mark.attack("C9")
    async def test_both_tokens_end_with_the_session(self, services: Services, client: Client) -> None:
        """A logout with either token ends the session."""
        new = new_token_of(await client.change_password())

        await log_out(services, CLIENT, await client.viewer())

        assert not await client.is_logged_in()
        assert not await client.is_logged_in(new)

    async def test_database_and_repr_contain_no_token(self, services: Services, client: Client) -> None:
        """The row has a salt, from which nobody can derive the new token without the old one."""
        changed = await client.change_password()
        new = new_token_of(changed)

        stored = repr(await account_rows(services))

        for token in (client.token, new):
            assert token.text.removeprefix("cs_session_") not in stored + repr(changed) + repr(token)


class TestRepeatedCall:
    @pytest.mark.parametrize("prepare", REPEATABLE)
    async def test_returns_the_same_new_token_again(
        self,
        client: Client,
        clock: Clock,
        prepare: Callable[[Client], Awaitable[Callable[[], Awaitable[MayReplaceToken]]]],
    ) -> None:
        """The client has lost the first answer, or has sent the call twice. It works with either answer."""
        call = await prepare(client)
        first = await call()
        clock.advance(timedelta(seconds=60) - MICROSECOND)

        again = await call()

        assert new_token_of(again) == new_token_of(first)
        assert await client.is_logged_in(again.new_token)
        assert not await client.is_logged_in()

    @pytest.mark.parametrize("prepare", REPEATABLE)
    async def test_with_the_new_token_replaces_it(
        self, client: Client, prepare: Callable[[Client], Awaitable[Callable[[], Awaitable[MayReplaceToken]]]]
    ) -> None:
        """The first answer has arrived."""
        call = await prepare(client)
        client.token = new_token_of(await call())

        newest = new_token_of(await call())

        assert newest != client.token
        assert await client.is_logged_in(newest)
        assert not await client.is_logged_in()


class TestSecondFactorOfTheSession:
    @pytest.mark.parametrize("activate", [Client.acknowledge, Client.confirm])
    async def test_session_that_activated_2fa_has_its_factor(
        self, client: Client, activate: Callable[[Client], Awaitable[MayReplaceToken]]
    ) -> None:
        """The user has confirmed an OTP in it."""
        assert (await client.viewer()).session.second_factor is None

        await activate(client)

        assert (await client.viewer()).session.second_factor == "OTP"


class TestLoginOverACookie:
    @pytest.mark.attack("C6")
    async def test_ends_the_session_of_the_cookie(
        self, services: Services, client: Client, admin: models.User, side_effects: SideEffects
    ) -> None:
        """The browser would forget its token. The session can belong to another user, whose event it is."""
        await side_effects.new()

        await log_in(services, client.browser, admin.email, PASSWORD, COOKIE)

        assert not await client.is_logged_in()
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED, Event.LOGGED_OUT)
        (event,) = await events_of(services, Event.LOGGED_OUT)
        assert event.user_id != admin.id

    @pytest.mark.attack("C6")
    async def test_second_step_of_a_login_ends_it(self, services: Services, client: Client, clock: Clock) -> None:
        """The first step does not, because nobody is logged in yet."""
        enrolled = await enrol(services, clock, await client.viewer())
        email = enrolled.viewer.user.email
        challenge = await log_in(services, client.browser, email, PASSWORD, COOKIE)
        assert isinstance(challenge, SecondFactorRequired)
        assert await client.is_logged_in()

        await verify_login(
            services,
            client.browser,
            challenge.challenge_token,
            kind="OTP",
            text=enrolled.authenticator.otp(clock.now),
        )

        assert not await client.is_logged_in()

    async def test_ends_nothing_for_a_bearer_client(self, services: Services, client: Client) -> None:
        """The cookie stays as it is."""
        email = (await client.viewer()).user.email

        await log_in(services, client.browser, email, PASSWORD, TOKEN)

        assert await client.is_logged_in()

    @pytest.mark.parametrize("token", ["", "\ud800", "cs_session_" + "A" * 43])
    async def test_unknown_token_ends_nothing(
        self, services: Services, client: Client, side_effects: SideEffects, token: str
    ) -> None:
        """No event is recorded for it."""
        email = (await client.viewer()).user.email
        await side_effects.new()

        await log_in(services, replace(CLIENT, cookie_token=token), email, PASSWORD, COOKIE)

        assert await client.is_logged_in()
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED)

    @pytest.mark.attack("C13")
    async def test_replaced_token_ends_nothing(self, services: Services, client: Client) -> None:
        """Whoever has a copy of an old token cannot end the session."""
        email = (await client.viewer()).user.email
        new = new_token_of(await client.change_password())
        assert await client.is_logged_in(new)

        await log_in(services, client.browser, email, NEW_PASSWORD, COOKIE)

        assert await client.is_logged_in(new)

    async def test_expired_session_gets_no_event(
        self, services: Services, client: Client, clock: Clock, side_effects: SideEffects
    ) -> None:
        """It has ended before."""
        email = (await client.viewer()).user.email
        clock.advance(timedelta(days=7))
        await side_effects.new()

        await log_in(services, client.browser, email, PASSWORD, COOKIE)

        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED)

    async def test_two_users_who_take_over_each_others_browser_do_not_deadlock(
        self, services: Services, member: models.User, admin: models.User
    ) -> None:
        """Each login locks its user, and then ends the session of the other one."""
        pair = [(member.email, admin.email), (admin.email, member.email)]
        for _ in range(5):
            held = [await log_in(services, CLIENT, email, PASSWORD, COOKIE) for email, _ in pair]
            tokens = [session.token for session in held if isinstance(session, LoggedIn)]
            await asyncio.gather(
                *(
                    log_in(services, replace(CLIENT, cookie_token=token), other, PASSWORD, COOKIE)
                    for token, (_, other) in zip(tokens, pair, strict=True)
                )
            )
            assert [await authenticate(services, token) for token in tokens] == [None, None]


class TestSessionToken:
    def test_token_in_a_cookie_is_not_in_the_answer(self) -> None:
        """Scripts must not read it. A bearer client has to store it."""
        in_cookie, bearer = (SessionToken("text", transport) for transport in (SessionTransport.COOKIE, TOKEN))

        assert MayReplaceToken(new_token=in_cookie).session_token is None
        assert MayReplaceToken(new_token=bearer).session_token == "text"


async def test_session_is_found_by_the_indexes_of_both_tokens(services: Services) -> None:
    """Each request finds its session. It reads no other row of the table."""
    find = statements.FIND_SESSION.format(columns="session.id", has_token=statements.HAS_TOKEN)
    for number, value in enumerate(("hash", "2026-11-24 13:00:00+00:00", "2026-11-24 14:00:00+00:00"), 1):
        find = find.replace(f"${number}", f"'{value}'")
    async with services.database.transaction():
        if services.database.dialect == "sqlite":
            plan = "\n".join(row["detail"] for row in await select(f"EXPLAIN QUERY PLAN {find}"))
            index_of_tokens = "sqlite_autoindex_session_2"
        else:
            # PostgreSQL uses a disabled plan node only if there is no other way. The table has no rows.
            await execute("SET LOCAL enable_seqscan = off")
            plan = "\n".join(row["QUERY PLAN"] for row in await select(f"EXPLAIN {find}"))
            index_of_tokens = "session_token_hash_key"

    assert index_of_tokens in plan
    assert "session_by_previous_token" in plan
    assert not re.search("(SCAN|Seq Scan on) session", plan), plan
