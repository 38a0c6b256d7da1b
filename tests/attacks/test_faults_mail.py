"""Faults of the mail seen from a mutation: attacks J2, J3 and K1. No answer waits for a letter, and no letter is lost.

What the sender makes of each kind of fault is shown by the tests of the mail.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest

import models
from app import create_app
from attacks.deeds import BY_NAME
from attacks.scenes import Scene
from attacks.served import Served, served
from mail.sender import MailSender, SmtpSettings
from models import LetterState
from models.database import DatabaseUnavailable
from settings import Settings
from tests.mail.servers import (
    Conversation,
    MailServer,
    conversation_server,
    dawdle,
    drip,
    hang_after_data,
    hang_up,
    mail_server,
    refuse_service,
    say_nothing,
)
from tests.support.api import running
from tests.support.clock import Clock
from tests.support.databases import PostgresTemplate
from tests.support.proxy import Moment, proxy_to
from twofactor.environment import Environment

TIMEOUT_S = 0.3
# Far longer than a mutation should take, on a machine that does much else, and far shorter than these servers do.
SOON_S = 10
# Longer than any lease and any first wait.
LATER = timedelta(hours=1)


@asynccontextmanager
async def nobody_listens() -> AsyncIterator[MailServer]:
    """A port that refuses connections."""
    async with mail_server() as server:
        port = server.port
    yield MailServer(port)


@asynccontextmanager
async def saying(answer: str) -> AsyncIterator[MailServer]:
    """A server that answers every message so."""
    async with mail_server() as server:
        server.answer_to_data = answer
        yield server


@asynccontextmanager
async def dropping() -> AsyncIterator[MailServer]:
    """A server that hangs up after every message."""
    async with mail_server() as server:
        server.drops_after_data = 1_000
        yield server


def talking(conversation: Conversation) -> AbstractAsyncContextManager[MailServer]:
    """A server that says what it likes."""
    return conversation_server(conversation)


FAULTS = {
    "refused": nobody_listens,
    "hanging": lambda: talking(say_nothing),
    "hanging up": lambda: talking(hang_up),
    "too busy": lambda: talking(refuse_service),
    "hanging after DATA": lambda: talking(hang_after_data),
    "one byte at a time": lambda: talking(drip),
    "just in time": lambda: talking(dawdle),
    "4xx": lambda: saying("451 later"),
    "5xx": lambda: saying("554 never"),
    "dropped after DATA": dropping,
}


def sender_to(port: int, env: Environment) -> MailSender:
    """A sender to a server that may be good."""
    smtp = SmtpSettings("127.0.0.1", port, "no-reply@acme.example", "Countersign", security="none", timeout_s=TIMEOUT_S)
    return MailSender(env.database, smtp, clock=env.clock)


@pytest.mark.parametrize("fault", FAULTS)
async def test_j2_a_mutation_goes_through_whatever_the_mail_server_does_and_its_letter_is_sent_later(
    database_url: str, clock: Clock, fault: str
) -> None:
    """With the sender at work beside it: the answer is the same and soon, and the letter comes under its own id."""
    deed = BY_NAME["acknowledgeBackupCodes"]
    async with FAULTS[fault]() as broken:
        settings = Settings(
            database_url=database_url,
            smtp_host="127.0.0.1",
            smtp_port=broken.port,
            smtp_security="none",
            smtp_timeout_s=TIMEOUT_S,
        )
        app = create_app(settings, clock=clock)
        env: Environment = app.state.env
        async with running(app) as http:
            service = Served(http, env, Scene(env.database, env.key_ring, clock))
            # Two, so that the second is done while the sender has the first in hand.
            for _ in range(2):
                request = await deed.prepare(service.scene, clock())
                async with asyncio.timeout(SOON_S):
                    assert await service.answer(request) == deed.succeeds_as
            # Where the sender has tried, nothing of it has been taken for sent.
            async with asyncio.timeout(60):
                while not await _was_tried(env):  # noqa: ASYNC110  # nobody tells when a letter is tried
                    await asyncio.sleep(0.05)

    clock.advance(LATER)
    async with served(settings, clock) as service, mail_server() as good:
        while await sender_to(good.port, service.env).deliver_due(clock()):
            pass
        async with service.env.database.reading():
            letters = await models.Letter.all()
        assert [letter.state for letter in letters] == [LetterState.SENT] * 2
        arrived = {str(each.message["Message-ID"]).partition("@")[0].strip("<") for each in good.received}
        waiting = {str(letter.id) for letter in letters}
        # One that was answered just in time has been sent before.
        assert arrived <= waiting if fault == "just in time" else arrived == waiting


async def _was_tried(env: Environment) -> bool:
    async with env.database.reading():
        return await models.Letter.filter(tries__gte=1).exists()


async def test_j3_k1_a_sender_whose_database_breaks_at_any_statement_goes_on_by_itself(
    migrated_postgres: PostgresTemplate, clock: Clock
) -> None:
    """In the same task: the letter is sent afterwards, under the same id, and twice at most where the mark was lost."""
    url = await asyncio.to_thread(migrated_postgres.copy)
    deed = BY_NAME["acknowledgeBackupCodes"]
    async with (
        proxy_to(url) as proxy,
        served(Settings(database_url=proxy.url, database_pool_size=2), clock) as service,
        mail_server() as good,
    ):
        sender = sender_to(good.port, service.env)
        number, moment, has_broken = 1, Moment.BEFORE, True
        while has_broken:
            good.received.clear()
            assert await service.answer(await deed.prepare(service.scene, clock())) == deed.succeeds_as
            proxy.break_at(number, moment)
            with contextlib.suppress(DatabaseUnavailable):
                await sender.deliver_due(clock())
            has_broken = proxy.has_broken
            proxy.break_at(None)
            clock.advance(LATER)
            await sender.deliver_due(clock())

            async with service.env.database.reading():
                assert await models.Letter.exclude(state=LetterState.SENT).count() == 0
            assert len({each.message["Message-ID"] for each in good.received}) == 1
            assert len(good.received) <= 2
            if moment is Moment.BEFORE:
                moment = Moment.AFTER
            else:
                number, moment = number + 1, Moment.BEFORE
        assert number > 5
    await asyncio.to_thread(migrated_postgres.drop, url)
