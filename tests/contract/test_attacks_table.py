"""`make attacks-table`: it reads the markers of tests and writes the tests of each attack."""

from pathlib import Path

import pytest

from tools.attacks_table import AttacksTableError, marked_tests, with_tests

DOCUMENT = """\
| id | rule | attacks that test it |
| --- | --- | --- |
| R1 | A rule. | A1 |

| id | attack or fault | result | tests |
| --- | --- | --- | --- |
| A1 | An attack. | Wrong. | `old.py::test_old` |
| A2 | Another attack. | Wrong. | Reason: the operator does it. |
"""
MARKED = """
import pytest

@pytest.mark.attack("A1", "A2")
@pytest.mark.parametrize("number", [1, 2])
async def test_second(number): ...

@pytest.mark.attack("A1")
class TestFirst:
    @pytest.mark.attack("A3")
    def test_method(self): ...

    def helper(self): ...

def test_unmarked(): ...
"""


def written(folder: Path, code: str) -> Path:
    """Write a test file, and return its folder."""
    file = folder / "unit" / "test_some.py"
    file.parent.mkdir()
    file.write_text(code)
    return folder


def test_markers_of_functions_classes_and_methods_are_read(tmp_path: Path) -> None:
    """A test has the attacks of its own markers and of its class, in the order of the file."""
    assert marked_tests(written(tmp_path, MARKED)) == {
        "A1": ["unit/test_some.py::test_second", "unit/test_some.py::TestFirst::test_method"],
        "A2": ["unit/test_some.py::test_second"],
        "A3": ["unit/test_some.py::TestFirst::test_method"],
    }


@pytest.mark.parametrize(
    "code",
    [
        'pytestmark = pytest.mark.attack("A1")\ndef test_some(): ...',
        '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.attack("A1"))])\ndef test_some(x): ...',
        '@pytest.mark.attack("A1")\ndef helper(): ...',
        '@pytest.mark.attack("A1")\nclass Helper: ...',
    ],
)
def test_marker_in_another_place_is_an_error(tmp_path: Path, code: str) -> None:
    """Otherwise the table would miss the test."""
    with pytest.raises(AttacksTableError, match=r"test_some\.py:\d: the marker is neither on a test"):
        marked_tests(written(tmp_path, code))


def test_tests_replace_the_tests_or_the_reason_of_a_row() -> None:
    """The rest of the document stays as it is."""
    filled = with_tests(DOCUMENT, {"A1": ["a.py::test_a", "b.py::TestB::test_b"], "A2": ["a.py::test_a"]})

    assert filled == DOCUMENT.replace("`old.py::test_old`", "`a.py::test_a`, `b.py::TestB::test_b`").replace(
        "Reason: the operator does it.", "`a.py::test_a`"
    )


def test_row_without_tests_keeps_its_reason() -> None:
    """A reason stands instead of tests."""
    filled = with_tests(DOCUMENT, {"A1": ["a.py::test_a"]})

    assert "| A2 | Another attack. | Wrong. | Reason: the operator does it. |" in filled


def test_row_with_neither_tests_nor_a_reason_is_an_error() -> None:
    """Its former tests are no reason."""
    with pytest.raises(AttacksTableError, match="A1 has no test"):
        with_tests(DOCUMENT, {})


@pytest.mark.parametrize("attack", ["A3", "R1"])
def test_marker_without_a_row_is_an_error(attack: str) -> None:
    """A rule has no tests of its own: its attacks have."""
    with pytest.raises(AttacksTableError, match=f"have no row: {attack}"):
        with_tests(DOCUMENT, {"A1": ["a.py::test_a"], attack: ["a.py::test_a"]})
