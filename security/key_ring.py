"""Encryption of TOTP secrets in the database: AES-256-GCM under a ring of keys."""

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
# NIST SP 800-38D §8.2.2: a random nonce of 96 bits is safe for 2³² messages under one key.
NONCE_BYTES = 12
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


class DecryptionError(Exception):
    """Raised when a ciphertext was changed, belongs to another user, or its key is not on the key ring."""


@dataclass(frozen=True, slots=True)
class EncryptedValue:
    """A ciphertext, and the id of the key that decrypts it."""

    key_id: str
    # The nonce, followed by the output of AES-GCM.
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True)
class KeyRing:
    """Keys by their ids. The first key encrypts; every key decrypts."""

    current_id: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `ID:KEY[,ID:KEY…]`. Each key is 32 bytes in base64. The first one encrypts.

        Raises:
            ValueError: The text has another form. The message never contains a key.
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

    def encrypt(self, value: bytes, owner: UUID, nonce: bytes) -> EncryptedValue:
        """Encrypt a value. The owner's id is the associated data, so that the row cannot move to another user."""
        ciphertext = nonce + AESGCM(self.keys[self.current_id]).encrypt(nonce, value, owner.bytes)
        return EncryptedValue(self.current_id, ciphertext)

    def decrypt(self, encrypted: EncryptedValue, owner: UUID) -> bytes:
        """Decrypt a value that was encrypted for this owner.

        Raises:
            DecryptionError: The value was changed or belongs to another owner, or its key is not on the key ring.
        """
        nonce, ciphertext = encrypted.ciphertext[:NONCE_BYTES], encrypted.ciphertext[NONCE_BYTES:]
        try:
            return AESGCM(self.keys[encrypted.key_id]).decrypt(nonce, ciphertext, owner.bytes)
        except (KeyError, InvalidTag, ValueError) as error:
            raise DecryptionError from error

    def keyed_hash(self, purpose: str, value: str) -> str:
        """Return HMAC-SHA-256 as 64 hexadecimal digits, under a key that HKDF derives from the current key.

        It can only be computed with the current key.
        """
        key = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(self.keys[self.current_id])
        mac = hmac.HMAC(key, hashes.SHA256())
        mac.update(value.encode())
        return mac.finalize().hex()
