"""Rotation of encryption keys: re-encrypt all TOTP secrets under the current key."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import structlog

import models
from accounts.services import Services
from models.sql.encryption_keys import key_ids_in_use
from security.key_ring import NONCE_BYTES, EncryptedValue
from twofactor.factors.registry import FACTORS

log = structlog.get_logger(__name__)

# The number of secrets that one transaction re-encrypts, so that it does not hold its locks for long.
BATCH = 500


def tables_with_secrets() -> list[type[Any]]:
    """Return the tables with the columns `id`, `user_id`, `encrypted_secret` and `key_id`."""
    return [
        *(factor.table for factor in FACTORS if factor.has_encrypted_secrets),
        models.Activation,
        models.UnacknowledgedCodes,
    ]


async def count_under_old_keys(services: Services) -> int:
    """Return the number of TOTP secrets that are not encrypted under the current key."""
    current = services.key_ring.current_id
    async with services.database.reading():
        return sum([await table.exclude(key_id=current).count() for table in tables_with_secrets()])


async def missing_key_ids(services: Services) -> set[str]:
    """Return the ids of keys that encrypt a TOTP secret in the database but are not on the key ring."""
    async with services.database.reading():
        return await key_ids_in_use(tables_with_secrets()) - services.key_ring.keys.keys()


async def has_usable_keys(services: Services) -> bool:
    """Return whether the key ring holds one of the keys in use, or no key is in use.

    If it holds some of them, only the users whose secrets are under the others are affected: their OTPs are wrong, and
    their backup codes work.
    """
    async with services.database.reading():
        in_use = await key_ids_in_use(tables_with_secrets())
    if missing := in_use - services.key_ring.keys.keys():
        log.warning("encryption_keys_missing", key_ids=sorted(missing))
    return not in_use or missing != in_use


async def reencrypt_all(services: Services) -> AsyncIterator[int]:
    """Re-encrypt every TOTP secret under the current key, in batches. Yield the size of each batch.

    An UPDATE replaces a secret only if it has not changed since the SELECT. So the function may run while the server
    runs, and an operator may stop and repeat it at any time.

    Raises:
        DecryptionError: A secret cannot be decrypted: its key is not on the key ring, or the ciphertext was changed.
    """
    current = services.key_ring.current_id
    for table in tables_with_secrets():
        while True:
            async with services.database.transaction():
                rows = await table.exclude(key_id=current).limit(BATCH)
                for row in rows:
                    secret = services.key_ring.decrypt(EncryptedValue(row.key_id, row.encrypted_secret), row.user_id)
                    encrypted = services.key_ring.encrypt(secret, row.user_id, secrets.token_bytes(NONCE_BYTES))
                    await table.filter(id=row.id, key_id=row.key_id, encrypted_secret=row.encrypted_secret).update(
                        encrypted_secret=encrypted.ciphertext, key_id=encrypted.key_id
                    )
            if not rows:
                break
            yield len(rows)
