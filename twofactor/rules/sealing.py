"""Sealing what the database may hold but not show: AES-256-GCM under a ring of keys."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
# NIST SP 800-38D §8.2.2: a random nonce of 96 bits, good for 2³² messages a key.
NONCE_BYTES = 12
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


class UnsealingFailed(Exception):
    """What was sealed has been changed, belongs to somebody else, or its key is not on the ring."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed value, and the name of the key that opens it."""

    key_id: str
    box: bytes = field(repr=False)


@dataclass(frozen=True)
class KeyRing:
    """Keys by their names. The first seals; every one of them unseals."""

    current_id: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `ID:KEY[,ID:KEY…]`, each key 32 bytes in base64, the one to seal with first.

        Raises:
            ValueError: It is of another form. The message never repeats a key.
        """
        keys: dict[str, bytes] = {}
        for entry in text.split(","):
            key_id, _, encoded = entry.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError) as error:
                message = f"key {key_id[:32]!r} is not base64"
                raise ValueError(message) from error
            if not KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in keys:
                message = "each key must be ID:BASE64 with an id of its own and 32 bytes"
                raise ValueError(message)
            keys[key_id] = key
        return cls(next(iter(keys)), keys)

    def seal(self, value: bytes, owner: UUID, nonce: bytes) -> Sealed:
        """Seal a value so that it opens for its owner alone: the owner is the associated data."""
        box = nonce + AESGCM(self.keys[self.current_id]).encrypt(nonce, value, owner.bytes)
        return Sealed(self.current_id, box)

    def unseal(self, sealed: Sealed, owner: UUID) -> bytes:
        """Open what was sealed for the owner.

        Raises:
            UnsealingFailed: It was changed, is another owner's, or its key is not on the ring.
        """
        try:
            cipher = AESGCM(self.keys[sealed.key_id])
            return cipher.decrypt(sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:], owner.bytes)
        except (KeyError, InvalidTag, ValueError) as error:
            raise UnsealingFailed from error

    def keyed_hash(self, purpose: str, value: str) -> str:
        """A hash that nobody without the current key can make: HMAC-SHA-256, 64 hexadecimal digits."""
        key = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(self.keys[self.current_id])
        mac = hmac.HMAC(key, hashes.SHA256())
        mac.update(value.encode())
        return mac.finalize().hex()
