"""Tests of `countersign user import`."""

import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from models import Role, SecurityEventKind
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine

HEADER = "email,name,role,locale,password,password_hash"


@pytest.fixture
def empty_acme(command_line: CommandLine) -> CommandLine:
    """Return the command line with a company account without users."""
    command_line.run("company", "create", "Acme")
    return command_line


def emails(command_line: CommandLine) -> list[str]:
    """Return the emails of all users."""
    return sorted(user["email"] for user in command_line.run("user", "list", "--json").json)


def test_imports_every_user_of_a_csv_file(empty_acme: CommandLine, tmp_path: Path, password_hash: str) -> None:
    """Passwords are hashed, hashes are accepted, role and language are optional, and each user has an audit event."""
    file = tmp_path / "users.csv"
    file.write_text(
        f"\ufeff{HEADER}\r\n"
        f'ada@acme.example,"Lind, Ada",admin,de,{GOOD_PASSWORD},\r\n'
        f"\r\n"
        f'ben@acme.example,Ben,,,,"{password_hash}"\r\n',
        encoding="utf-8",
    )
    done = empty_acme.run("user", "import", str(file), "--company", "Acme")

    assert done.stdout == "2 imported, 0 skipped.\n"
    ada, ben = empty_acme.user("ada@acme.example"), empty_acme.user("ben@acme.example")
    assert (ada.name, ada.role, ada.locale) == ("Lind, Ada", Role.ADMIN, "de")
    assert PasswordHasher().verify(ada.password_hash, GOOD_PASSWORD)
    assert (ben.role, ben.locale, ben.password_hash) == (Role.MEMBER, None, password_hash)
    assert empty_acme.kinds() == [SecurityEventKind.USER_CREATED] * 2
    assert GOOD_PASSWORD not in done.stdout + done.stderr


def test_imports_every_user_of_a_json_lines_file(empty_acme: CommandLine, tmp_path: Path, password_hash: str) -> None:
    """JSON Lines has the same columns as CSV. A null value counts as missing."""
    file = tmp_path / "users.jsonl"
    rows = [
        {"email": "ada@acme.example", "name": "Ada", "role": "ADMIN", "password_hash": password_hash},
        {"email": "ben@acme.example", "name": "Ben", "role": None, "password": GOOD_PASSWORD},
    ]
    file.write_text("\n\n".join(map(json.dumps, rows)))
    empty_acme.run("user", "import", str(file), "--company", "Acme")

    assert emails(empty_acme) == ["ada@acme.example", "ben@acme.example"]


def test_imports_a_file_of_excel(empty_acme: CommandLine, tmp_path: Path, password_hash: str) -> None:
    """It has semicolons, empty rows and columns, and white space. Passwords and hashes stay as they are."""
    file = tmp_path / "users.csv"
    lines = [
        "sep=;",
        "Email ;NAME;Role; Locale;Password;Password Hash;;",
        f'\tada@acme.example;" Zoë Weiß\u200b";"ADMIN ";\u00a0de;" {GOOD_PASSWORD} ";;;',
        ";;;;;;;",
        f"ben@acme.example;Ben;;;;{password_hash}",
        " ; ;",
    ]
    file.write_bytes("\r\n".join(lines).encode("utf-16"))

    assert empty_acme.run("user", "import", str(file), "--company", "Acme").stdout == "2 imported, 0 skipped.\n"

    ada = empty_acme.user("ada@acme.example")
    assert (ada.name, ada.role, ada.locale) == ("Zoë Weiß", Role.ADMIN, "de")
    assert PasswordHasher().verify(ada.password_hash, f" {GOOD_PASSWORD} ")
    assert empty_acme.user("ben@acme.example").password_hash == password_hash


def test_other_encodings_are_an_option(empty_acme: CommandLine, tmp_path: Path, password_hash: str) -> None:
    """The command does not guess an encoding, because a wrong one would change names."""
    file = tmp_path / "users.csv"
    file.write_bytes(f'email;name;password_hash\nada@acme.example;Zoë Weiß;"{password_hash}"\n'.encode("cp1252"))
    arguments = ["user", "import", str(file), "--company", "Acme"]

    assert "is not UTF-8: line 2" in empty_acme.run(*arguments, exit_code=1).stderr
    assert "There is no such encoding" in empty_acme.run(*arguments, "--encoding", "ansi-klingon", exit_code=2).stderr
    assert empty_acme.run(*arguments, "--encoding", "cp1252").stdout == "1 imported, 0 skipped.\n"
    assert empty_acme.user("ada@acme.example").name == "Zoë Weiß"


