"""Sessions: when they expire and how they end."""

from datetime import timedelta
from uuid import uuid4

import pytest

import models
from accounts.errors import (
    CannotEndOwnSessionsError,
    ForbiddenError,
    SessionNotFoundError,
    UnauthenticatedError,
    UserNotFoundError,
    WrongPasswordError,
)
from accounts.permissions import Viewer
from accounts.services import Client, Services
from accounts.sessions import (
    LoggedIn,
    authenticate,
    end_user_sessions,
    find_session,
    list_sessions,
    log_out,
    revoke_other_sessions,
    revoke_session,
)
from accounts.users import delete_user, disable_user
from models import SecurityEventKind
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    SideEffects,
    account_rows,
    count_rows,
    emails_of,
    events_of,
    new_challenge,
    raises,
    sign_in,
    sign_in_with_otp,
    verify_otp,
)
from tests.support.clock import Clock
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor.activation import start_activation
from twofactor.errors import ChallengeExpiredError
from twofactor.login import log_in

Event = SecurityEventKind
MICROSECOND = timedelta(microseconds=1)


async def token_of(services: Services, user: models.User) -> str:
    """Return the token of a new session."""
    answer = await log_in(services, CLIENT, user.email, PASSWORD, TOKEN)
    assert isinstance(answer, LoggedIn)
    return answer.token


