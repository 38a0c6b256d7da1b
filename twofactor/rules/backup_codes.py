"""Backup codes: look-up secrets (NIST SP 800-63B §3.1.2)."""

from collections.abc import Callable

from argon2.low_level import Type, hash_secret_raw

from twofactor.rules.policy import (
    ARGON2_LANES,
    ARGON2_MEMORY_KIB,
    ARGON2_PASSES,
    BACKUP_CODE_LENGTH,
    BACKUP_CODES_A_SET,
)

# Crockford's base32 leaves out I, L, O and U, so that no two characters look alike.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOK_ALIKES = str.maketrans("OIL", "011")
# Nobody types more than this around ten characters; what is longer is not looked at.
LONGEST_SPELLING = 64


def generate_backup_codes(choose: Callable[[str], str]) -> tuple[str, ...]:
    """Ten different codes of ten characters, 50 bits each.

    Args:
        choose: Gives one character of a string, each equally likely: `secrets.choice` in earnest.

    """
    codes: dict[str, None] = {}
    while len(codes) < BACKUP_CODES_A_SET:
        codes["".join(choose(ALPHABET) for _ in range(BACKUP_CODE_LENGTH))] = None
    return tuple(codes)


def canonical_backup_code(spelling: str) -> str | None:
    """The code that somebody meant: case, spaces and dashes do not matter, nor O for 0, I or L for 1.

    None where it cannot be a code.
    """
    if len(spelling) > LONGEST_SPELLING or not spelling.isascii():
        return None
    code = spelling.replace(" ", "").replace("-", "").upper().translate(LOOK_ALIKES)
    if len(code) != BACKUP_CODE_LENGTH or not set(code) <= set(ALPHABET):
        return None
    return code


def backup_code_hash(code: str, salt: bytes) -> str:
    """The slow hash under which a canonical code is kept: argon2id, 64 hexadecimal digits (ASVS 6.5.2)."""
    return hash_secret_raw(
        code.encode("ascii"),
        salt,
        time_cost=ARGON2_PASSES,
        memory_cost=ARGON2_MEMORY_KIB,
        parallelism=ARGON2_LANES,
        hash_len=32,
        type=Type.ID,
    ).hex()


def backup_codes_file(codes: tuple[str, ...], *, product_name: str, account_name: str) -> str:
    """The text file that the user downloads."""
    lines = [
        f"{product_name}: backup codes of {account_name}",
        "",
        "Each code works once, in place of a one-time password. Keep them where only you can reach them.",
        "",
        *codes,
    ]
    return "\n".join(lines) + "\n"
