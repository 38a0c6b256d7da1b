"""What every use case is handed: the clock, the keys, the threads, the database and the name of the product."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from models.database import Database
from twofactor.addresses import AddressLimiter
from twofactor.drawing import DrawingThread
from twofactor.hashing import HashingPool
from twofactor.rules.policy import SALT_BYTES, SEED_BYTES, TOKEN_BYTES
from twofactor.rules.sealing import NONCE_BYTES, KeyRing, Sealed
from twofactor.rules.tokens import TokenKind, make_token


def utc_now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Environment:
    """The world around a use case, the same for every request of a process."""

    database: Database
    key_ring: KeyRing = field(repr=False)
    hashing: HashingPool
    addresses: AddressLimiter
    # How the product is called, in authenticator apps and in files.
    issuer: str
    clock: Callable[[], datetime] = utc_now
    drawing: DrawingThread = field(default_factory=DrawingThread)

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return self.clock()

    def new_token(self, kind: TokenKind) -> str:
        """A token that nobody can guess."""
        return make_token(kind, secrets.token_bytes(TOKEN_BYTES))

    def new_seed(self) -> bytes:
        """The shared secret of a new enrolment (RFC 4226 §4 R6)."""
        return secrets.token_bytes(SEED_BYTES)

    def new_salt(self) -> bytes:
        """The salt of a new set of backup codes."""
        return secrets.token_bytes(SALT_BYTES)

    def seal(self, seed: bytes, owner: UUID) -> Sealed:
        """Seal a seed for its owner."""
        return self.key_ring.seal(seed, owner, secrets.token_bytes(NONCE_BYTES))


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end, as the audit trail keeps it."""

    ip_address: str | None = None
    user_agent: str | None = None
    # The best of our languages for this client, a BCP 47 tag.
    locale: str = "en"
