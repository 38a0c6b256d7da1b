"""Tokens: random, told apart by their prefix, and kept as hashes alone (ASVS 7.2.3, 11.5.1)."""

import base64
import hashlib
import re
from enum import StrEnum

from twofactor.rules.policy import TOKEN_BYTES


class TokenKind(StrEnum):
    """What a token opens. The prefix keeps one kind from being taken for another."""

    SESSION = "cs_session_"
    CHALLENGE = "cs_challenge_"
    ACTIVATION = "cs_activation_"


WELL_FORMED_REST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def make_token(kind: TokenKind, randomness: bytes) -> str:
    """The token for 32 random bytes: its prefix, then base64url without padding."""
    if len(randomness) != TOKEN_BYTES:
        message = f"a token takes {TOKEN_BYTES} random bytes"
        raise ValueError(message)
    return kind + base64.urlsafe_b64encode(randomness).decode("ascii").rstrip("=")


def token_hash(kind: TokenKind, token: str) -> str | None:
    """The hash by which a token is found, 64 hexadecimal digits; None where it is no token of this kind.

    A fast hash will do: there are 256 random bits in it.
    """
    if not token.startswith(kind) or not WELL_FORMED_REST.fullmatch(token.removeprefix(kind)):
        return None
    return hashlib.sha256(token.encode("ascii")).hexdigest()
