"""Read the worked examples of CONTRIBUTING.md, and apply them to a copy of the repository.

The line above a code block names the file and the place:

    New file `PATH`:
    At the end of `PATH`:
    In `PATH`, after `LINE`:
    In `PATH`, instead of `LINE`:
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.contract.docs.markdown import FENCED_CODE, ROOT

EDIT = re.compile(
    r"^(?P<place>New file|At the end of|In) `(?P<path>[^`]+)`(?:, (?P<how>after|instead of) `(?P<line>[^`]+)`)?:\n\n"
    r"(?P<fence>```+)[a-z]+\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
SECTION = re.compile(r"^## Worked examples$(?P<text>.*?)(?=^## )", re.MULTILINE | re.DOTALL)
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "mutants", "node_modules", "var")


class Edit(NamedTuple):
    """A code block that an example adds to a file: as a new file, at the end, or at a line."""

    path: str
    text: str
    is_new_file: bool
    line: str | None
    replaces_line: bool


def section() -> str:
    """Return the text of the worked examples. Headings in code blocks do not end it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    hidden = FENCED_CODE.sub(lambda match: "\0" * len(match[0]), text)
    found = SECTION.search(hidden)
    assert found is not None
    return text[found.start() : found.end()]


def edits() -> list[Edit]:
    """Return the edits of all worked examples in their order."""
    return [
        Edit(
            match["path"],
            match["text"],
            is_new_file=match["place"] == "New file",
            line=match["line"],
            replaces_line=match["how"] == "instead of",
        )
        for match in EDIT.finditer(section())
    ]


def apply(edit: Edit, folder: Path) -> None:
    """Apply an edit to the copy of the repository in a folder."""
    path = folder / edit.path
    if edit.is_new_file:
        assert not path.exists(), f"{edit.path} exists already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit.text, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    if edit.line is None:
        blank_lines = "\n\n" if path.suffix == ".py" else "\n"
        path.write_text(text + blank_lines + edit.text, encoding="utf-8")
        return
    lines = text.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip() == edit.line]
    assert len(places) == 1, f"{edit.path} has {len(places)} lines `{edit.line}`"
    start = places[0] if edit.replaces_line else places[0] + 1
    lines[start : places[0] + 1] = [edit.text]
    path.write_text("".join(lines), encoding="utf-8")


def copy_with_examples(folder: Path) -> None:
    """Copy the repository into a folder, and apply all worked examples."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED, dirs_exist_ok=True)
    for edit in edits():
        apply(edit, folder)
