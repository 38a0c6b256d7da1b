"""The format of backup codes: alphabet, normalisation and hash (look-up secrets, NIST SP 800-63B §3.1.2)."""

import re
from collections.abc import Callable

from argon2.low_level import Type, hash_secret_raw

from security.constants import (
    ARGON2_LANES,
    ARGON2_MEMORY_KIB,
    ARGON2_PASSES,
    BACKUP_CODE_LENGTH,
    BACKUP_CODES_PER_SET,
)
from twofactor.factors.entered_code import without_separators

# Crockford's base32 has no I, L, O and U, so that no two characters look alike.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOK_ALIKES = str.maketrans("OIL", "011")
# The number of a code in a list, for example `1.` or `10)`.
LIST_NUMBER = re.compile(r"[0-9]{1,2}[.)]")


def generate_backup_codes(choose: Callable[[str], str]) -> tuple[str, ...]:
    """Return ten different codes of ten characters with 50 random bits each.

    Args:
        choose: Returns one character of a string, each with the same probability, like `secrets.choice`.

    """
    codes: dict[str, None] = {}
    while len(codes) < BACKUP_CODES_PER_SET:
        codes[generate_code(choose)] = None
    return tuple(codes)


def generate_code(choose: Callable[[str], str]) -> str:
    """Return one code of ten characters with 50 random bits. `choose` is as above."""
    return "".join(choose(ALPHABET) for _ in range(BACKUP_CODE_LENGTH))


def normalise_backup_code(text: str) -> str | None:
    """Return the code in its stored form, or None if the text cannot be a code.

    Ignore case, separators and the number of a list item. Read O as 0, and I and L as 1.
    """
    entered = without_separators(text)
    if entered is None or not entered.isascii():
        return None
    number = LIST_NUMBER.match(entered)
    code = entered[number.end() if number else 0 :].upper().translate(LOOK_ALIKES)
    if len(code) != BACKUP_CODE_LENGTH or not set(code) <= set(ALPHABET):
        return None
    return code


def backup_code_hash(code: str, salt: bytes) -> str:
    """Return the stored hash of a normalised code: argon2id, 64 hexadecimal digits (ASVS 6.5.2)."""
    return hash_secret_raw(
        code.encode("ascii"),
        salt,
        time_cost=ARGON2_PASSES,
        memory_cost=ARGON2_MEMORY_KIB,
        parallelism=ARGON2_LANES,
        hash_len=32,
        type=Type.ID,
    ).hex()
