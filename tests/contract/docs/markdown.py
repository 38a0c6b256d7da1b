"""Read the Markdown files of the repository: code blocks, links, headings and the reading order of the guide."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
GUIDE_INDEX = ROOT / "docs/guide/README.md"
# Folders of installed packages and build results. Folders with a leading dot are skipped too.
SKIPPED_FOLDERS = {"node_modules", "var", "build", "mutants"}

CODE_BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<kind>[a-z]+(?: [a-z]+)?)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
FENCED_CODE = re.compile(r"^ *(?P<fence>```+|~~~+).*?^ *(?P=fence)[`~]*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(?P<ticks>`+)[^`]+(?P=ticks)")
# `[text](target)`, `![text](target "title")` and `[name]: target`.
LINK = re.compile(r"\]\(\s*<?(?P<inline>[^)>\s]+)>?[^)]*\)|^ {0,3}\[[^\]]+\]:\s+<?(?P<reference>[^>\s]+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$", re.MULTILINE)
LINK_TEXT = re.compile(r"!?\[(?P<text>[^\]]*)\]\([^)]*\)")
URL_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
PAGE_NAME = re.compile(r"[^/#]+\.md")


class CodeBlock(NamedTuple):
    """A fenced code block of a Markdown file. `source` is its file and line, as `docs/guide/log-in.md:12`."""

    kind: str
    text: str
    source: str


class Link(NamedTuple):
    """A link of a Markdown file."""

    target: str
    line: int


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _without(code: re.Pattern[str], text: str) -> str:
    """Remove code, but keep its line breaks, so that the line numbers of the other text do not change."""
    return code.sub(lambda match: "\n" * match[0].count("\n"), text)


def markdown_files() -> list[Path]:
    """Return all Markdown files of the repository, except files of installed packages and build results."""
    files = []
    for path in sorted(ROOT.rglob("*.md")):
        folders = path.relative_to(ROOT).parts[:-1]
        if not any(folder in SKIPPED_FOLDERS or folder.startswith(".") for folder in folders):
            files.append(path)
    return files


def code_blocks(path: Path) -> list[CodeBlock]:
    """Return the fenced code blocks of a Markdown file that name a language."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    return [
        CodeBlock(match["kind"], match["text"], f"{name}:{_line(text, match.start())}")
        for match in CODE_BLOCK.finditer(text)
    ]


def links(path: Path) -> list[Link]:
    """Return the links of a Markdown file, except those in code."""
    text = _without(INLINE_CODE, _without(FENCED_CODE, path.read_text(encoding="utf-8")))
    return [Link(match["inline"] or match["reference"], _line(text, match.start())) for match in LINK.finditer(text)]


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings of a Markdown file."""
    seen: Counter[str] = Counter()
    found = set()
    for match in HEADING.finditer(_without(FENCED_CODE, path.read_text(encoding="utf-8"))):
        text = LINK_TEXT.sub(r"\g<text>", match["text"])
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        # GitHub numbers equal headings: `retry`, `retry-1`, `retry-2`.
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def broken_links(path: Path) -> list[str]:
    """Return one message for each relative link of a Markdown file that points to nothing.

    Links with a URL scheme are not checked: the test must not depend on the network.
    """
    messages = []
    for link in links(path):
        if URL_SCHEME.match(link.target):
            continue
        file_name, _, anchor = unquote(link.target).partition("#")
        target = (path.parent / file_name).resolve() if file_name else path.resolve()
        if not target.exists():
            messages.append(f"{path}:{link.line}: {link.target}: the file does not exist")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            messages.append(f"{path}:{link.line}: {link.target}: the heading does not exist")
    return messages


def guide_pages() -> list[Path]:
    """Return the pages of the guide in the order of the links in its index."""
    return [GUIDE_INDEX.parent / link.target for link in links(GUIDE_INDEX) if PAGE_NAME.fullmatch(link.target)]
