"""What GraphiQL is made of: the files that Strawberry's own page loads, each of one version and with its hash."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

from strawberry.http.ides import get_graphql_ide_html

# The end of an address: PACKAGE@VERSION/PATH, where the name of a package may begin with a scope.
VERSIONED = re.compile(r"https://[^/]+/((?:@[\w.-]+/)?[\w.-]+)@([\w.-]+)/([\w./-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A script or style sheet of the page."""

    package: str
    version: str
    path: str
    # Where it is in public, for whoever has no registry.
    address: str
    # Subresource Integrity §3.1: `sha384-` and the hash in base64.
    integrity: str

    @property
    def name(self) -> str:
        """Under which it is kept and served."""
        return f"{self.package}@{self.version}/{self.path}"

    @property
    def is_script(self) -> bool:
        """Whether it is a script; else it is a style sheet."""
        return self.path.endswith(".js")

    def is_intact(self, content: bytes) -> bool:
        """Whether this is the file that Strawberry's authors had."""
        algorithm, _, expected = self.integrity.partition("-")
        digest = hashlib.new(algorithm, content).digest()
        return hmac.compare_digest(base64.b64encode(digest).decode(), expected)


@cache
def page_files() -> tuple[PageFile, ...]:
    """The files, in the order in which the page loads them."""
    reader = _Reader()
    reader.feed(get_graphql_ide_html(graphql_ide="graphiql"))
    return tuple(reader.files)


class _Reader(HTMLParser):
    """Reads which files a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[PageFile] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the file of a script or style sheet that names its hash."""
        attributes = dict(attrs)
        address = attributes.get("src") or attributes.get("href") or ""
        integrity = attributes.get("integrity")
        match = VERSIONED.fullmatch(address)
        if match and integrity and ".." not in match[3]:
            self.files.append(PageFile(match[1], match[2], match[3], address, integrity))
