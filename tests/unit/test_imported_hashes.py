"""Bounds for password hashes of other systems."""

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from accounts.imported_hashes import problem_of_imported_hash

SALT = "c2FsdHNhbHRzYWx0c2FsdA"
HASH = "x" * 42 + "w"


def phc(m: int = 19_456, t: int = 2, p: int = 1, salt: str = SALT, digest: str = HASH) -> str:
    """Return the PHC string of a hash with these parameters."""
    return f"$argon2id$v=19$m={m},t={t},p={p}${salt}${digest}"


@pytest.mark.parametrize(
    "hasher",
    [PasswordHasher(), PasswordHasher(2, 19_456, 1), PasswordHasher(1, 8, 1, hash_len=16, salt_len=8)],
    ids=["library defaults", "ours", "smallest"],
)
def test_accepts_what_the_library_makes(hasher: PasswordHasher) -> None:
    """The common parameters are within the bounds."""
    assert problem_of_imported_hash(hasher.hash("correct horse battery staple")) is None


@pytest.mark.attack("H15")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "not an argon2 hash", id="empty"),
        pytest.param("$$", "not an argon2 hash", id="dollars"),
        pytest.param("$2b$12$" + "x" * 53, "not an argon2 hash", id="bcrypt"),
        pytest.param(phc(m=0), "not an argon2 hash", id="no memory"),
        pytest.param(phc(m=7), "not an argon2 hash", id="less memory than a lane needs"),
        pytest.param(phc(m=31, p=4), "not an argon2 hash", id="less memory than four lanes need"),
        pytest.param(phc(t=0), "not an argon2 hash", id="no pass"),
        pytest.param(phc(digest=HASH[:-2]), "not an argon2 hash", id="cut hash"),
        pytest.param(phc(digest="x" * 41), "not an argon2 hash", id="impossible length"),
        pytest.param(phc(salt="c2Fsd\n"), "not an argon2 hash", id="line break"),
        pytest.param(phc(salt="c2FsdA"), "a salt of 8 bytes", id="short salt"),
        pytest.param(phc(digest="xxxx"), "a hash of 16 bytes", id="short hash"),
        pytest.param(phc(digest="x" * 4 * 100), "at most 255 characters", id="long hash"),
        pytest.param(phc(m=4_194_304, t=200), "at most 256 MiB", id="4 GiB and 200 passes"),
        pytest.param(phc(m=262_145, t=1), "at most 256 MiB", id="a KiB too much"),
        pytest.param(phc(m=8, t=11), "at most 256 MiB", id="a pass too much"),
        pytest.param(phc(m=262_144, t=5), "at most 256 MiB", id="too much in all passes"),
    ],
)
def test_rejects_with_a_reason(text: str, problem: str) -> None:
    """Nothing is imported, and the operator sees why."""
    assert problem in (problem_of_imported_hash(text) or "")


@pytest.mark.parametrize("text", [phc(), phc(m=1_024, t=10), phc(m=32, p=4)])
def test_accepted_hash_can_be_verified(text: str) -> None:
    """The library reads it, so a wrong password is wrong, and not an error."""
    assert problem_of_imported_hash(text) is None
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(text, "wrong")
