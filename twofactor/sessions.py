"""Sessions: how they begin, are recognised, and end."""

from datetime import datetime
from uuid import UUID

import models
from models import SecondFactorMethod, SecurityEventKind, SessionTransport
from twofactor import audit
from twofactor.access import Viewer
from twofactor.acting import lock_user
from twofactor.environment import Client, Environment
from twofactor.errors import SessionNotFoundError
from twofactor.results import LoggedIn, LoggedOut, Session, SessionRevoked, User
from twofactor.rules.policy import LAST_SEEN_PRECISION, SESSION_IDLE_LIFETIME, SESSION_LIFETIME
from twofactor.rules.tokens import TokenKind, token_hash


async def begin_session(  # noqa: PLR0913  # each is a fact of the session
    env: Environment,
    client: Client,
    user: models.User,
    company: models.Company,
    *,
    transport: SessionTransport,
    second_factor: SecondFactorMethod | None,
) -> LoggedIn:
    """Sign in the user, whose row is locked, with a token that nobody has seen before (ASVS 7.2.4)."""
    now = env.now()
    token = env.new_token(TokenKind.SESSION)
    session = await models.Session.create(
        token_hash=token_hash(TokenKind.SESSION, token),
        user_id=user.id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_LIFETIME,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        second_factor=second_factor,
    )
    user.last_login_at = now
    user.locale = user.locale or client.locale
    if second_factor is not None:
        user.two_factor_last_used_at = now
    await user.save(update_fields=["last_login_at", "locale", "two_factor_last_used_at", "backup_codes_remaining"])
    await audit.record(
        SecurityEventKind.LOGIN_SUCCEEDED, user=user, client=client, now=now, note=second_factor and second_factor.value
    )
    return LoggedIn(token, transport, Session.of(session, current=True), User.of(user, company))


async def authenticate(env: Environment, token: str) -> Viewer | None:
    """Who carries this session token; None where it is no good, or no session token at all."""
    hashed = token_hash(TokenKind.SESSION, token)
    if hashed is None:
        return None
    now = env.now()
    async with env.database.reading():
        session = await models.Session.filter(token_hash=hashed).select_related("user__company").first()
        if session is None or not _is_live(session, now) or not session.user.is_enabled:
            return None
        if now - session.last_seen_at >= LAST_SEEN_PRECISION:
            await models.Session.filter(id=session.id, last_seen_at__lt=now).update(last_seen_at=now)
            session.last_seen_at = now
    return Viewer(User.of(session.user, session.user.company), Session.of(session, current=True))


async def list_sessions(env: Environment, viewer: Viewer) -> tuple[Session, ...]:
    """The viewer's sessions that are still good, the youngest first."""
    now = env.now()
    async with env.database.reading():
        rows = await models.Session.filter(
            user_id=viewer.user.id, expires_at__gt=now, last_seen_at__gt=now - SESSION_IDLE_LIFETIME
        ).order_by("-created_at", "-id")
    return tuple(Session.of(row, current=row.id == viewer.session.id) for row in rows)


async def find_session(env: Environment, viewer: Viewer, session_id: UUID) -> Session | None:
    """One of the viewer's sessions that are still good."""
    sessions = await list_sessions(env, viewer)
    return next((session for session in sessions if session.id == session_id), None)


async def log_out(env: Environment, client: Client, viewer: Viewer | None) -> LoggedOut:
    """End the session that the request carries, if it carries one."""
    if viewer is None:
        return LoggedOut(None)
    async with env.database.transaction():
        await _end(env, client, viewer, viewer.session.id, SecurityEventKind.LOGGED_OUT)
    return LoggedOut(viewer.session.id)


async def revoke_session(env: Environment, client: Client, viewer: Viewer, session_id: UUID | None) -> SessionRevoked:
    """End one of the viewer's sessions from another one.

    Raises:
        SessionNotFoundError: The viewer has no such session.
    """
    async with env.database.transaction():
        if session_id is None or not await _end(env, client, viewer, session_id, SecurityEventKind.SESSION_REVOKED):
            raise SessionNotFoundError
    return SessionRevoked(session_id, viewer.user)


async def _end(env: Environment, client: Client, viewer: Viewer, session_id: UUID, kind: SecurityEventKind) -> bool:
    now = env.now()
    user = await lock_user(viewer.user.id)
    ended = await models.Session.filter(
        id=session_id, user_id=viewer.user.id, expires_at__gt=now, last_seen_at__gt=now - SESSION_IDLE_LIFETIME
    ).delete()
    if ended:
        await audit.record(kind, user=user, client=client, now=now)
    return ended == 1


def _is_live(session: models.Session, now: datetime) -> bool:
    return now < session.expires_at and now - session.last_seen_at < SESSION_IDLE_LIFETIME
