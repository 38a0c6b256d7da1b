"""Bounds for password hashes that come from another system."""

import base64
import binascii
import re

from security.constants import (
    IMPORTED_HASH_MAX_MEMORY_KIB,
    IMPORTED_HASH_MAX_PASSES,
    IMPORTED_HASH_MAX_TOTAL_KIB,
    PASSWORD_HASH_MAX_LENGTH,
)

# The PHC string of an argon2 hash: variant, version, memory in KiB, passes, lanes, salt and hash.
ARGON2_HASH = re.compile(
    r"\$argon2(?:id|i|d)\$v=(?:16|19)\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)",
    re.ASCII,
)
# RFC 9106 §3.1: at least 8 bytes of salt are needed for password hashing, and a hash has at least 4 bytes. Fewer than
# 16 bytes of hash make collisions possible.
MIN_SALT_BYTES = 8
MIN_HASH_BYTES = 16
# RFC 9106 §3.1: the memory is at least 8 KiB for each lane.
MIN_KIB_PER_LANE = 8


def problem_of_imported_hash(text: str) -> str | None:
    """Return why the server cannot accept this password hash, or None.

    Each login attempt computes the hash again, also an attempt by a stranger. So the cost of one hash is bounded: at
    most 256 MiB of memory, 10 passes, and 1 GiB in all passes together.
    """
    match = ARGON2_HASH.fullmatch(text)
    if match is None:
        return "not an argon2 hash"
    if len(text) > PASSWORD_HASH_MAX_LENGTH:
        return f"at most {PASSWORD_HASH_MAX_LENGTH} characters"
    memory_kib, passes, lanes = int(match[1]), int(match[2]), int(match[3])
    salt, digest = _decode(match[4]), _decode(match[5])
    if salt is None or digest is None or memory_kib < MIN_KIB_PER_LANE * lanes:
        return "not an argon2 hash"
    if len(salt) < MIN_SALT_BYTES or len(digest) < MIN_HASH_BYTES:
        return f"a salt of {MIN_SALT_BYTES} bytes and a hash of {MIN_HASH_BYTES} bytes at least"
    if (
        memory_kib > IMPORTED_HASH_MAX_MEMORY_KIB
        or passes > IMPORTED_HASH_MAX_PASSES
        or memory_kib * passes > IMPORTED_HASH_MAX_TOTAL_KIB
    ):
        return "at most 256 MiB of memory, 10 passes, and 1 GiB in all passes together"
    return None


def _decode(text: str) -> bytes | None:
    """Decode base64 without padding. Return None if it has another form, such as bits after the last byte."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
    return decoded if base64.b64encode(decoded).rstrip(b"=").decode("ascii") == text else None
