"""Random tokens. A prefix identifies the kind of token; the database stores only its hash (ASVS 7.2.3, 11.5.1)."""

import base64
import hashlib
import hmac
import re
from enum import StrEnum

from security.constants import TOKEN_BYTES


class TokenKind(StrEnum):
    """The kinds of token and their prefixes. A prefix prevents the use of one kind in place of another."""

    SESSION = "cs_session_"
    CHALLENGE = "cs_challenge_"
    ACTIVATION = "cs_activation_"
    REPLACEMENT = "cs_replacement_"
    DEVICE = "cs_device_"


WELL_FORMED_REST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def make_token(kind: TokenKind, randomness: bytes) -> str:
    """Return the token for 32 random bytes: the prefix, then base64url without padding.

    Raises:
        ValueError: `randomness` does not have 32 bytes.
    """
    if len(randomness) != TOKEN_BYTES:
        message = f"a token takes {TOKEN_BYTES} random bytes"
        raise ValueError(message)
    return kind + base64.urlsafe_b64encode(randomness).decode("ascii").rstrip("=")


def successor_of(session_token: str, salt: bytes) -> str:
    """Return the session token that replaces this one. Without the random salt, nobody can derive it."""
    return make_token(TokenKind.SESSION, hmac.digest(salt, session_token.encode("ascii"), "sha256"))


def token_hash(kind: TokenKind, token: str) -> str | None:
    """Return the hash under which the database stores a token, as 64 hexadecimal digits.

    Return None if the text is not a token of this kind. A fast hash is enough, since a token has 256 random bits.
    """
    if not token.startswith(kind) or not WELL_FORMED_REST.fullmatch(token.removeprefix(kind)):
        return None
    return hashlib.sha256(token.encode("ascii")).hexdigest()
