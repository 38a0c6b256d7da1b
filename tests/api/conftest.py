"""Fixtures: the whole application on each database, with a mail server and API clients."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage

import httpx
import pytest
from starlette.applications import Starlette

import models
from accounts.services import Services
from app import create_app
from mail.worker import EmailWorker, SmtpSettings
from models.database import Database
from settings import Settings
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, log_in
from tests.support.clock import Clock
from tests.support.mail_servers import MailServer
from tests.support.users import KEYS, set_security_policy

# Browsers and httpx send a Secure cookie only over TLS.
ORIGIN = "https://countersign.test"
ADDRESS = "203.0.113.9"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ARRIVAL_TIMEOUT_S = 20

ClientFactory = Callable[..., Api]


@pytest.fixture
async def app(database_url: str, clock: Clock, smtp_server: MailServer) -> AsyncIterator[Starlette]:
    """Return the running application, including its email worker."""
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
def services(app: Starlette) -> Services:
    """Return the services of the application."""
    environment: Services = app.state.services
    return environment


@pytest.fixture
def database(services: Services) -> Database:
    """Return the database of the application."""
    return services.database


@pytest.fixture
async def new_client(app: Starlette) -> AsyncIterator[ClientFactory]:
    """Return a function that creates API clients without cookies."""
    clients: list[Api] = []

    def make(*, language: str = "en", session_token: str | None = None) -> Api:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(ADDRESS, 40_000))
        headers = {"accept-language": language, "user-agent": FIREFOX}
        clients.append(Api(httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers), session_token))
        return clients[-1]

    yield make
    for client in clients:
        await client.http.aclose()


@pytest.fixture
def client(new_client: ClientFactory) -> Api:
    """Return an API client without a session."""
    return new_client()


@pytest.fixture
async def company_without_codes(database: Database, company: models.Company) -> models.Company:
    """Return the company account with backup codes off."""
    await set_security_policy(database, company, backup_codes_enabled=False)
    return company


@pytest.fixture
async def logged_in_member(member: models.User, new_client: ClientFactory) -> ApiUser:
    """Return a member who is logged in and has no 2FA."""
    return await log_in(new_client(), member)


@pytest.fixture
async def logged_in_admin(admin: models.User, new_client: ClientFactory) -> ApiUser:
    """Return an admin who is logged in and has no 2FA."""
    return await log_in(new_client(), admin)


@pytest.fixture
async def member_with_2fa(logged_in_member: ApiUser, clock: Clock) -> ApiUser:
    """Return the member with active 2FA, at a time step after that of the activation."""
    return await activate(logged_in_member, clock)


class SideEffects:
    """Collects the new audit events and emails."""

    def __init__(self, services: Services, server: MailServer) -> None:
        self._env = services
        self._server = server
        self._arrived = asyncio.Event()
        server.on_message = self._arrived.set
        smtp = SmtpSettings("127.0.0.1", server.port, "security@countersign.example", "Countersign", security="none")
        # The application's own worker polls the outbox once a second. A second worker saves the tests this wait.
        self._worker = EmailWorker(services.database, smtp, clock=services.clock)
        self._seen_kinds: Counter[str] = Counter()
        self._seen_emails: set[str] = set()

    async def __call__(self) -> tuple[list[str], list[EmailMessage]]:
        """Return the kinds of the audit events and the emails since the last call, both sorted."""
        async with self._env.database.reading():
            values = await models.SecurityEvent.all().values_list("kind", flat=True)
        kinds = Counter(str(value) for value in values)
        new_kinds = sorted((kinds - self._seen_kinds).elements())
        self._seen_kinds = kinds
        return new_kinds, await self._new_emails()

    async def _new_emails(self) -> list[EmailMessage]:
        await self._worker.deliver_due(self._env.now())
        async with self._env.database.reading():
            expected = await models.OutboxEmail.all().count()
        async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
            while len(emails := self._by_id()) < expected:
                self._arrived.clear()
                await self._arrived.wait()
        new = [email for message_id, email in emails.items() if message_id not in self._seen_emails]
        self._seen_emails |= emails.keys()
        return sorted(new, key=lambda email: str(email["Subject"]))

    def _by_id(self) -> dict[str, EmailMessage]:
        # Delivery is at least once. If two workers send the same email, its Message-ID is the same.
        messages = [received.message for received in self._server.received]
        return {str(message["Message-ID"]): message for message in messages}


@pytest.fixture
def side_effects(services: Services, smtp_server: MailServer) -> SideEffects:
    """Return a function that collects the new audit events and emails."""
    return SideEffects(services, smtp_server)
