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
FAMILIES = {"A": 12, "B": 15, "C": 13, "D": 12, "E": 10, "F": 8, "G": 10, "H": 18, "I": 8, "J": 8, "K": 11, "R": 25}
HEADS_OF_STANDARDS = ("| ---", "| requirement", "| section")

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

    # 74 rows of ASVS, and 15 of NIST and the RFCs. No requirement may be lost.
    assert len(rows) >= 89
    assert [row for row in rows if not NAMED_TEST.search(row) and "Reason:" not in row] == []


def test_attack_files_are_found() -> None:
    """The test below has files to check."""
    assert len(attack_files()) > 15


@pytest.mark.parametrize("path", attack_files(), ids=lambda path: str(path.name))
def test_every_attack_file_is_in_the_document(path: Path) -> None:
    """The document names at least one test of each file."""
    assert f"`security/{path.name}::" in DOCUMENT
