"""Encryption: a value can be decrypted for its owner, with a key of the ring, and only if it was not changed."""

import base64
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from security.key_ring import NONCE_BYTES, DecryptionError, EncryptedValue, KeyRing

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()
RING = KeyRing.parse(f"new:{NEW},old:{OLD}")
OWNER = UUID(int=1)
NONCE = b"\0" * NONCE_BYTES

VALUES = st.binary(max_size=64)
NONCES = st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES)


class TestEncrypt:
    @given(VALUES, st.uuids(), NONCES)
    def test_decrypts_for_the_same_owner(self, value: bytes, owner: UUID, nonce: bytes) -> None:
        """This is tested with any value, owner and nonce."""
        assert RING.decrypt(RING.encrypt(value, owner, nonce), owner) == value

    @given(VALUES, st.uuids(), st.uuids())
    def test_does_not_decrypt_for_another_owner(self, value: bytes, owner: UUID, other: UUID) -> None:
        """A row that was copied to another user is useless."""
        assume(owner != other)

        with pytest.raises(DecryptionError):
            RING.decrypt(RING.encrypt(value, owner, NONCE), other)

    @pytest.mark.attack("K6")
    @given(VALUES, st.data())
    def test_does_not_decrypt_a_changed_ciphertext(self, value: bytes, data: st.DataObject) -> None:
        """One flipped bit, a missing end or an additional byte is an error."""
        encrypted = RING.encrypt(value, OWNER, NONCE)
        bit = data.draw(st.integers(0, len(encrypted.ciphertext) * 8 - 1))
        flipped = bytearray(encrypted.ciphertext)
        flipped[bit // 8] ^= 1 << bit % 8

        for ciphertext in (bytes(flipped), encrypted.ciphertext[: bit // 8], encrypted.ciphertext + b"\0"):
            with pytest.raises(DecryptionError):
                RING.decrypt(EncryptedValue(encrypted.key_id, ciphertext), OWNER)

    def test_encrypts_with_the_first_key_and_decrypts_with_any(self) -> None:
        """So keys can be rotated while old rows exist."""
        before = KeyRing.parse(f"old:{OLD}").encrypt(b"secret", OWNER, NONCE)

        assert RING.encrypt(b"secret", OWNER, NONCE).key_id == "new"
        assert RING.decrypt(before, OWNER) == b"secret"

    def test_does_not_decrypt_with_a_wrong_key_id(self) -> None:
        """The id belongs to another key or to no key."""
        encrypted = RING.encrypt(b"secret", OWNER, NONCE)

        for key_id in ("old", "gone"):
            with pytest.raises(DecryptionError):
                RING.decrypt(EncryptedValue(key_id, encrypted.ciphertext), OWNER)

    def test_ciphertext_and_repr_hide_value_and_keys(self) -> None:
        """So a log or a row of the database reveals neither of them."""
        encrypted = RING.encrypt(b"a secret of 20 bytes", OWNER, NONCE)

        assert b"a secret" not in encrypted.ciphertext
        assert repr(encrypted) == "EncryptedValue(key_id='new')"
        assert repr(RING) == "KeyRing(current_id='new')"


class TestParse:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            ",",
            "new",
            "new:",
            f":{NEW}",
            f"new:{NEW},",
            f"new:{NEW},new:{OLD}",
            f"ne w:{NEW}",
            f"{'n' * 33}:{NEW}",
            f"new:{NEW[:-4]}",
            f"new:{NEW}AAAA",
            f"new:{NEW[:-1]}!",
            f"né:{NEW}",
            f"new={NEW}",
        ],
    )
    def test_rejects_an_invalid_format_without_showing_a_key(self, text: str) -> None:
        """An error in the settings does not write a key to the log."""
        with pytest.raises(ValueError, match="key") as raised:
            KeyRing.parse(text)

        assert NEW[:8] not in str(raised.value)

    def test_ignores_spaces_around_entries(self) -> None:
        """The order of the keys stays the same."""
        assert list(KeyRing.parse(f" new:{NEW}, old:{OLD} ").keys) == ["new", "old"]


class TestKeyedHash:
    def test_depends_on_key_purpose_and_value(self) -> None:
        """The hash has 32 bytes and cannot be computed without the key."""
        one = RING.keyed_hash("password", "ada@acme.example")

        assert one == RING.keyed_hash("password", "ada@acme.example")
        others = {
            RING.keyed_hash("password", "bea@acme.example"),
            RING.keyed_hash("address", "ada@acme.example"),
            KeyRing.parse(f"old:{OLD}").keyed_hash("password", "ada@acme.example"),
        }
        assert one not in others
        assert len(bytes.fromhex(one)) == 32
