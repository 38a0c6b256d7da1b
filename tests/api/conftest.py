"""The whole application over each database in turn, with a mail server, and people at their devices."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from starlette.applications import Starlette

import models
from app import create_app
from mail.sender import MailSender, SmtpSettings
from models.database import Database
from settings import Settings
from tests.api.steps import Connect, Person, activate, connect_to, set_rules, sign_in
from tests.conftest import KEYS
from tests.mail.servers import MailServer
from tests.support.api import Api
from tests.support.clock import Clock
from twofactor.environment import Environment

ARRIVAL_TIMEOUT_S = 20


@pytest.fixture
async def app(database_url: str, clock: Clock, smtp_server: MailServer) -> AsyncIterator[Starlette]:
    """The application as it is served, its own sender of letters included."""
    settings = Settings(
        database_url=database_url,
        secret_keys=KEYS,
        smtp_host="127.0.0.1",
        smtp_port=smtp_server.port,
        smtp_security="none",
        mail_from="security@countersign.example",
    )
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def env(app: Starlette) -> Environment:
    """The world around the use cases, as the application has it."""
    environment: Environment = app.state.env
    return environment


@pytest.fixture
def database(env: Environment) -> Database:
    """The database of the application."""
    return env.database


@pytest.fixture
async def connect(app: Starlette) -> AsyncIterator[Connect]:
    """Make a device that has never been here before."""
    devices: list[Api] = []

    def make(*, language: str = "en") -> Api:
        devices.append(connect_to(app, language=language))
        return devices[-1]

    yield make
    for device in devices:
        await device.http.aclose()


@pytest.fixture
def device(connect: Connect) -> Api:
    """A device on which nobody is signed in."""
    return connect()


@pytest.fixture
async def company_without_codes(database: Database, company: models.Company) -> models.Company:
    """The company account, with backup codes off."""
    await set_rules(database, company, backup_codes_enabled=False)
    return company


@pytest.fixture
async def mia(member: models.User, connect: Connect) -> Person:
    """A member, signed in without 2FA."""
    person = Person(member, connect())
    await sign_in(person.device, member)
    return person


@pytest.fixture
async def ada(admin: models.User, connect: Connect) -> Person:
    """An admin, signed in without 2FA."""
    person = Person(admin, connect())
    await sign_in(person.device, admin)
    return person


@pytest.fixture
async def mia_with_2fa(mia: Person, clock: Clock) -> Person:
    """The member, with 2FA active, and the OTP of activation out of the way."""
    await activate(mia, clock)
    return mia


class Aftermath:
    """What came of something: the audit events that it wrote, and the letters that arrived."""

    def __init__(self, env: Environment, server: MailServer) -> None:
        self._env = env
        self._server = server
        self._arrived = asyncio.Event()
        server.on_message = self._arrived.set
        smtp = SmtpSettings("127.0.0.1", server.port, "security@countersign.example", "Countersign", security="none")
        # Beside the application's own, which looks into the outbox once a second: tests do not wait for it.
        self._sender = MailSender(env.database, smtp, clock=env.clock)
        self._told: Counter[str] = Counter()
        self._read: set[str] = set()

    async def __call__(self) -> tuple[list[str], list[EmailMessage]]:
        """The kinds of the events and the letters since the last call, each in no order of importance."""
        async with self._env.database.reading():
            kinds = await models.SecurityEvent.all().values_list("kind", flat=True)
        told = Counter(str(kind) for kind in kinds)
        news = sorted((told - self._told).elements())
        self._told = told
        return news, await self._letters()

    async def _letters(self) -> list[EmailMessage]:
        await self._sender.deliver_due(self._env.now())
        async with self._env.database.reading():
            written = await models.Letter.all().count()
        async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
            while len(letters := self._by_id()) < written:
                self._arrived.clear()
                await self._arrived.wait()
        unread = [letter for message_id, letter in letters.items() if message_id not in self._read]
        self._read |= letters.keys()
        return sorted(unread, key=lambda letter: str(letter["Subject"]))

    def _by_id(self) -> dict[str, EmailMessage]:
        # At least once: a letter that two senders took has one Message-ID.
        messages = [received.message for received in self._server.received]
        return {str(message["Message-ID"]): message for message in messages}


@pytest.fixture
def aftermath(env: Environment, smtp_server: MailServer) -> Aftermath:
    """Read what came of something."""
    return Aftermath(env, smtp_server)
