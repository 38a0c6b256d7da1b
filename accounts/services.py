"""The services that every use case gets: database, key ring, hashing pool, IP rate limiter, clock and randomness."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from accounts.errors import InvalidInputError
from accounts.password_strength import PasswordRules
from models import SessionTransport
from models.database import Database
from security.constants import SALT_BYTES, TOKEN_BYTES, TOTP_SECRET_BYTES
from security.cost_limiter import CostLimiter
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import NONCE_BYTES, EncryptedValue, KeyRing
from security.login_padding import LoginPadding
from security.password_hashing import HashingPool
from security.tokens import TokenKind, make_token


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """The services of a process. All requests share them."""

    database: Database
    key_ring: KeyRing = field(repr=False)
    hashing: HashingPool
    ip_rate_limiter: IpRateLimiter
    # The name of the product in authenticator apps and in files.
    issuer: str
    clock: Callable[[], datetime] = utc_now
    cost_limiter: CostLimiter = field(default_factory=CostLimiter)
    login_padding: LoginPadding = field(default_factory=LoginPadding)
    password_rules: PasswordRules = field(default_factory=PasswordRules)

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return self.clock()

    def new_token(self, kind: TokenKind) -> str:
        """Return a random token."""
        return make_token(kind, secrets.token_bytes(TOKEN_BYTES))

    def new_totp_secret(self) -> bytes:
        """Return a random TOTP secret (RFC 4226 §4 R6)."""
        return secrets.token_bytes(TOTP_SECRET_BYTES)

    def new_salt(self) -> bytes:
        """Return a random salt for a set of backup codes."""
        return secrets.token_bytes(SALT_BYTES)

    def new_token_salt(self) -> bytes:
        """Return a random salt from which a session token is derived. It has as many bits as a token."""
        return secrets.token_bytes(TOKEN_BYTES)

    def encrypt(self, secret: bytes, owner: UUID) -> EncryptedValue:
        """Encrypt a secret for its owner."""
        return self.key_ring.encrypt(secret, owner, secrets.token_bytes(NONCE_BYTES))


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a request."""

    ip_address: str | None = None
    user_agent: str | None = None
    # The client's preferred language among those of the product, as a BCP 47 tag. None if it asks for none of them.
    locale: str | None = None
    # The session token in the cookie of the request, even if the request also has a bearer token.
    cookie_token: str | None = field(default=None, repr=False)
    # False for a page of another site than the API: its browser stores no session cookie.
    stores_cookies: bool = True

    def require_storable(self, transport: SessionTransport, *, argument: str) -> None:
        """Reject a session that the client could not store. The user would seem to be logged in, and would not be.

        Raises:
            InvalidInputError: The session would be in a cookie, and the client is a page of another site.
        """
        if transport is SessionTransport.COOKIE and not self.stores_cookies:
            raise InvalidInputError(
                argument,
                "COOKIE does not work for a page of another site, since browsers store no cookie for it; use TOKEN",
                de="COOKIE geht nicht für eine Seite einer anderen Website, weil Browser dafür kein Cookie speichern; "
                "TOKEN geht",
            )
