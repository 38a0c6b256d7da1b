"""Test `docs/security/`: each named test exists, and each attack and requirement has a test or a reason."""

import re
from functools import cache
from pathlib import Path

import pytest

from tools.attacks_table import ROOT, TESTS, attacks_of_tests, marked_tests, with_tests

FOLDER = ROOT / "docs" / "security"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
DOCUMENT = "\n".join(PAGES.values())

NAMED_TEST = re.compile(r"`([a-z_/0-9]+\.py)::((?:\w+::)?\w+)`")
# The id of an attack: a capital letter and a number.
ATTACK = re.compile(r"\b([A-KR][0-9]{1,2})\b")
ROW = re.compile(r"^\| ([A-KR][0-9]{1,2}) \| (.*) \|$", re.MULTILINE)
# The number of attacks in each family. No attack may be lost.
FAMILIES = {"A": 12, "B": 16, "C": 13, "D": 14, "E": 12, "F": 8, "G": 10, "H": 19, "I": 12, "J": 9, "K": 11, "R": 25}
HEADS_OF_STANDARDS = ("| ---", "| requirement", "| section")

# The requirements of levels 1 and 2 in each section of OWASP ASVS 5.0 on authentication, sessions, access, tokens and
# logs.
ASVS_SECTIONS = {
    "6.1": (1, 2, 3), "6.2": range(1, 13), "6.3": (1, 2, 3, 4), "6.4": (1, 2, 3, 4), "6.5": (1, 2, 3, 4, 5),
    "6.6": (1, 2, 3), "6.8": (1, 2, 3, 4), "7.1": (1, 2, 3), "7.2": (1, 2, 3, 4), "7.3": (1, 2), "7.4": (1, 2, 3, 4, 5),
    "7.5": (1, 2), "7.6": (1, 2), "8.1": (1, 2), "8.2": (1, 2, 3), "8.3": (1,), "8.4": (1,), "9.1": (1, 2, 3),
    "9.2": (1, 2, 3, 4), "16.1": (1,), "16.2": (1, 2, 3, 4, 5), "16.3": (1, 2, 3, 4), "16.4": (1, 2, 3),
    "16.5": (1, 2, 3),
}  # fmt: skip

# A file has many named tests.
attacks_of_file = cache(attacks_of_tests)


def attack_files() -> list[Path]:
    """Return the test files of attacks."""
    return sorted((TESTS / "security").glob("test_*.py"))


def test_index_links_every_page() -> None:
    """`README.md` links each other page of the folder."""
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", PAGES["README.md"]))

    assert linked == PAGES.keys() - {"README.md"}


@pytest.mark.parametrize("named", sorted(set(NAMED_TEST.findall(DOCUMENT))), ids="::".join)
def test_named_test_is_collected(named: tuple[str, str]) -> None:
    """The file exists, and pytest collects the test from it."""
    file, name = named
    path = TESTS / file

    assert path.name.startswith("test_")
    assert path.is_file()
    assert name in attacks_of_file(path)


def test_every_attack_has_one_row() -> None:
    """No family has a gap, and no id has two rows."""
    ids = [row[0] for row in ROW.findall(DOCUMENT)]

    assert sorted(ids) == sorted(f"{family}{n}" for family, count in FAMILIES.items() for n in range(1, count + 1))


def test_every_rule_names_attacks() -> None:
    """Each row of the most important rules names attacks that have rows."""
    rows = dict(ROW.findall(DOCUMENT))
    rules = {name: set(ATTACK.findall(text)) for name, text in rows.items() if name.startswith("R")}

    assert all(rules.values())
    assert set().union(*rules.values()) <= rows.keys() - rules.keys()


def test_marked_tests_are_those_with_markers() -> None:
    """`make attacks-table` would change nothing."""
    assert with_tests(PAGES["attacks.md"], marked_tests()) == PAGES["attacks.md"]


def test_every_requirement_has_a_test_or_a_reason() -> None:
    """Each row of the standards names a test or a reason why there is none."""
    lines = PAGES["standards.md"].splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(HEADS_OF_STANDARDS)]

    # 117 rows of ASVS, and 15 of NIST and the RFCs. No requirement may be lost.
    assert len(rows) >= 132
    assert [row for row in rows if not NAMED_TEST.search(row) and "Reason:" not in row] == []


def asvs_rows() -> dict[str, tuple[str, str, str]]:
    """Return level, status and tests of each ASVS requirement on authentication, sessions, access, tokens and logs."""
    row = r"^\| ([0-9.]+) \| ([123]) \| [^|]+ \| ([a-z ]+) \| (.+) \|$"
    rows = re.findall(row, PAGES["standards.md"], re.MULTILINE)
    assert len({number for number, *_ in rows}) == len(rows)
    return {number: (level, status, shown) for number, level, status, shown in rows}


def test_every_asvs_requirement_has_a_row() -> None:
    """Levels 1 and 2 of OWASP ASVS 5.0, chapters 6 to 9 and 16."""
    numbers = {f"{section}.{n}" for section, known in ASVS_SECTIONS.items() for n in known}

    assert {number for number, (level, *_) in asvs_rows().items() if level != "3"} == numbers


@pytest.mark.parametrize("number", asvs_rows())
def test_status_of_an_asvs_requirement_is_shown(number: str) -> None:
    """What is met has a test. What is not met, or not applicable, has a reason."""
    _, status, shown = asvs_rows()[number]

    match status:
        case "met":
            assert NAMED_TEST.search(shown)
            assert "Reason:" not in shown
        case "not met" | "not applicable":
            assert shown.startswith("Reason: ")
        case _:
            pytest.fail(f"unknown status {status}")


def test_attack_files_are_found() -> None:
    """The test below has files to check."""
    assert len(attack_files()) > 15


@pytest.mark.parametrize("path", attack_files(), ids=lambda path: str(path.name))
def test_every_attack_file_is_in_the_document(path: Path) -> None:
    """The document names at least one test of each file."""
    assert f"`security/{path.name}::" in DOCUMENT
