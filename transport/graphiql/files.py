"""List the files of GraphiQL that Strawberry's page loads, with their versions and hashes."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

from strawberry.http.ides import get_graphql_ide_html

# A URL that ends with PACKAGE@VERSION/PATH. The name of the package may start with a scope.
VERSIONED = re.compile(r"https://[^/]+/((?:@[\w.-]+/)?[\w.-]+)@([\w.-]+)/([\w./-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A script or style sheet of the page."""

    package: str
    version: str
    path: str
    # The public URL, for downloads without an npm registry.
    url: str
    # Subresource Integrity §3.1: the algorithm, for example `sha384-`, and the hash in base64.
    integrity: str

    @property
    def name(self) -> str:
        """The path of the file, both in the folder and in URLs."""
        return f"{self.package}@{self.version}/{self.path}"

    @property
    def is_script(self) -> bool:
        """Whether the file is a script. Otherwise it is a style sheet."""
        return self.path.endswith(".js")

    def is_intact(self, content: bytes) -> bool:
        """Return whether the content matches the hash in Strawberry's page."""
        algorithm, _, expected = self.integrity.partition("-")
        digest = hashlib.new(algorithm, content).digest()
        return hmac.compare_digest(base64.b64encode(digest).decode(), expected)


@cache
def page_files() -> tuple[PageFile, ...]:
    """Return the files in the order in which the page loads them."""
    parser = _PageParser()
    parser.feed(get_graphql_ide_html(graphql_ide="graphiql"))
    return tuple(parser.files)


class _PageParser(HTMLParser):
    """Collects the files that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[PageFile] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add the file of a script or style sheet that has an `integrity` attribute."""
        attributes = dict(attrs)
        url = attributes.get("src") or attributes.get("href") or ""
        integrity = attributes.get("integrity")
        match = VERSIONED.fullmatch(url)
        if match and integrity and ".." not in match[3]:
            self.files.append(PageFile(match[1], match[2], match[3], url, integrity))
