"""Opaque ids, unique over all types: a client's cache may key by id alone (Relay's global object identification)."""

import re
from uuid import UUID

import strawberry

from twofactor.results import Company, SecurityEvent, Session, User

PREFIXES: dict[type, str] = {User: "user", Company: "company", Session: "session", SecurityEvent: "event"}

_KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
# One spelling an id: clients compare ids as text.
_ID = re.compile(rf"({'|'.join(_KINDS)})_([0-9a-f]{{32}})")


def encode(kind: type, key: UUID) -> strawberry.ID:
    """The id under which clients know this one of its kind."""
    return strawberry.ID(f"{PREFIXES[kind]}_{key.hex}")


def decode(text: str) -> tuple[type, UUID] | None:
    """What an id names; None where it is none of ours. Never raises, whatever the text."""
    match = _ID.fullmatch(text)
    return (_KINDS[match[1]], UUID(match[2])) if match else None


def decode_as(kind: type, text: str) -> UUID | None:
    """The key of an id of this kind; None where it is none, or of another kind."""
    named = decode(text)
    return named[1] if named and named[0] is kind else None
