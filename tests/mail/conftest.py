"""What the tests of the mail share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme

import models
from mail.sender import MailSender, SmtpSettings
from models import LetterKind
from models.database import Database
from tests.support.clock import START, Clock

NOW = START
FACTS: dict[str, Any] = {"at": "2026-11-04T09:05:00Z", "ip_address": "203.0.113.7", "user_agent": None}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """A good certificate for the loopback address."""
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's own certificate, in a file."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


SenderOf = Callable[..., MailSender]


@pytest.fixture
def sender_to(database: Database, clock: Clock, ca_file: Path) -> SenderOf:
    """Make a sender to a port of the loopback address."""

    def make(port: int, **settings: object) -> MailSender:
        common: dict[str, Any] = {
            "host": "127.0.0.1",
            "sender_address": "security@countersign.example",
            "product_name": "Countersign",
            "security": "none",
            "timeout_s": 5.0,
            "ca_file": ca_file,
        }
        common.update(settings)
        return MailSender(database, SmtpSettings(port=port, **common), clock=clock)

    return make


def a_letter(**fields: object) -> models.Letter:
    """A letter that is due, not yet in any outbox."""
    return models.Letter(
        **{
            "id": uuid4(),
            "kind": LetterKind.PASSWORD_CHANGED,
            "recipient_email": "grace@example.org",
            "recipient_name": "Grace Hopper",
            "locale": "en",
            "facts": FACTS,
            "created_at": NOW,
            "next_try_at": NOW,
        }
        | fields
    )


async def a_waiting_letter(database: Database, **fields: object) -> models.Letter:
    """A letter in the outbox."""
    letter = a_letter(**fields)
    async with database.transaction():
        await letter.save(force_create=True)
    return letter


async def read_again(database: Database, letter: models.Letter) -> models.Letter:
    """The letter as it now stands in the outbox."""
    async with database.reading():
        return await models.Letter.get(id=letter.id)
