"""The operator's file of passwords that nobody may have."""

import random
from pathlib import Path

import pytest

from accounts.password_strength import PasswordRules, Weakness, weakness_of
from security import password_blocklist
from security.errors import OverloadedError
from security.password_blocklist import CHUNK_BYTES, PasswordBlocklist, SortedLines

LISTED = "Tibaku-rosemi-Vadole-34"


def file_of(folder: Path, content: bytes) -> Path:
    """Write a file of passwords."""
    path = folder / "passwords.txt"
    path.write_bytes(content)
    return path


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search every file as if it were larger than 256 MiB."""
    monkeypatch.setattr(password_blocklist, "READ_THROUGH_BYTES", 0)


@pytest.mark.parametrize(
    "content",
    [
        f"{LISTED}\n",
        LISTED,
        f"other\r\n{LISTED}\r\nanother\r\n",
        f"\ufeff{LISTED}\nother",
        "x" * 10_000 + f"\n{LISTED}",
        "\n" * (CHUNK_BYTES - 5) + LISTED + "\n" + "\n" * CHUNK_BYTES,
    ],
    ids=["one line", "no line break", "Windows", "byte order mark", "long line", "between two chunks"],
)
def test_finds_a_line_of_any_file(tmp_path: Path, content: str) -> None:
    """The order of the lines does not matter, and neither does case. A part of a line is no password."""
    blocklist = PasswordBlocklist(file_of(tmp_path, content.encode() + b"\n\xff\xfe latin-1"))

    assert blocklist.contains([LISTED])
    assert blocklist.contains(["another one", LISTED.upper()])
    assert not blocklist.contains([LISTED[1:], LISTED[:-1], f"{LISTED}4", "xx"])


@pytest.mark.usefixtures("everything_is_large")
def test_finds_each_line_of_a_large_sorted_file(tmp_path: Path) -> None:
    """It reads a few lines for each password. Lines that are not listed are not found."""
    rng = random.Random(1)
    lines = sorted({rng.randbytes(rng.randrange(1, 40)).replace(b"\n", b"").replace(b"\r", b"") for _ in range(500)})
    texts = [line for line in lines if line.decode(errors="ignore").encode() == line]
    blocklist = PasswordBlocklist(file_of(tmp_path, b"\n".join([*lines, b"\xff" * 5000])))

    assert len(texts) > 10
    assert all(blocklist.contains([line.decode()]) for line in texts)
    assert not any(blocklist.contains([line.decode() + "x"]) for line in texts)


def test_search_of_a_large_file_reads_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a file of many gigabytes, and it is not loaded into memory."""
    path = tmp_path / "passwords.txt"
    with path.open("wb") as file:
        file.writelines(b"%012d-password\n" % number for number in range(200_000))
    monkeypatch.setattr(password_blocklist, "READ_THROUGH_BYTES", 0)
    blocklist = PasswordBlocklist(path)
    looks: list[int] = []
    line_after = SortedLines._line_after

    def counted(lines: SortedLines, position: int) -> tuple[int, bytes]:
        looks.append(position)
        return line_after(lines, position)

    monkeypatch.setattr(SortedLines, "_line_after", counted)

    assert blocklist.contains(["000000123456-password"])
    assert not blocklist.contains(["000000123456-passwort"])
    assert len(looks) < 60


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("end", ["second\nfirst\n", "0\n" * 3], ids=["shuffled", "added lines"])
def test_rejects_a_large_file_that_is_not_sorted(tmp_path: Path, end: str) -> None:
    """To read it through for each password would take too long."""
    lines = b"".join(b"%09d\n" % number for number in range(200_000))
    PasswordBlocklist(file_of(tmp_path, lines))

    with pytest.raises(ValueError, match="LC_ALL=C sort -u"):
        PasswordBlocklist(file_of(tmp_path, lines + end.encode()))


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), ("password".encode("utf-16"), "must be UTF-8")], ids=["empty", "UTF-16"]
)
def test_rejects_a_file_without_passwords(tmp_path: Path, content: bytes, problem: str) -> None:
    """The operator sees the problem at the start."""
    with pytest.raises(ValueError, match=problem):
        PasswordBlocklist(file_of(tmp_path, content))


def test_removed_file_is_an_overload(tmp_path: Path) -> None:
    """The client can retry when the operator has put the file back. No password is accepted unchecked."""
    path = file_of(tmp_path, LISTED.encode())
    blocklist = PasswordBlocklist(path)
    path.unlink()

    with pytest.raises(OverloadedError):
        blocklist.contains([LISTED])


def test_listed_password_is_weak(tmp_path: Path) -> None:
    """It is compared in NFC, and as full-width characters are compared."""
    rules = PasswordRules(blocklist=PasswordBlocklist(file_of(tmp_path, "tibäku-rosemi-34\n".encode())))

    for password in ("tibäku-rosemi-34", "tiba\u0308ku-rosemi-34", "Ｔｉｂäku-rosemi-34"):
        assert weakness_of(password) is None
        assert weakness_of(password, rules=rules) is Weakness.EASY_TO_GUESS
