"""Mail server faults during mutations. No response waits for an email, and no email is lost.

`tests/integration/mail` tests the reaction of the email worker to each fault.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest

import models
from accounts.services import Services
from app import create_app
from mail.worker import EmailWorker, SmtpSettings
from models import EmailState
from models.database import DatabaseUnavailable
from settings import Settings
from tests.support.api import running
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import PostgresTemplate
from tests.support.factories import Factory
from tests.support.mail_servers import (
    Conversation,
    MailServer,
    conversation_server,
    hang_after_data,
    hang_up,
    mail_server,
    refuse_service,
    reply_endlessly,
    reply_slowly,
    say_nothing,
)
from tests.support.proxy import Moment, proxy_to
from tests.support.scenarios import SCENARIO_BY_NAME

TIMEOUT_S = 0.3
# Much longer than a mutation takes, even on a busy machine, and much shorter than these servers take.
MUTATION_TIMEOUT_S = 10
# Longer than any lease and the wait after the first failed delivery.
LATER = timedelta(hours=1)


@asynccontextmanager
async def closed_port() -> AsyncIterator[MailServer]:
    """Return a port that refuses connections."""
    async with mail_server() as server:
        port = server.port
    yield MailServer(port)


@asynccontextmanager
async def answering(reply: str) -> AsyncIterator[MailServer]:
    """Run a mail server that sends the same reply to every message."""
    async with mail_server() as server:
        server.answer_to_data = reply
        yield server


@asynccontextmanager
async def dropping_connections() -> AsyncIterator[MailServer]:
    """Run a mail server that closes the connection after every message."""
    async with mail_server() as server:
        server.drops_after_data = 1_000
        yield server


def scripted(conversation: Conversation) -> AbstractAsyncContextManager[MailServer]:
    """Run a mail server with a scripted conversation."""
    return conversation_server(conversation)


FAULTS = {
    "connection refused": closed_port,
    "hanging": lambda: scripted(say_nothing),
    "hanging up": lambda: scripted(hang_up),
    "too busy": lambda: scripted(refuse_service),
    "hanging after DATA": lambda: scripted(hang_after_data),
    "one byte at a time": lambda: scripted(reply_endlessly),
    "just in time": lambda: scripted(reply_slowly),
    "4xx": lambda: answering("451 later"),
    "5xx": lambda: answering("554 never"),
    "dropped after DATA": dropping_connections,
}


def create_worker(port: int, services: Services) -> EmailWorker:
    """Create an email worker for the mail server at a port."""
    smtp = SmtpSettings("127.0.0.1", port, "no-reply@acme.example", "Countersign", security="none", timeout_s=TIMEOUT_S)
    return EmailWorker(services.database, smtp, clock=services.clock)


@pytest.mark.attack("J2")
@pytest.mark.parametrize("fault", FAULTS)
async def test_mutation_succeeds_despite_a_mail_server_fault_and_its_email_is_sent_later(
    database_url: str, clock: Clock, fault: str
) -> None:
    """While the email worker runs, the outcome is the same and fast. The email is sent with its own Message-ID."""
    scenario = SCENARIO_BY_NAME["acknowledgeBackupCodes"]
    async with FAULTS[fault]() as broken:
        settings = Settings(
            database_url=database_url,
            smtp_host="127.0.0.1",
            smtp_port=broken.port,
            smtp_security="none",
            smtp_timeout_s=TIMEOUT_S,
        )
        app = create_app(settings, clock=clock)
        services: Services = app.state.services
        async with running(app) as http:
            harness = AppHarness(http, services, Factory(services.database, services.key_ring, clock))
            # Run the mutation twice. The second runs while the worker delivers the first email.
            for _ in range(2):
                request = await scenario.prepare(harness.factory, clock())
                async with asyncio.timeout(MUTATION_TIMEOUT_S):
                    assert await harness.outcome(request) == scenario.success_type
            # Wait until the worker has tried to deliver an email.
            async with asyncio.timeout(60):
                while not await _was_tried(services):  # noqa: ASYNC110  # a delivery attempt has no event
                    await asyncio.sleep(0.05)

    clock.advance(LATER)
    async with app_harness(settings, clock) as harness, mail_server() as good:
        while await create_worker(good.port, harness.services).deliver_due(clock()):
            pass
        async with harness.services.database.reading():
            emails = await models.OutboxEmail.all()
        assert [email.state for email in emails] == [EmailState.SENT] * 2
        arrived = {str(each.message["Message-ID"]).partition("@")[0].strip("<") for each in good.received}
        waiting = {str(email.id) for email in emails}
        # The slow server accepted an email just before the timeout, so that email was sent before.
        assert arrived <= waiting if fault == "just in time" else arrived == waiting


async def _was_tried(services: Services) -> bool:
    async with services.database.reading():
        return await models.OutboxEmail.filter(tries__gte=1).exists()


@pytest.mark.attack("J3", "K1")
async def test_email_worker_recovers_from_a_lost_database_connection(
    migrated_postgres: PostgresTemplate, clock: Clock
) -> None:
    """The same task sends the email afterwards with the same id, at most twice if the `SENT` state was lost."""
    url = await asyncio.to_thread(migrated_postgres.copy)
    scenario = SCENARIO_BY_NAME["acknowledgeBackupCodes"]
    async with (
        proxy_to(url) as proxy,
        app_harness(Settings(database_url=proxy.url, database_pool_size=2), clock) as harness,
        mail_server() as good,
    ):
        worker = create_worker(good.port, harness.services)
        number, moment, has_broken = 1, Moment.BEFORE, True
        while has_broken:
            good.received.clear()
            assert await harness.outcome(await scenario.prepare(harness.factory, clock())) == scenario.success_type
            proxy.break_at(number, moment)
            with contextlib.suppress(DatabaseUnavailable):
                await worker.deliver_due(clock())
            has_broken = proxy.has_broken
            proxy.break_at(None)
            clock.advance(LATER)
            await worker.deliver_due(clock())

            async with harness.services.database.reading():
                assert await models.OutboxEmail.exclude(state=EmailState.SENT).count() == 0
            assert len({each.message["Message-ID"] for each in good.received}) == 1
            assert len(good.received) <= 2
            if moment is Moment.BEFORE:
                moment = Moment.AFTER
            else:
                number, moment = number + 1, Moment.BEFORE
        assert number > 5
    await asyncio.to_thread(migrated_postgres.drop, url)
