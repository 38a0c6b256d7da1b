"""Opaque ids that are unique over all types, so that a client cache may use the id alone as its key.

This is Relay's Global Object Identification.
"""

import re
from uuid import UUID

import strawberry

from accounts.directory import SecurityEvent
from accounts.entities import Company, KnownDevice, Session, User
from twofactor.authenticators import Authenticator

PREFIXES: dict[type, str] = {
    User: "user",
    Company: "company",
    Session: "session",
    KnownDevice: "device",
    Authenticator: "authenticator",
    SecurityEvent: "event",
}

# No object has it (RFC 9562 §5.9).
UNKNOWN = UUID(int=0)

_CLASSES = {prefix: domain_class for domain_class, prefix in PREFIXES.items()}
# Accept one spelling of each id, because clients compare ids as text.
_ID = re.compile(rf"({'|'.join(_CLASSES)})_([0-9a-f]{{32}})")


def encode(domain_class: type, key: UUID) -> strawberry.ID:
    """Return the id of an object: the prefix of its domain class, `_`, and its key as 32 hexadecimal digits."""
    return strawberry.ID(f"{PREFIXES[domain_class]}_{key.hex}")


def decode(text: str) -> tuple[type, UUID] | None:
    """Return the domain class and key of an id, or None if the text is not an id of ours. Never raise."""
    match = _ID.fullmatch(text)
    return (_CLASSES[match[1]], UUID(match[2])) if match else None


def decode_as(domain_class: type, text: str) -> UUID | None:
    """Return the key of an id of this domain class, or None if the text is anything else."""
    decoded = decode(text)
    return decoded[1] if decoded and decoded[0] is domain_class else None
