"""Sessions: how long they are good, and how they end."""

from datetime import timedelta
from uuid import uuid4

import models
from models import SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import CLIENT, TOKEN, Trail, count, refused, sign_in, state, told
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.accounts import delete_user, disable_user
from twofactor.environment import Client, Environment
from twofactor.errors import SessionNotFoundError
from twofactor.login import log_in
from twofactor.results import LoggedIn
from twofactor.sessions import authenticate, find_session, list_sessions, log_out, revoke_session

Event = SecurityEventKind
MICROSECOND = timedelta(microseconds=1)


async def token_of(env: Environment, user: models.User) -> str:
    """The token of a fresh session."""
    answer = await log_in(env, CLIENT, user.email, PASSWORD, TOKEN)
    assert isinstance(answer, LoggedIn)
    return answer.token


class TestAuthenticate:
    async def test_seven_days_idle_end_a_session(self, env: Environment, clock: Clock, member: models.User) -> None:
        """Used within seven days a session goes on; after seven days without use it is over (C9)."""
        token = await token_of(env, member)
        clock.advance(timedelta(days=7) - MICROSECOND)
        assert await authenticate(env, token)
        clock.advance(timedelta(days=7))

        assert await authenticate(env, token) is None

    async def test_thirty_days_end_a_session_however_it_is_used(
        self, env: Environment, clock: Clock, member: models.User
    ) -> None:
        """Used every day a session is good up to its thirtieth day, and not on it (C9)."""
        token = await token_of(env, member)
        begun = clock.now
        for day in range(1, 30):
            clock.now = begun + timedelta(days=day)
            assert await authenticate(env, token), day
        clock.now = begun + timedelta(days=30) - MICROSECOND
        viewer = await authenticate(env, token)
        assert viewer
        assert viewer.session.expires_at == begun + timedelta(days=30)
        clock.advance(MICROSECOND)

        assert await authenticate(env, token) is None

    async def test_last_seen_is_kept_to_the_minute(self, env: Environment, clock: Clock, member: models.User) -> None:
        """Within a minute nothing is written; from a minute on the session was seen now."""
        token = await token_of(env, member)
        begun = clock.now
        clock.advance(timedelta(minutes=1) - MICROSECOND)
        before = await state(env)
        viewer = await authenticate(env, token)
        assert viewer
        assert viewer.session.last_seen_at == begun
        assert await state(env) == before
        clock.advance(MICROSECOND)

        viewer = await authenticate(env, token)

        assert viewer
        assert viewer.session.last_seen_at == clock.now
        assert await count(env, models.Session, last_seen_at=clock.now) == 1

    async def test_a_clock_that_goes_back_keeps_what_was_seen(
        self, env: Environment, clock: Clock, member: models.User
    ) -> None:
        """Ten minutes back a session is still good, and `last_seen_at` does not go back with the clock (A10)."""
        token = await token_of(env, member)
        seen = clock.now
        clock.advance(-timedelta(minutes=10))

        assert await authenticate(env, token)

        assert await count(env, models.Session, last_seen_at=seen) == 1

    async def test_disabled_and_deleted_users_carry_none(
        self, env: Environment, member: models.User, admin: models.User
    ) -> None:
        """Disabling and deleting end every session at once (C8)."""
        tokens = {user.id: await token_of(env, user) for user in (member, admin)}
        await disable_user(env, member.id)
        await delete_user(env, admin.id)

        for token in tokens.values():
            assert await authenticate(env, token) is None

    async def test_a_disabled_user_is_nobody_even_where_a_session_is_left(
        self, env: Environment, member: models.User
    ) -> None:
        """Whether the user is enabled is looked at with every request."""
        token = await token_of(env, member)
        async with env.database.transaction():
            await models.User.filter(id=member.id).update(is_enabled=False)

        assert await authenticate(env, token) is None

    async def test_no_token_at_all(self, env: Environment, viewer: Viewer) -> None:
        """What is no session token is nobody's."""
        for token in ("", "cs_session_", "cs_session_" + "A" * 43, "\ud800", "x" * 1_000_000):
            assert await authenticate(env, token) is None, token[:20]

    async def test_only_hashes_of_tokens_are_kept(self, env: Environment, member: models.User) -> None:
        """No row holds a token."""
        token = await token_of(env, member)

        assert token.removeprefix("cs_session_") not in repr(await state(env))