@pytest.fixture
def bad_file(tmp_path: Path, password_hash: str) -> Path:
    """Return a file with two good rows and one bad row of each kind."""
    file = tmp_path / "users.csv"
    file.write_text(
        f"{HEADER}\n"
        f'good@acme.example,Good,,,,"{password_hash}"\n'
        f"no-address,Bad,,,{GOOD_PASSWORD},\n"
        f"weak@acme.example,Weak,,,password1234,\n"
        f"role@acme.example,Role,OWNER,,{GOOD_PASSWORD},\n"
        f"GOOD@acme.example,Twice,,,{GOOD_PASSWORD},\n"
        f"neither@acme.example,Neither,,,,\n"
        f"hash@acme.example,Hash,,,,plain\n"
        f"short@acme.example,Short\n"
        f",Nameless,,,{GOOD_PASSWORD},\n"
        f"locale@acme.example,Locale,,not a tag,{GOOD_PASSWORD},\n"
        f"dots@acme..example,Dots,,,{GOOD_PASSWORD},\n"
        f"blank@acme.example,\u3164,,,{GOOD_PASSWORD},\n"
        f'idn@bücher.example,Good,,,,"{password_hash}"\n'
        f"IDN@xn--bcher-kva.example,Twice,,,{GOOD_PASSWORD},\n",
        encoding="utf-8",
    )
    return file


REASONS = [
    "Row 2 (line 3): email: An email address must have an @-sign",
    "Row 3 (line 4): password: too easy to guess",
    "Row 4 (line 5): role: must be MEMBER or ADMIN",
    "Row 5 (line 6): email: used twice",
    "Row 6 (line 7): password: give either a password or a password hash",
    "Row 7 (line 8): password_hash: not an argon2 hash",
    "Row 8 (line 9): has 2 cells, but the header has 6",
    "Row 9 (line 10): email: is missing",
    "Row 10 (line 11): locale: not a BCP 47 tag",
    "Row 11 (line 12): email: An email address cannot have two periods in a row",
    "Row 12 (line 13): name: contains the invisible character U+3164",
    "Row 14 (line 15): email: used twice",
]


def test_imports_nothing_if_a_row_is_bad(empty_acme: CommandLine, bad_file: Path) -> None:
    """The error lists every bad row with its number and reason, without a value. The good row is not imported."""
    rejected = empty_acme.run("user", "import", str(bad_file), "--company", "Acme", exit_code=1)

    assert rejected.stderr.splitlines() == [*REASONS, "Error: Nothing was imported: 12 of 14 rows are bad."]
    assert emails(empty_acme) == []
    assert empty_acme.kinds() == []


def test_skip_bad_imports_the_good_rows(empty_acme: CommandLine, bad_file: Path) -> None:
    """The command imports the good rows, lists the bad ones, and ends with exit code 1."""
    done = empty_acme.run("user", "import", str(bad_file), "--company", "Acme", "--skip-bad", exit_code=1)

    assert [line for line in done.stderr.splitlines() if "audit_event" not in line] == REASONS
    assert done.stdout == "2 imported, 12 skipped.\n"
    assert emails(empty_acme) == ["good@acme.example", "idn@bücher.example"]


def test_rejects_users_that_exist(empty_acme: CommandLine, tmp_path: Path, password_hash: str) -> None:
    """A row with a taken email is bad."""
    file = tmp_path / "users.csv"
    file.write_text(f'email,name,password_hash\nada@acme.example,Ada,"{password_hash}"\n')
    empty_acme.run("user", "import", str(file), "--company", "Acme")
    rejected = empty_acme.run("user", "import", str(file), "--company", "Acme", exit_code=1)

    assert rejected.stderr.startswith("Row 1 (line 2): email: taken\n")
    assert len(empty_acme.kinds()) == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"", "the header lacks email and name"),
        ("a.csv", b"email,name,secret\n", "the header has unknown or repeated columns"),
        ("a.csv", b'email,name\na@b.example,"Ada', "is not valid CSV"),
        (
            "a.csv",
            b"email,name\n\xfc@b.example,Ada",
            "is not UTF-8: line 2 has other bytes. Save it as `CSV UTF-8`, or give",
        ),
        ("a.csv", b"\xff\xfee", "is not UTF-16"),
        ("a.csv", b"PK\x03\x04", "is a workbook"),
        ("missing.csv", None, "cannot be read"),
        ("a.jsonl", b"[1]\n", "Row 1 (line 1): is not a JSON object"),
        ("a.jsonl", b"{\n", "Row 1 (line 1): is not JSON"),
        ("a.jsonl", b'{"email": 1}\n', "Row 1 (line 1): has a value that is not a string"),
        ("a.jsonl", b'{"is_admin": "yes"}\n', "Row 1 (line 1): has unknown names"),
        ("a.jsonl", b"[" * 100_000, "Row 1 (line 1): is not JSON"),
    ],
)
def test_rejects_an_unreadable_file(
    empty_acme: CommandLine, tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    """The error describes the problem, and no user is imported."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    rejected = empty_acme.run("user", "import", str(tmp_path / name), "--company", "Acme", exit_code=1)

    assert problem in rejected.stderr
    assert emails(empty_acme) == []
