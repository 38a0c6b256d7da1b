"""Write the column `tests` of docs/security/attacks.md from the markers of the tests: `python -m tools.attacks_table`.

`@pytest.mark.attack("A3")` on a test, or on a class of tests, means that the test shows the result of attack A3.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
DOCUMENT = ROOT / "docs/security/attacks.md"

# A row with four columns. A row of the rules has three.
ROW = re.compile(r"^(?P<start>\| (?P<attack>[A-Z][0-9]+) (?:\|[^|\n]+){2}\|)(?P<tests>[^|\n]*)\|$", re.MULTILINE)


class AttacksTableError(Exception):
    """The markers and the rows do not agree."""


def attacks_of_tests(path: Path) -> dict[str, set[str]]:
    """Return the tests that pytest collects from a file, each with the attacks of its markers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    markers = {name: set(_attack_markers(decorators)) for name, decorators in _tests(tree)}
    misplaced = set(_attack_markers(ast.walk(tree))).difference(*markers.values())
    if misplaced:
        line = min(marker.lineno for marker in misplaced)
        message = f"{path}:{line}: the marker is neither on a test nor on a class of tests"
        raise AttacksTableError(message)
    return {name: {ast.literal_eval(id_) for marker in each for id_ in marker.args} for name, each in markers.items()}


def marked_tests(folder: Path = TESTS) -> dict[str, list[str]]:
    """Return the tests of each attack, as `FILE::TEST` or `FILE::CLASS::TEST`, in the order of the files."""
    tests = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for name, attacks in attacks_of_tests(path).items():
            for attack in attacks:
                tests[attack].append(f"{path.relative_to(folder).as_posix()}::{name}")
    return tests


def with_tests(document: str, tests: Mapping[str, Sequence[str]]) -> str:
    """Return the document with the tests of each attack in its row. A row without tests keeps its reason."""

    def filled(row: re.Match[str]) -> str:
        attack, cell = row["attack"], row["tests"].strip()
        if attack in tests:
            cell = ", ".join(f"`{test}`" for test in tests[attack])
        elif not cell.startswith("Reason:"):
            message = f"{attack} has no test, and its row has no reason"
            raise AttacksTableError(message)
        return f"{row['start']} {cell} |"

    unknown = tests.keys() - {row["attack"] for row in ROW.finditer(document)}
    if unknown:
        message = f"these ids of markers have no row: {', '.join(sorted(unknown))}"
        raise AttacksTableError(message)
    return ROW.sub(filled, document)


def _tests(tree: ast.Module) -> Iterator[tuple[str, list[ast.expr]]]:
    """Return the name and the decorators of each test. A test has the decorators of its class too."""
    for node in tree.body:
        if _is_test(node):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for method in filter(_is_test, node.body):
                yield f"{node.name}::{method.name}", node.decorator_list + method.decorator_list


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def _attack_markers(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="attack")):
                yield node


def main() -> None:
    """Write the document."""
    document = DOCUMENT.read_text(encoding="utf-8")
    try:
        document = with_tests(document, marked_tests())
    except AttacksTableError as error:
        sys.exit(str(error))
    DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