class TestListSessions:
    async def test_ones_own_that_are_good_the_youngest_first(
        self, env: Environment, clock: Clock, member: models.User, boss: Viewer
    ) -> None:
        """Neither another user's nor what is over is listed, and the one in use is marked."""
        idle = await sign_in(env, member.email)
        clock.advance(timedelta(days=6))
        older = await sign_in(env, member.email, client=Client("2001:db8::1", "Safari"))
        clock.advance(timedelta(days=1))
        newer = await sign_in(env, member.email)

        sessions = await list_sessions(env, newer)

        assert [(session.id, session.current) for session in sessions] == [
            (newer.session.id, True),
            (older.session.id, False),
        ]
        assert (sessions[1].ip_address, sessions[1].user_agent) == ("2001:db8::1", "Safari")
        assert await find_session(env, newer, older.session.id) == sessions[1]
        for other in (idle.session.id, boss.session.id, uuid4()):
            assert await find_session(env, newer, other) is None


class TestLogOut:
    async def test_ends_the_session_once(self, env: Environment, member: models.User, trail: Trail) -> None:
        """The token is no good any more, other sessions are; the event is written once (C9)."""
        token, other = await token_of(env, member), await token_of(env, member)
        viewer = await authenticate(env, token)
        assert viewer
        await trail.news()

        assert (await log_out(env, CLIENT, viewer)).session_id == viewer.session.id
        await log_out(env, CLIENT, viewer)

        assert await authenticate(env, token) is None
        assert await authenticate(env, other)
        assert await trail.news() == told(Event.LOGGED_OUT)

    async def test_without_a_session_answers_the_same(self, env: Environment, trail: Trail) -> None:
        """Who is not signed in may sign out."""
        assert (await log_out(env, CLIENT, None)).session_id is None
        assert await trail.news() == []

    async def test_of_a_deleted_user_ends_nothing(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """Deleted meanwhile, the user is signed out already (C8)."""
        await delete_user(env, viewer.user.id)
        await trail.news()

        await log_out(env, CLIENT, viewer)

        assert await trail.news() == []


class TestRevokeSession:
    async def test_ends_another_of_ones_own(
        self, env: Environment, member: models.User, viewer: Viewer, trail: Trail
    ) -> None:
        """The other session is over at once, this one goes on, and the trail says so."""
        other = await sign_in(env, member.email)
        await trail.news()

        answer = await revoke_session(env, CLIENT, viewer, other.session.id)

        assert (answer.session_id, answer.viewer) == (other.session.id, viewer.user)
        assert [session.id for session in await list_sessions(env, viewer)] == [viewer.session.id]
        assert await trail.news() == told(Event.SESSION_REVOKED)

    async def test_what_one_does_not_have_is_not_found(
        self, env: Environment, clock: Clock, member: models.User, viewer: Viewer, boss: Viewer, trail: Trail
    ) -> None:
        """Unknown, somebody else's, ended and run-out sessions get one answer, and nothing changes."""
        gone = await sign_in(env, member.email)
        await revoke_session(env, CLIENT, viewer, gone.session.id)
        clock.advance(timedelta(days=7))
        new = await sign_in(env, member.email)
        await trail.news()
        before = await state(env)

        for session_id in (uuid4(), boss.session.id, gone.session.id, viewer.session.id, None):
            await refused(revoke_session(env, CLIENT, new, session_id), SessionNotFoundError)

        assert await state(env) == before
        assert await trail.news() == []
