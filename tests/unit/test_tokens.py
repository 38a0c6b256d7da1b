"""Tokens: each kind works for one purpose, and only the hash is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.constants import TOKEN_BYTES
from security.tokens import TokenKind, make_token, token_hash

RANDOMNESS = st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES)


@given(st.sampled_from(TokenKind), RANDOMNESS)
def test_token_has_exactly_one_kind(kind: TokenKind, randomness: bytes) -> None:
    """A challenge token is not a session token, for example."""
    token = make_token(kind, randomness)

    assert [other for other in TokenKind if token_hash(other, token)] == [kind]


@given(RANDOMNESS)
def test_prefix_changes_the_hash(randomness: bytes) -> None:
    """The same random bytes have another hash for each kind."""
    hashes = {token_hash(kind, make_token(kind, randomness)) for kind in TokenKind}

    assert len(hashes) == len(TokenKind)
    assert None not in hashes


@given(st.sampled_from(TokenKind), st.one_of(st.text(), st.text(min_size=43, max_size=43)))
def test_accepts_only_the_prefix_and_43_base64url_characters(kind: TokenKind, text: str) -> None:
    """This is tested with all of Unicode."""
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    assert token_hash(kind, text) is None
    assert (token_hash(kind, kind + text) is not None) == (len(text) == 43 and set(text) <= alphabet)


@pytest.mark.parametrize("rest", ["A" * 42, "A" * 44, "A" * 43 + "\n", "A" * 42 + "=", "Ａ" * 43, "A" * 42 + "\ud800"])
def test_malformed_token_has_no_hash(rest: str) -> None:
    """It is too short or too long, or has padding, a line end or other characters."""
    assert token_hash(TokenKind.SESSION, TokenKind.SESSION + rest) is None


def test_hash_is_not_a_token() -> None:
    """The value in the database does not work as a token."""
    token = make_token(TokenKind.SESSION, b"r" * TOKEN_BYTES)
    kept = token_hash(TokenKind.SESSION, token)

    assert kept is not None
    assert len(bytes.fromhex(kept)) == 32
    assert token_hash(TokenKind.SESSION, kept) is None


def test_requires_32_random_bytes() -> None:
    """Fewer bytes raise an error and do not make a weaker token."""
    with pytest.raises(ValueError, match="32 random bytes"):
        make_token(TokenKind.SESSION, b"short")
