"""Test the relative links of all Markdown files."""

from pathlib import Path

import pytest

from tests.contract.docs.markdown import ROOT, broken_links, markdown_files


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_point_to_existing_files_and_headings(path: Path) -> None:
    """Check each relative link and each anchor."""
    messages = broken_links(path)

    assert not messages, "\n".join(messages)


PAGE = """\
# First `heading`, and [a link](other.md)
## Repeated
## Repeated
"""


@pytest.mark.parametrize(
    "target",
    [
        "https://example.com/missing",
        "page.md",
        "folder/",
        "#first-heading-and-a-link",
        "page.md#repeated",
        "page.md#repeated-1",
        "with%20space.md",
    ],
)
@pytest.mark.parametrize("form", ["See [the\ntext]({}).", "![picture]({} 'title')", "[name]: {}"])
def test_valid_links_pass(tmp_path: Path, target: str, form: str) -> None:
    """Accept every form of a valid link."""
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "other.md").touch()
    (tmp_path / "with space.md").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "start.md").write_text(f"{PAGE}\n{form.format(target)}\n", encoding="utf-8")

    assert broken_links(tmp_path / "start.md") == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("missing.md", "the file does not exist"),
        ("missing/", "the file does not exist"),
        ("#missing", "the heading does not exist"),
        ("page.md#missing", "the heading does not exist"),
        ("page.md#repeated-2", "the heading does not exist"),
        ("page.md#not-a-heading", "the heading does not exist"),
    ],
)
@pytest.mark.parametrize("form", ["See [the text]({}).", "![picture]({} 'title')", "[name]: {}"])
def test_broken_links_fail(tmp_path: Path, target: str, message: str, form: str) -> None:
    """Report file and line of a broken link."""
    (tmp_path / "page.md").write_text(f"{PAGE}\n```\n# Not a heading\n```\n", encoding="utf-8")
    start = tmp_path / "start.md"
    start.write_text(f"# Start\n\n```\n[code](missing.md)\n```\n{form.format(target)}\n", encoding="utf-8")

    assert broken_links(start) == [f"{start}:6: {target}: {message}"]
