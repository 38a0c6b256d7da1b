"""Sessions: how they begin, are recognised, and end."""

from datetime import datetime
from uuid import UUID, uuid4

import models
from models import SecondFactorMethod, SecurityEventKind, SessionTransport
from models.statements import change, columns, insert, model_of, select
from twofactor import audit
from twofactor.access import Viewer
from twofactor.acting import lock_user
from twofactor.environment import Client, Environment
from twofactor.errors import SessionNotFoundError
from twofactor.results import LoggedIn, LoggedOut, Session, SessionRevoked, User
from twofactor.rules.policy import CLOCK_SLACK, LAST_SEEN_PRECISION, SESSION_IDLE_LIFETIME, SESSION_LIFETIME
from twofactor.rules.tokens import TokenKind, token_hash

SIGN_IN = """
    UPDATE user_account
    SET last_login_at = $2, locale = $3, two_factor_last_used_at = $4, backup_codes_remaining = $5
    WHERE id = $1
"""


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
    session = Session(
        id=uuid4(),
        created_at=now,
        last_seen_at=now,
        expires_at=now + SESSION_LIFETIME,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        current=True,
        second_factor=second_factor,
    )
    await insert(
        models.Session,
        id=session.id,
        token_hash=token_hash(TokenKind.SESSION, token),
        user_id=user.id,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        second_factor=session.second_factor,
    )
    user.last_login_at = now
    user.locale = user.locale or client.locale
    if second_factor is not None:
        user.two_factor_last_used_at = now
    await change(
        SIGN_IN, user.id, user.last_login_at, user.locale, user.two_factor_last_used_at, user.backup_codes_remaining
    )
    await audit.record(
        SecurityEventKind.LOGIN_SUCCEEDED, user=user, client=client, now=now, note=second_factor and second_factor.value
    )
    return LoggedIn(token, transport, session, User.of(user, company))


async def authenticate(env: Environment, token: str) -> Viewer | None:
    """Who carries this session token; None where it is no good, or no session token at all."""
    hashed = token_hash(TokenKind.SESSION, token)
    if hashed is None:
        return None
    now = env.now()
    async with env.database.reading():
        found = await _find(hashed)
        if found is None:
            return None
        session, user, company = found
        if not _is_live(session, now) or not user.is_enabled:
            return None
        if now - session.last_seen_at >= LAST_SEEN_PRECISION:
            await models.Session.filter(id=session.id, last_seen_at__lt=now).update(last_seen_at=now)
            session.last_seen_at = now
    return Viewer(User.of(user, company), Session.of(session, current=True))


async def _find(hashed: str) -> tuple[models.Session, models.User, models.Company] | None:
    """The session of a token, whose it is, and their company account. Every request asks, hence not by the models."""
    rows = await select(
        f"SELECT {columns(models.Session, models.User, models.Company)} FROM session "  # noqa: S608  # names of columns
        "JOIN user_account ON user_account.id = session.user_id JOIN company ON company.id = user_account.company_id "
        "WHERE session.token_hash = $1",
        hashed,
    )
    if not rows:
        return None
    (row,) = rows
    return model_of(models.Session, row), model_of(models.User, row), model_of(models.Company, row)


async def list_sessions(env: Environment, viewer: Viewer) -> tuple[Session, ...]:
    """The viewer's sessions that are still good, the youngest first."""
    now = env.now()
    async with env.database.reading():
        rows = await models.Session.filter(
            user_id=viewer.user.id,
            created_at__lte=now + CLOCK_SLACK,
            expires_at__gt=now,
            last_seen_at__gt=now - SESSION_IDLE_LIFETIME,
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
    is_believed = session.created_at <= now + CLOCK_SLACK
    return is_believed and now < session.expires_at and now - session.last_seen_at < SESSION_IDLE_LIFETIME
