"""Tokens: each kind opens its own door alone, and only its hash is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.rules.policy import TOKEN_BYTES, TOKEN_MAX_LENGTH
from twofactor.rules.tokens import TokenKind, make_token, token_hash

RANDOMNESS = st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES)


@given(st.sampled_from(TokenKind), RANDOMNESS)
def test_is_a_token_of_its_kind_and_of_no_other(kind: TokenKind, randomness: bytes) -> None:
    """A challenge is no session, nor is an activation."""
    token = make_token(kind, randomness)

    assert [other for other in TokenKind if token_hash(other, token)] == [kind]
    assert len(token) <= TOKEN_MAX_LENGTH


@given(RANDOMNESS)
def test_other_prefix_gives_another_hash(randomness: bytes) -> None:
    """The same random bytes as another kind are another token."""
    hashes = {token_hash(kind, make_token(kind, randomness)) for kind in TokenKind}

    assert len(hashes) == len(TokenKind)
    assert None not in hashes


@given(st.sampled_from(TokenKind), st.one_of(st.text(), st.text(min_size=43, max_size=43)))
def test_any_other_text_is_no_token(kind: TokenKind, text: str) -> None:
    """For all of Unicode, with the prefix or without."""
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    assert token_hash(kind, text) is None
    assert (token_hash(kind, kind + text) is not None) == (len(text) == 43 and set(text) <= alphabet)


@pytest.mark.parametrize("rest", ["A" * 42, "A" * 44, "A" * 43 + "\n", "A" * 42 + "=", "Ａ" * 43, "A" * 42 + "\ud800"])
def test_malformed_token_is_no_token(rest: str) -> None:
    """One too short, one too long, padding, a line end, other letters."""
    assert token_hash(TokenKind.SESSION, TokenKind.SESSION + rest) is None


def test_hash_does_not_hold_the_token() -> None:
    """What the database keeps opens nothing."""
    token = make_token(TokenKind.SESSION, b"r" * TOKEN_BYTES)
    kept = token_hash(TokenKind.SESSION, token)

    assert kept is not None
    assert len(bytes.fromhex(kept)) == 32
    assert token_hash(TokenKind.SESSION, kept) is None


def test_takes_all_its_randomness() -> None:
    """Fewer bytes than agreed are a mistake, not a weaker token."""
    with pytest.raises(ValueError, match="32 random bytes"):
        make_token(TokenKind.SESSION, b"short")
