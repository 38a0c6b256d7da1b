"""Sealing: opens for its owner, under a key of the ring, unchanged; and not otherwise."""

import base64
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twofactor.rules.sealing import NONCE_BYTES, KeyRing, Sealed, UnsealingFailed

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()
RING = KeyRing.parse(f"new:{NEW},old:{OLD}")
OWNER = UUID(int=1)
NONCE = b"\0" * NONCE_BYTES

VALUES = st.binary(max_size=64)
NONCES = st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES)


class TestSeal:
    @given(VALUES, st.uuids(), NONCES)
    def test_opens_for_its_owner(self, value: bytes, owner: UUID, nonce: bytes) -> None:
        """Whatever the value, the owner and the nonce."""
        assert RING.unseal(RING.seal(value, owner, nonce), owner) == value

    @given(VALUES, st.uuids(), st.uuids())
    def test_opens_for_nobody_else(self, value: bytes, owner: UUID, other: UUID) -> None:
        """A row that was copied to another user is of no use."""
        assume(owner != other)

        with pytest.raises(UnsealingFailed):
            RING.unseal(RING.seal(value, owner, NONCE), other)

    @given(VALUES, st.data())
    def test_does_not_open_once_it_was_changed(self, value: bytes, data: st.DataObject) -> None:
        """Not by one bit, not by an end cut off."""
        sealed = RING.seal(value, OWNER, NONCE)
        place = data.draw(st.integers(0, len(sealed.box) * 8 - 1))
        flipped = bytearray(sealed.box)
        flipped[place // 8] ^= 1 << place % 8

        for box in (bytes(flipped), sealed.box[: place // 8], sealed.box + b"\0"):
            with pytest.raises(UnsealingFailed):
                RING.unseal(Sealed(sealed.key_id, box), OWNER)

    def test_uses_the_first_key_and_opens_under_any(self) -> None:
        """So that keys can be changed while old rows remain."""
        before = KeyRing.parse(f"old:{OLD}").seal(b"seed", OWNER, NONCE)

        assert RING.seal(b"seed", OWNER, NONCE).key_id == "new"
        assert RING.unseal(before, OWNER) == b"seed"

    def test_does_not_open_under_another_name_or_without_the_key(self) -> None:
        """The name of the key is not to be trusted either."""
        sealed = RING.seal(b"seed", OWNER, NONCE)

        for key_id in ("old", "gone"):
            with pytest.raises(UnsealingFailed):
                RING.unseal(Sealed(key_id, sealed.box), OWNER)

    def test_shows_neither_value_nor_key(self) -> None:
        """Not in the box, not in what a log would print."""
        sealed = RING.seal(b"a seed of twenty byt", OWNER, NONCE)

        assert b"a seed" not in sealed.box
        assert repr(sealed) == "Sealed(key_id='new')"
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
    def test_refuses_any_other_form_and_shows_no_key(self, text: str) -> None:
        """A mistake in the settings does not end up in a log."""
        with pytest.raises(ValueError, match="key") as refusal:
            KeyRing.parse(text)

        assert NEW[:8] not in str(refusal.value)

    def test_takes_space_around_entries(self) -> None:
        """As people write lists."""
        assert list(KeyRing.parse(f" new:{NEW}, old:{OLD} ").keys) == ["new", "old"]


class TestKeyedHash:
    def test_depends_on_key_purpose_and_value(self) -> None:
        """And can be made by nobody without the key."""
        one = RING.keyed_hash("password", "ada@acme.example")

        assert one == RING.keyed_hash("password", "ada@acme.example")
        others = {
            RING.keyed_hash("password", "bea@acme.example"),
            RING.keyed_hash("address", "ada@acme.example"),
            KeyRing.parse(f"old:{OLD}").keyed_hash("password", "ada@acme.example"),
        }
        assert one not in others
        assert len(bytes.fromhex(one)) == 32
