"""Fixtures and helpers for the tests of emails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme

import models
from mail.worker import EmailWorker, SmtpSettings
from models.database import Database
from tests.support.clock import START, Clock

NOW = START
FACTS: dict[str, Any] = {"at": "2026-11-04T09:05:00Z", "ip_address": "203.0.113.7", "user_agent": None}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """Return a valid certificate for the loopback address."""
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the certificate of the authority."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


WorkerFactory = Callable[..., EmailWorker]


@pytest.fixture
def worker_for(database: Database, clock: Clock, ca_file: Path) -> WorkerFactory:
    """Return a function that creates an email worker for a port of the loopback address."""

    def make(port: int, **settings: object) -> EmailWorker:
        common: dict[str, Any] = {
            "host": "127.0.0.1",
            "sender_address": "security@countersign.example",
            "product_name": "Countersign",
            "security": "none",
            "timeout_s": 5.0,
            "ca_file": ca_file,
        }
        common.update(settings)
        return EmailWorker(database, SmtpSettings(port=port, **common), clock=clock)

    return make


def build_email(**fields: object) -> models.OutboxEmail:
    """Return an email that is due, without inserting it."""
    return models.OutboxEmail(
        **{
            "id": uuid4(),
            "kind": "password_changed",
            "recipient_email": "grace@example.org",
            "recipient_name": "Grace Hopper",
            "locale": "en",
            "facts": FACTS,
            "created_at": NOW,
            "next_try_at": NOW,
        }
        | fields
    )


async def insert_email(database: Database, **fields: object) -> models.OutboxEmail:
    """Insert an email into the outbox and return it."""
    email = build_email(**fields)
    async with database.transaction():
        await email.save(force_create=True)
    return email


async def reload(database: Database, email: models.OutboxEmail) -> models.OutboxEmail:
    """Return the current row of an email."""
    async with database.reading():
        return await models.OutboxEmail.get(id=email.id)
