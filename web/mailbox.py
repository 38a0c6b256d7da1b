"""The mailbox of the demo: the letters that its mail server took, as files in a folder."""

import base64
import email
import email.policy
import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# More than anybody reads; the newest are the ones that are waited for.
MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as its reader sees it."""

    name: str
    sender: str
    recipient: str
    subject: str
    date: str
    text: str
    html: str | None

    def facts(self) -> dict[str, Any]:
        """What the page of the mailbox is told; the HTML is a page of its own."""
        return {
            "name": self.name,
            "from": self.sender,
            "to": self.recipient,
            "subject": self.subject,
            "date": self.date,
            "text": self.text,
            "html": f"/mailbox/emails/{self.name}" if self.html is not None else None,
        }


class Mailbox:
    """The letters in a folder, one file `NAME.eml` each. Reading it blocks."""

    def __init__(self, folder: Path) -> None:
        """Read from this folder, which need not exist yet."""
        self._folder = folder

    def letters(self) -> list[Letter]:
        """The letters, the latest to arrive first."""
        return [_read(path) for path in self._paths()[:MOST_LETTERS]]

    def find(self, name: str) -> Letter | None:
        """The letter of this name. Only names that the folder lists are looked at."""
        return next((_read(path) for path in self._paths() if path.stem == name), None)

    def _paths(self) -> list[Path]:
        arrivals = [(path.stat().st_mtime_ns, path.name, path) for path in self._folder.glob("*.eml")]
        return [path for *_, path in sorted(arrivals, reverse=True)]


def content_security_policy_of(html: str) -> str:
    """What a letter may do when it is shown: look as it was written, and nothing else.

    Letters style their elements one by one, since mail clients drop style sheets. Each of these styles is allowed by
    its hash (Content Security Policy Level 3, `unsafe-hashes`), so that all others stay out.
    """
    parser = _Styles()
    parser.feed(html)
    hashes = "".join(f" 'sha256-{_sha256(style)}'" for style in sorted(parser.styles))
    return (
        f"default-src 'none'; style-src 'unsafe-hashes'{hashes}; img-src data:; sandbox; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


class _Styles(HTMLParser):
    """Gathers the style attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.styles: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the style of an element."""
        self.styles |= {value for name, value in attrs if name == "style" and value}


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(path: Path) -> Letter:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return Letter(
        name=path.stem,
        sender=str(message.get("From", "")),
        recipient=str(message.get("To", "")),
        subject=str(message.get("Subject", "")),
        date=str(message.get("Date", "")),
        text=_part(message, "plain") or "",
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, subtype: str) -> str | None:
    part = message.get_body((subtype,))
    return None if part is None else str(part.get_content())
