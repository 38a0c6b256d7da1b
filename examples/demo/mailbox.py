"""The mailbox of the demo: routes that show the emails which its mail server stored as files."""

import base64
import email
import email.policy
import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

# The page shows only the newest emails.
MAX_EMAILS = 200


@dataclass(frozen=True, slots=True)
class StoredEmail:
    """An email as the recipient sees it."""

    name: str
    sender: str
    recipient: str
    subject: str
    date: str
    text: str
    html: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the mailbox page. The HTML part has a URL of its own."""
        return {
            "name": self.name,
            "from": self.sender,
            "to": self.recipient,
            "subject": self.subject,
            "date": self.date,
            "text": self.text,
            "html": f"/mailbox/emails/{self.name}" if self.html is not None else None,
        }


def mailbox_routes(mail_dir: Path) -> list[BaseRoute]:
    """Return the routes of the mailbox for the emails in `mail_dir` (`*.eml`)."""
    mailbox = Mailbox(mail_dir)

    def page(_request: Request) -> Response:
        return RedirectResponse("/#/mailbox", status_code=303)

    def emails(_request: Request) -> Response:
        return JSONResponse({"emails": [stored.to_json() for stored in mailbox.emails()]})

    def email_as_page(request: Request) -> Response:
        stored = mailbox.find(request.path_params["name"])
        if stored is None or stored.html is None:
            return Response(status_code=404)
        headers = {
            "Content-Security-Policy": content_security_policy_of(stored.html),
            "X-Frame-Options": "SAMEORIGIN",
        }
        return Response(stored.html, media_type="text/html", headers=headers)

    # Starlette runs functions that are not async in threads, so they may block.
    return [
        Route("/mailbox", page),
        Route("/mailbox/emails", emails),
        Route("/mailbox/emails/{name}", email_as_page),
    ]


class Mailbox:
    """The emails in a folder, one file `NAME.eml` each. All methods block."""

    def __init__(self, folder: Path) -> None:
        """Read from this folder. It may not exist yet."""
        self._folder = folder

    def emails(self) -> list[StoredEmail]:
        """Return the emails, newest first."""
        return [_read(path) for path in self._paths()[:MAX_EMAILS]]

    def find(self, name: str) -> StoredEmail | None:
        """Return the email with this name, or None. It reads no file that is not in the folder."""
        return next((_read(path) for path in self._paths() if path.stem == name), None)

    def _paths(self) -> list[Path]:
        arrivals = [(path.stat().st_mtime_ns, path.name, path) for path in self._folder.glob("*.eml")]
        return [path for *_, path in sorted(arrivals, reverse=True)]


def content_security_policy_of(html: str) -> str:
    """Return a policy that allows the styles of an email and nothing else.

    Emails have a style attribute on each element, since mail clients remove style sheets. The policy allows each of
    these styles by its hash (Content Security Policy Level 3, `unsafe-hashes`).
    """
    parser = _Styles()
    parser.feed(html)
    hashes = "".join(f" 'sha256-{_sha256(style)}'" for style in sorted(parser.styles))
    return (
        f"default-src 'none'; style-src 'unsafe-hashes'{hashes}; img-src data:; sandbox; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


class _Styles(HTMLParser):
    """Collects the style attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.styles: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the style of an element."""
        self.styles |= {value for name, value in attrs if name == "style" and value}


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(path: Path) -> StoredEmail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return StoredEmail(
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
