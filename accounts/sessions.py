"""Start, authenticate, list and end sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import models
from accounts import audit
from accounts.entities import Session, User
from accounts.errors import CannotEndOwnSessionsError, SessionNotFoundError
from accounts.event_facts import EventFacts
from accounts.known_devices import SignInDevice
from accounts.permissions import Viewer
from accounts.reauthentication import (
    end_challenges_and_activations,
    end_other_sessions,
    lock_viewer,
)
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    require_second_factor,
)
from accounts.services import Client, Services
from accounts.session_tokens import latest_end_of_previous_token
from accounts.users_of_admins import locked_user_of_admin
from mail import emails, outbox
from models import SecurityEventContext, SecurityEventKind, SessionTransport
from models.sql.counts import count_for_each
from models.sql.sessions import (
    delete_least_used_sessions,
    delete_live_session,
    end_previous_token,
    insert_session,
    keep_owner_of_session,
)
from models.sql.sessions import find_session as find_session_row
from models.sql.users import lock_user, record_sign_in
from security.constants import (
    CLOCK_SLACK,
    LAST_SEEN_PRECISION,
    SESSION_IDLE_LIFETIME,
    SESSION_LIFETIME,
    SESSIONS_PER_USER,
)
from security.tokens import TokenKind, token_hash


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server started a session."""

    token: str = field(repr=False)
    transport: SessionTransport
    session: Session
    viewer: User
    device: SignInDevice


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session of the request has ended. `session_id` is None if the request had no session."""

    session_id: UUID | None


@dataclass(frozen=True, slots=True)
class SessionRevoked:
    """A session of the viewer has ended."""

    session_id: UUID
    viewer: User


@dataclass(frozen=True, slots=True)
class OtherSessionsRevoked:
    """All sessions of the viewer except the current one have ended."""

    viewer: User


@dataclass(frozen=True, slots=True)
class UserSessionsEnded:
    """All sessions of another user have ended."""

    user: User
    # The admin, whose second factor may have been used up.
    viewer: User


async def start_session(  # noqa: PLR0913  # each is a fact of the session
    services: Services,
    client: Client,
    user: models.User,
    company: models.Company,
    *,
    transport: SessionTransport,
    second_factor: str | None,
    device: SignInDevice,
) -> LoggedIn:
    """Start a session with a new token (ASVS 7.2.4) for a user whose row is locked.

    If the new session is in a cookie, end the session that the cookie held before.
    """
    now = services.now()
    replaced = (
        token_hash(TokenKind.SESSION, client.cookie_token or "") if transport is SessionTransport.COOKIE else None
    )
    if replaced is not None:
        await _end_replaced_session(client, replaced, now)
    token = services.new_token(TokenKind.SESSION)
    session = Session(
        id=uuid4(),
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_LIFETIME,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        current=True,
        second_factor=second_factor,
        device_id=device.id,
    )
    await delete_least_used_sessions(user.id, keep=SESSIONS_PER_USER - 1)
    await insert_session(
        id=session.id,
        token_hash=token_hash(TokenKind.SESSION, token),
        previous_token_hash=replaced,
        user_id=user.id,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        second_factor=session.second_factor,
        device_id=session.device_id,
    )
    user.last_login_at = now
    user.locale = user.locale or client.locale
    if second_factor is not None:
        user.two_factor_last_used_at = now
    await record_sign_in(
        user.id,
        last_login_at=user.last_login_at,
        locale=user.locale,
        two_factor_last_used_at=user.two_factor_last_used_at,
        backup_codes_remaining=user.backup_codes_remaining,
    )
    facts = EventFacts(second_factor)
    await audit.record(SecurityEventKind.LOGIN_SUCCEEDED, user=user, client=client, now=now, facts=facts)
    return LoggedIn(token, transport, session, User.of(user, company), device)


async def _end_replaced_session(client: Client, hashed: str, now: datetime) -> None:
    """End the session that a cookie held before. It may belong to another user."""
    latest = latest_end_of_previous_token(now)
    owner = await keep_owner_of_session(hashed, now, latest=latest)
    if owner and await delete_live_session(hashed, now, latest=latest, idle_since=now - SESSION_IDLE_LIFETIME):
        facts = EventFacts(during=SecurityEventContext.LOGIN)
        await audit.record(SecurityEventKind.LOGGED_OUT, user=owner, client=client, now=now, facts=facts)


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Who has a session token."""

    # None if the token is not that of a live session.
    viewer: Viewer | None
    # Whether the client has got another token instead: by a login in the same browser, or by a change.
    is_replaced: bool = False


async def authenticate(services: Services, token: str) -> Viewer | None:
    """Return the viewer with this session token, or None if the token is not that of a live session."""
    return (await check_token(services, token)).viewer


