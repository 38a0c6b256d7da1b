"""The GraphQL in the documentation: fenced blocks of Markdown, and the operations of the example clients."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide.md"

FENCED = re.compile(r"^```(?P<kind>[a-z]+(?: [a-z]+)?)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# How the clients hold their operations: a shell variable, a call of `gql` in Python and of `graphql` in TypeScript.
IN_SHELL = re.compile(r"^[A-Z_]+='((?:query|mutation) [^']*)'$", re.MULTILINE)
IN_PYTHON = re.compile(r'\bgql\("(?:"")?(.*?)"(?:"")?\)', re.DOTALL)
IN_TYPESCRIPT = re.compile(r"\bgraphql\(/\* GraphQL \*/ `(.*?)`\)", re.DOTALL)


class Block(NamedTuple):
    """A fenced block, with the line that it begins on."""

    kind: str
    text: str
    line: int


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a Markdown file, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["text"], text.count("\n", 0, found.start()) + 1) for found in FENCED.finditer(text)
    ]


def documents() -> list[tuple[str, str]]:
    """Every GraphQL document of the documentation, with its place."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if "node_modules" not in path.parts:
            name = path.relative_to(ROOT)
            found += [(f"{name}:{block.line}", block.text) for block in blocks_of(path) if block.kind == "graphql"]
    for path, pattern in (
        (ROOT / "docs/clients/curl/flow.sh", IN_SHELL),
        (ROOT / "docs/clients/python/client.py", IN_PYTHON),
        (ROOT / "docs/clients/typescript/src/operations.ts", IN_TYPESCRIPT),
    ):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        operations = [(f"{name}:{text.count(chr(10), 0, m.start()) + 1}", m[1]) for m in pattern.finditer(text)]
        assert operations, f"{name} holds no operation"
        found += operations
    return found