class TestAuthenticate:
    @pytest.mark.attack("C9")
    async def test_session_expires_after_seven_days_without_use(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Each use starts the seven days again."""
        token = await token_of(services, member)
        clock.advance(timedelta(days=7) - MICROSECOND)
        assert await authenticate(services, token)
        clock.advance(timedelta(days=7))

        assert await authenticate(services, token) is None

    @pytest.mark.attack("C9")
    async def test_session_expires_after_thirty_days(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Daily use does not extend this limit."""
        token = await token_of(services, member)
        start = clock.now
        for day in range(1, 30):
            clock.now = start + timedelta(days=day)
            assert await authenticate(services, token), day
        clock.now = start + timedelta(days=30) - MICROSECOND
        viewer = await authenticate(services, token)
        assert viewer
        assert viewer.session.expires_at == start + timedelta(days=30)
        clock.advance(MICROSECOND)

        assert await authenticate(services, token) is None

    async def test_updates_last_seen_once_a_minute(self, services: Services, clock: Clock, member: models.User) -> None:
        """Within one minute the server writes nothing."""
        token = await token_of(services, member)
        start = clock.now
        clock.advance(timedelta(minutes=1) - MICROSECOND)
        before = await account_rows(services)
        viewer = await authenticate(services, token)
        assert viewer
        assert viewer.session.last_seen_at == start
        assert await account_rows(services) == before
        clock.advance(MICROSECOND)

        viewer = await authenticate(services, token)

        assert viewer
        assert viewer.session.last_seen_at == clock.now
        assert await count_rows(services, models.Session, last_seen_at=clock.now) == 1

    @pytest.mark.attack("A10")
    async def test_clock_that_goes_back_does_not_change_last_seen(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """If the clock goes back ten minutes, the session is still valid."""
        token = await token_of(services, member)
        start = clock.now
        clock.advance(-timedelta(minutes=10))

        assert await authenticate(services, token)

        assert await count_rows(services, models.Session, last_seen_at=start) == 1

    @pytest.mark.attack("C8")
    async def test_disabling_and_deleting_a_user_end_every_session(
        self, services: Services, member: models.User, admin: models.User
    ) -> None:
        """The tokens stop working at once."""
        tokens = {user.id: await token_of(services, user) for user in (member, admin)}
        await disable_user(services, member.id)
        await delete_user(services, admin.id, force=True)

        for token in tokens.values():
            assert await authenticate(services, token) is None

    async def test_disabled_user_is_not_authenticated(self, services: Services, member: models.User) -> None:
        """The server checks this with every request, even if a session still exists."""
        token = await token_of(services, member)
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(is_enabled=False)

        assert await authenticate(services, token) is None

    async def test_invalid_token_is_not_authenticated(self, services: Services, viewer: Viewer) -> None:
        """This includes an unknown token of the right format."""
        for token in ("", "cs_session_", "cs_session_" + "A" * 43, "\ud800", "x" * 1_000_000):
            assert await authenticate(services, token) is None, token[:20]

    async def test_stores_only_the_hash_of_a_token(self, services: Services, member: models.User) -> None:
        """No row contains the token."""
        token = await token_of(services, member)

        assert token.removeprefix("cs_session_") not in repr(await account_rows(services))


class TestSessionLimit:
    async def test_new_session_ends_the_one_that_was_unused_for_longest(
        self, services: Services, clock: Clock, member: models.User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A user has a limited number of sessions (ASVS 7.1.2)."""
        monkeypatch.setattr("accounts.sessions.SESSIONS_PER_USER", 2)
        oldest, newer = await token_of(services, member), await token_of(services, member)
        clock.advance(timedelta(hours=1))
        assert await authenticate(services, oldest)

        newest = await token_of(services, member)

        alive = [await authenticate(services, token) is not None for token in (oldest, newer, newest)]
        assert alive == [True, False, True]


class TestListSessions:
    async def test_lists_own_live_sessions_newest_first(
        self, services: Services, clock: Clock, member: models.User, admin_viewer: Viewer
    ) -> None:
        """Expired sessions and those of other users are not listed. The current one is marked."""
        idle = await sign_in(services, member.email)
        clock.advance(timedelta(days=6))
        older = await sign_in(services, member.email, client=Client("2001:db8::1", "Safari"))
        clock.advance(timedelta(days=1))
        newer = await sign_in(services, member.email)

        sessions = await list_sessions(services, newer)

        assert [(session.id, session.current) for session in sessions] == [
            (newer.session.id, True),
            (older.session.id, False),
        ]
        assert (sessions[1].ip_address, sessions[1].user_agent) == ("2001:db8::1", "Safari")
        assert await find_session(services, newer, older.session.id) == sessions[1]
        for other in (idle.session.id, admin_viewer.session.id, uuid4()):
            assert await find_session(services, newer, other) is None


class TestLogOut:
    @pytest.mark.attack("C9")
    async def test_ends_the_session_and_records_one_event(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """Other sessions continue. A second logout records nothing."""
        token, other = await token_of(services, member), await token_of(services, member)
        viewer = await authenticate(services, token)
        assert viewer
        await side_effects.new()

        assert (await log_out(services, CLIENT, viewer)).session_id == viewer.session.id
        await log_out(services, CLIENT, viewer)

        assert await authenticate(services, token) is None
        assert await authenticate(services, other)
        assert await side_effects.new() == side_effects.expected(Event.LOGGED_OUT)

    async def test_succeeds_without_a_session(self, services: Services, side_effects: SideEffects) -> None:
        """The result has no session id, and no event is recorded."""
        assert (await log_out(services, CLIENT, None)).session_id is None
        assert await side_effects.new() == []

    @pytest.mark.attack("C8")
    async def test_records_no_event_for_a_deleted_user(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The deletion already ended the session."""
        await delete_user(services, viewer.user.id)
        await side_effects.new()

        await log_out(services, CLIENT, viewer)

        assert await side_effects.new() == []


class TestRevokeSession:
    async def test_ends_another_session_of_the_user(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The current session continues, and one event is recorded."""
        other = await sign_in(services, member.email)
        await side_effects.new()

        answer = await revoke_session(services, CLIENT, viewer, other.session.id)

        assert (answer.session_id, answer.viewer) == (other.session.id, viewer.user)
        assert [session.id for session in await list_sessions(services, viewer)] == [viewer.session.id]
        assert await side_effects.new() == side_effects.expected(Event.SESSION_REVOKED)

    async def test_rejects_a_session_that_is_not_live_or_not_own(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        viewer: Viewer,
        admin_viewer: Viewer,
        side_effects: SideEffects,
    ) -> None:
        """Unknown, ended and expired sessions and those of other users return the same error."""
        ended = await sign_in(services, member.email)
        await revoke_session(services, CLIENT, viewer, ended.session.id)
        clock.advance(timedelta(days=7))
        new = await sign_in(services, member.email)
        await side_effects.new()
        before = await account_rows(services)

        for session_id in (uuid4(), admin_viewer.session.id, ended.session.id, viewer.session.id, None):
            await raises(revoke_session(services, CLIENT, new, session_id), SessionNotFoundError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []


class TestRevokeOtherSessions:
    async def test_ends_all_sessions_except_the_current_one(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """One event is recorded. Sessions of other users continue."""
        for _ in range(3):
            await sign_in(services, member.email)
        await side_effects.new()

        answer = await revoke_other_sessions(services, CLIENT, viewer)

        assert answer.viewer == viewer.user
        assert [session.id for session in await list_sessions(services, viewer)] == [viewer.session.id]
        assert await list_sessions(services, admin_viewer)
        assert await side_effects.new() == side_effects.expected(Event.SESSIONS_REVOKED)
        (event,) = await events_of(services, Event.SESSIONS_REVOKED)
        assert (event.user_id, event.actor_id) == (member.id, None)

    async def test_without_another_session_records_nothing(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The result is the same."""
        await side_effects.new()

        assert (await revoke_other_sessions(services, CLIENT, viewer)).viewer == viewer.user

        assert await side_effects.new() == []

    async def test_rejects_a_session_that_has_ended(
        self, services: Services, member: models.User, viewer: Viewer
    ) -> None:
        """A thief whose session was just revoked cannot end that of the owner."""
        other = await sign_in(services, member.email)
        await revoke_session(services, CLIENT, other, viewer.session.id)

        await raises(revoke_other_sessions(services, CLIENT, viewer), UnauthenticatedError)

        assert await list_sessions(services, other)


class TestEndUserSessions:
    @pytest.mark.attack("I9")
    async def test_ends_everything_that_is_open(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Also without 2FA. The event has the actor, and the user gets an email. The admin stays logged in."""
        await start_activation(services, CLIENT, viewer, PASSWORD)
        await side_effects.new()

        answer = await end_user_sessions(services, CLIENT, admin_viewer, member.id, PASSWORD)

        assert answer.user.id == member.id
        for table in (models.Session, models.Challenge, models.Activation):
            assert await count_rows(services, table, user_id=member.id) == 0
        assert await list_sessions(services, admin_viewer)
        assert await side_effects.new() == side_effects.expected(Event.SESSIONS_REVOKED, "sessions_revoked")
        (event,) = await events_of(services, Event.SESSIONS_REVOKED)
        assert (event.user_id, event.actor_id) == (member.id, admin_viewer.user.id)
        (email,) = await emails_of(services, "sessions_revoked")
        assert (email.recipient_email, email.facts["admin"]) == (member.email, admin_viewer.user.name)

    @pytest.mark.attack("I9")
    async def test_keeps_2fa_and_ends_a_login_under_way(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The user can log in again with the same second factor."""
        challenge = await new_challenge(services, member.email)

        await end_user_sessions(services, CLIENT, admin_viewer, member.id, PASSWORD)

        otp = enrolled.authenticator.otp(services.now())
        await raises(verify_otp(services, challenge, otp), ChallengeExpiredError)
        await sign_in_with_otp(services, member.email, enrolled.authenticator)

    @pytest.mark.attack("I9")
    async def test_rejects_users_of_other_companies_and_oneself(
        self,
        services: Services,
        viewer: Viewer,
        admin_viewer: Viewer,
        other_company_admin: models.User,
        side_effects: SideEffects,
    ) -> None:
        """Unknown users and users of other company accounts return the same error. Nothing changes."""
        await sign_in(services, other_company_admin.email)
        await side_effects.new()
        before = await account_rows(services)

        for user_id in (other_company_admin.id, uuid4(), None):
            attempt = end_user_sessions(services, CLIENT, admin_viewer, user_id, PASSWORD)
            await raises(attempt, UserNotFoundError)
        own = end_user_sessions(services, CLIENT, admin_viewer, admin_viewer.user.id, PASSWORD)
        await raises(own, CannotEndOwnSessionsError)
        await raises(end_user_sessions(services, CLIENT, viewer, admin_viewer.user.id, PASSWORD), ForbiddenError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("I9")
    async def test_requires_the_password(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A wrong one uses one attempt and records an event."""
        await side_effects.new()

        attempt = end_user_sessions(services, CLIENT, admin_viewer, member.id, WRONG_PASSWORD)

        assert (await raises(attempt, WrongPasswordError)).attempts_remaining == 4
        assert await list_sessions(services, viewer)
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)