async def check_token(services: Services, token: str) -> TokenCheck:
    """Return the viewer with this session token, and whether the token was replaced."""
    hashed = token_hash(TokenKind.SESSION, token)
    if hashed is None:
        return TokenCheck(None)
    now = services.now()
    async with services.database.reading():
        found = await find_session_row(hashed, now, latest=latest_end_of_previous_token(now))
        if found is None:
            return TokenCheck(None)
        session, user, company, is_valid = found
        if not is_valid:
            return TokenCheck(None, is_replaced=True)
        if not _is_live(session, now) or not user.is_enabled:
            return TokenCheck(None)
    if session.previous_valid_until is not None and session.token_hash == hashed:
        # The client has received the new token, so the replaced one stops working.
        async with services.database.transaction():
            await end_previous_token(session.id, hashed)
    if now - session.last_seen_at >= LAST_SEEN_PRECISION:
        # Not while reading: on SQLite, a write can wait for other processes, and would keep one of few readers.
        async with services.database.transaction():
            await models.Session.filter(id=session.id, last_seen_at__lt=now).update(last_seen_at=now)
        session.last_seen_at = now
    return TokenCheck(Viewer(User.of(user, company), Session.of(session, current=True)))


async def list_sessions(services: Services, viewer: Viewer) -> tuple[Session, ...]:
    """Return the viewer's live sessions, newest first."""
    live = live_sessions(services.now())
    async with services.database.reading():
        rows = await models.Session.filter(user_id=viewer.user.id, **live).order_by("-created_at", "-id")
    return tuple(Session.of(row, current=row.id == viewer.session.id) for row in rows)


async def count_sessions(services: Services, users: Sequence[User]) -> list[int]:
    """Return the number of live sessions of each user, in one SQL statement."""
    live = models.Session.filter(**live_sessions(services.now()))
    async with services.database.reading():
        return await count_for_each(live, [user.id for user in users])


def live_sessions(now: datetime, prefix: str = "") -> dict[str, datetime]:
    """Return the filters for sessions that are live. `prefix` is the path from the filtered table to the sessions."""
    return {
        f"{prefix}created_at__lte": now + CLOCK_SLACK,
        f"{prefix}expires_at__gt": now,
        f"{prefix}last_seen_at__gt": now - SESSION_IDLE_LIFETIME,
    }


async def find_session(services: Services, viewer: Viewer, session_id: UUID) -> Session | None:
    """Return one of the viewer's live sessions, or None."""
    sessions = await list_sessions(services, viewer)
    return next((session for session in sessions if session.id == session_id), None)


async def log_out(services: Services, client: Client, viewer: Viewer | None) -> LoggedOut:
    """End the session of the request, if there is one."""
    if viewer is None:
        return LoggedOut(None)
    async with services.database.transaction():
        await _end(services, client, viewer, viewer.session.id, SecurityEventKind.LOGGED_OUT)
    return LoggedOut(viewer.session.id)


async def revoke_session(services: Services, client: Client, viewer: Viewer, session_id: UUID | None) -> SessionRevoked:
    """End one of the viewer's sessions.

    Raises:
        SessionNotFoundError: The viewer has no such session.
    """
    async with services.database.transaction():
        if session_id is None or not await _end(
            services, client, viewer, session_id, SecurityEventKind.SESSION_REVOKED
        ):
            raise SessionNotFoundError
    return SessionRevoked(session_id, viewer.user)


async def revoke_other_sessions(services: Services, client: Client, viewer: Viewer) -> OtherSessionsRevoked:
    """End all sessions of the viewer except the current one."""
    async with services.database.transaction():
        account = await lock_viewer(viewer)
        if await end_other_sessions(account.session):
            await audit.record(SecurityEventKind.SESSIONS_REVOKED, user=account.user, client=client, now=services.now())
        return OtherSessionsRevoked(account.viewer.user)


async def end_user_sessions(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    user_id: UUID | None,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> UserSessionsEnded:
    """End all sessions, challenges and activations of another user of the admin's company account.

    The user's 2FA and password do not change. The user gets an email, unless they are disabled.

    Raises:
        WrongPasswordError: The admin's password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        UserNotFoundError: The company account has no such user.
        CannotEndOwnSessionsError: The user is the admin.
        SecondFactorNeededError: The company account requires the admin's second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        ForbiddenError: The viewer is no longer an admin.
    """
    async with locked_user_of_admin(
        services, client, viewer, user_id, password, second_factor, unknown_user_event="sessions_of_unknown_user"
    ) as (account, user):
        if user.id == account.user.id:
            raise CannotEndOwnSessionsError
        await require_second_factor(services, client, account, second_factor)
        now = services.now()
        await models.Session.filter(user_id=user.id).delete()
        await end_challenges_and_activations(user.id)
        await audit.record(SecurityEventKind.SESSIONS_REVOKED, user=user, actor=account.user, client=client, now=now)
        # A disabled user had no session, and cannot log in again.
        if user.is_enabled:
            await outbox.enqueue(emails.sessions_revoked(at=now, admin=account.user.name), to=user, now=now)
        return UserSessionsEnded(User.of(user, account.company), account.viewer.user)


async def _end(services: Services, client: Client, viewer: Viewer, session_id: UUID, kind: SecurityEventKind) -> bool:
    now = services.now()
    user = await lock_user(viewer.user.id)
    ended = await models.Session.filter(
        id=session_id, user_id=viewer.user.id, expires_at__gt=now, last_seen_at__gt=now - SESSION_IDLE_LIFETIME
    ).delete()
    if ended:
        await audit.record(kind, user=user, client=client, now=now)
    return ended == 1


def _is_live(session: models.Session, now: datetime) -> bool:
    is_trusted = session.created_at <= now + CLOCK_SLACK
    return is_trusted and now < session.expires_at and now - session.last_seen_at < SESSION_IDLE_LIFETIME
