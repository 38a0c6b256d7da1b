"""Replace the token of a session after a change, so that a copy of the old token stops working."""

from dataclasses import dataclass, field
from datetime import datetime

import models
from accounts.errors import UnauthenticatedError
from accounts.services import Services
from models import SessionTransport
from models.sql.sessions import replace_token
from security.constants import CLOCK_SLACK, REPLACED_TOKEN_LIFETIME
from security.tokens import TokenKind, successor_of, token_hash


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A session token, and how its client stores it."""

    text: str = field(repr=False)
    transport: SessionTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class MayReplaceToken:
    """The result of a change that can replace the token of the session."""

    # None if the client keeps its token.
    new_token: SessionToken | None = None

    @property
    def session_token(self) -> str | None:
        """The new token, or None if there is none, or if it is in a cookie that scripts cannot read."""
        if self.new_token is None or self.new_token.transport is SessionTransport.COOKIE:
            return None
        return self.new_token.text


async def replace_session_token(
    services: Services, session: models.Session, old: SessionToken | None
) -> SessionToken | None:
    """Give the session a new token, in the transaction of the change (ASVS 7.2.4). If `old` is None, do nothing.

    The old token works until the new one is first used, but at most for a minute. So a lost answer, a second tab or a
    request under way logs nobody out.

    Raises:
        UnauthenticatedError: The token of the request has been replaced in the meantime.
    """
    if old is None:
        return None
    now, salt = services.now(), services.new_token_salt()
    new = successor_of(old.text, salt)
    is_replaced = await replace_token(
        session.id,
        _hash(old.text),
        now,
        latest=latest_end_of_previous_token(now),
        new_token_hash=_hash(new),
        salt=salt,
        valid_until=now + REPLACED_TOKEN_LIFETIME,
    )
    if not is_replaced:
        raise UnauthenticatedError
    return SessionToken(new, old.transport)


async def repeat_session_token(
    services: Services, session: models.Session, old: SessionToken | None
) -> SessionToken | None:
    """Return the new token again if the client repeats the call that replaced it. Otherwise replace the token.

    Both answers of a call that was sent twice have the same token, so their order does not matter.

    Raises:
        UnauthenticatedError: The token of the request has been replaced in the meantime.
    """
    if old is not None and session.token_salt is not None:
        new = successor_of(old.text, session.token_salt)
        if _hash(new) == session.token_hash:
            return SessionToken(new, old.transport)
    return await replace_session_token(services, session, old)


def latest_end_of_previous_token(now: datetime) -> datetime:
    """Return the latest time until which a replaced token can be valid. A later one comes from a wrong clock."""
    return now + REPLACED_TOKEN_LIFETIME + CLOCK_SLACK


def _hash(token: str) -> str:
    hashed = token_hash(TokenKind.SESSION, token)
    if hashed is None:
        raise UnauthenticatedError
    return hashed
