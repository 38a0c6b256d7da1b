"""Tests of the email worker: at least one delivery, always encrypted, and one invalid email blocks no other."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

import models
from mail import outbox, worker
from mail.worker import EmailWorker, SmtpSettings
from models import EmailState
from models.database import Database, DatabaseUnavailable
from tests.integration.mail.conftest import NOW, WorkerFactory, insert_email, reload
from tests.support import mail_servers
from tests.support.clock import Clock
from tests.support.mail_servers import PASSWORD, USERNAME, Conversation, conversation_server, mail_server, text_of

LOGIN = {"username": USERNAME, "password": PASSWORD}


async def assert_retry_scheduled(database: Database, email: models.OutboxEmail, *, error: str, wait: timedelta) -> None:
    """Require that the email waits for its second attempt, for about this long, with this error."""
    stored = await reload(database, email)
    assert (stored.state, stored.tries, stored.last_error) == (EmailState.WAITING, 1, error)
    # The first attempt takes some time, and jitter adds up to a quarter.
    assert NOW + wait <= stored.next_try_at <= NOW + wait * 1.25 + timedelta(seconds=30)


FIRST_WAIT = timedelta(seconds=30)

# A process that sends the due emails once.
ONE_ROUND = """
import asyncio, sys
from datetime import UTC, datetime
from mail.worker import EmailWorker, SmtpSettings
from models.database import Database

async def main(url, port, now):
    database = Database(url)
    await database.open()
    settings = SmtpSettings("127.0.0.1", int(port), "security@countersign.example", "Countersign", security="none")
    worker = EmailWorker(database, settings, clock=lambda: datetime.now(UTC))
    await worker.deliver_due(datetime.fromisoformat(now))
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


class TestDelivery:
    async def test_sends_due_emails_over_one_connection(self, database: Database, worker_for: WorkerFactory) -> None:
        """Every due email is sent to its recipient and marked as sent. An email that is not due stays."""
        emails = [await insert_email(database, recipient_email=f"user{n}@example.org") for n in range(3)]
        later = await insert_email(database, next_try_at=NOW + timedelta(seconds=1))

        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(NOW) == 3
            assert await worker_for(server.port).deliver_due(NOW) == 0

        assert server.connections == 1
        assert [received.recipients for received in server.received] == [[email.recipient_email] for email in emails]
        assert {received.sender for received in server.received} == {"security@countersign.example"}
        for email in emails:
            stored = await reload(database, email)
            assert (stored.state, stored.tries, stored.last_error) == (EmailState.SENT, 1, None)
            assert stored.sent_at is not None
            assert stored.sent_at >= NOW
        assert (await reload(database, later)).state is EmailState.WAITING

    async def test_uses_starttls_with_login(
        self, database: Database, worker_for: WorkerFactory, certificate: trustme.LeafCert
    ) -> None:
        """With STARTTLS, login and email are encrypted."""
        await insert_email(database)

        async with mail_server(certificate, with_login=True) as server:
            assert await worker_for(server.port, security="starttls", **LOGIN).deliver_due(NOW) == 1

        [received] = server.received
        assert (received.encrypted, received.authenticated) == (True, True)

    async def test_uses_tls_with_login(
        self, database: Database, worker_for: WorkerFactory, certificate: trustme.LeafCert
    ) -> None:
        """With TLS from the start, login and email are encrypted."""
        await insert_email(database)

        async with mail_server(certificate, tls=True, with_login=True) as server:
            assert await worker_for(server.port, security="tls", **LOGIN).deliver_due(NOW) == 1

        [received] = server.received
        assert (received.encrypted, received.authenticated) == (True, True)

    async def test_delivers_the_message_unchanged(self, database: Database, worker_for: WorkerFactory) -> None:
        """Text and HTML arrive unchanged, including umlauts."""
        email = await insert_email(database, locale="de", recipient_name="Zoë Müller")

        async with mail_server() as server:
            await worker_for(server.port).deliver_due(NOW)

        message = server.received[0].message
        assert message["Message-ID"] == f"<{email.id}@countersign.example>"
        for subtype in ("plain", "html"):
            text = text_of(message, subtype)
            assert "Guten Tag Zoë Müller," in text
            assert "geändert" in text

    async def test_supports_internationalised_addresses(self, database: Database, worker_for: WorkerFactory) -> None:
        """An address outside ASCII works with a server that supports it (RFC 6531)."""
        await insert_email(database, recipient_email="zoë@example.org")

        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(NOW) == 1

        assert server.received[0].recipients == ["zoë@example.org"]

    @pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example", "BÜCHER．example"])
    async def test_sends_internationalised_domains_in_ascii(
        self, database: Database, worker_for: WorkerFactory, domain: str
    ) -> None:
        """So any server takes them (RFC 5891 §5), also one without SMTPUTF8."""
        await insert_email(database, recipient_email=f"anna@{domain}")

        async with mail_server(with_smtputf8=False) as server:
            assert await worker_for(server.port).deliver_due(NOW) == 1

        [received] = server.received
        assert received.recipients == ["anna@xn--bcher-kva.example"]
        assert [each.addr_spec for each in received.message["To"].addresses] == ["anna@xn--bcher-kva.example"]

    async def test_needs_a_server_with_smtputf8_for_other_names(
        self, database: Database, worker_for: WorkerFactory
    ) -> None:
        """Characters outside ASCII before the @ have no spelling in ASCII. The email to such a user fails alone."""
        await insert_email(database, recipient_email="jürgen@bücher.example")

        async with mail_server(with_smtputf8=False) as server:
            assert await worker_for(server.port).deliver_due(NOW) == 0
        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(NOW + timedelta(hours=1)) == 1

        assert server.received[0].recipients == ["jürgen@xn--bcher-kva.example"]

    @pytest.mark.attack("J5")
    async def test_two_workers_send_each_email_once(self, database: Database, worker_for: WorkerFactory) -> None:
        """Two workers share the outbox, and no email is sent twice."""
        emails = [await insert_email(database) for _ in range(10)]

        async with mail_server() as server:
            sent = await asyncio.gather(*(worker_for(server.port).deliver_due(NOW) for _ in range(2)))

        assert sum(sent) == 10
        assert sorted(received.message["Message-ID"] for received in server.received) == sorted(
            f"<{email.id}@countersign.example>" for email in emails
        )

    async def test_stops_between_two_emails(self, database: Database, worker_for: WorkerFactory) -> None:
        """A shutdown waits for the current email, not for the whole batch."""
        for _ in range(3):
            await insert_email(database)
        stop = asyncio.Event()

        async with mail_server() as server:
            server.on_message = stop.set
            assert await worker_for(server.port).deliver_due(NOW, stop=stop) == 1

        assert len(server.received) == 1


class TestUnavailableServer:
    @pytest.mark.attack("J2")
    @pytest.mark.parametrize(
        ("conversation", "error"),
        [
            (mail_servers.hang_up, "SMTPConnectError"),
            (mail_servers.say_nothing, "SMTPConnectTimeoutError"),
            (mail_servers.refuse_service, "SMTPConnectResponseError 421"),
            (mail_servers.reply_endlessly, "SMTPReadTimeoutError|TimeoutError"),
        ],
    )
    async def test_schedules_a_retry(
        self, database: Database, worker_for: WorkerFactory, clock: Clock, conversation: Conversation, error: str
    ) -> None:
        """The email waits, is not sent early, and is sent when the server is available again."""
        email = await insert_email(database)

        async with conversation_server(conversation) as server:
            assert await worker_for(server.port, timeout_s=0.2).deliver_due(clock()) == 0
        stored = await reload(database, email)
        assert stored.last_error in error.split("|")
        await assert_retry_scheduled(database, email, error=stored.last_error or "", wait=FIRST_WAIT)

        async with mail_server() as available:
            clock.advance(FIRST_WAIT - timedelta(seconds=1))
            assert await worker_for(available.port).deliver_due(clock()) == 0
            clock.advance(timedelta(minutes=1))
            assert await worker_for(available.port).deliver_due(clock()) == 1

    async def test_refused_connection_uses_one_attempt_of_one_email(
        self, database: Database, worker_for: WorkerFactory
    ) -> None:
        """If nothing listens on the port, one email is retried later, and the others keep their attempts."""
        emails = [await insert_email(database) for _ in range(3)]
        async with mail_server() as server:
            closed_port = server.port

        assert await worker_for(closed_port).deliver_due(NOW) == 0

        assert sorted([(await reload(database, email)).tries for email in emails]) == [0, 0, 1]

    async def test_email_fails_after_the_last_attempt(
        self, database: Database, worker_for: WorkerFactory, clock: Clock
    ) -> None:
        """After the last attempt the email is FAILED, until the operator retries it."""
        email = await insert_email(database)
        async with mail_server() as server:
            closed_port = server.port
        for _ in range(outbox.MAX_TRIES):
            assert (await reload(database, email)).state is EmailState.WAITING
            await worker_for(closed_port).deliver_due(clock())
            clock.advance(timedelta(hours=6))
        assert (await reload(database, email)).state is EmailState.FAILED

        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(clock()) == 0
            async with database.transaction():
                await outbox.retry_failed(clock())
            assert await worker_for(server.port).deliver_due(clock()) == 1


class TestUntrustedServer:
    async def test_gets_nothing_without_starttls(self, database: Database, worker_for: WorkerFactory) -> None:
        """If a server does not offer STARTTLS, or an attacker removed the offer, it receives no email."""
        email = await insert_email(database)

        async with mail_server() as server:
            assert await worker_for(server.port, security="starttls").deliver_due(NOW) == 0

        assert server.received == []
        await assert_retry_scheduled(database, email, error="SMTPException", wait=FIRST_WAIT)

    @pytest.mark.attack("H8")
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    @pytest.mark.parametrize("flaw", ["authority", "name"])
    async def test_gets_nothing_with_an_invalid_certificate(
        self, database: Database, worker_for: WorkerFactory, authority: trustme.CA, security: str, flaw: str
    ) -> None:
        """An unknown authority or a wrong name in the certificate ends the connection before the login."""
        bad = (
            trustme.CA().issue_cert("127.0.0.1") if flaw == "authority" else authority.issue_cert("mail.other.example")
        )
        email = await insert_email(database)

        async with mail_server(bad, tls=security == "tls", with_login=True) as server:
            assert await worker_for(server.port, security=security, **LOGIN).deliver_due(NOW) == 0

        assert server.received == []
        stored = await reload(database, email)
        assert stored.last_error in {"SSLCertVerificationError", "SMTPConnectError"}
        await assert_retry_scheduled(database, email, error=stored.last_error or "", wait=FIRST_WAIT)

    async def test_gets_nothing_if_it_rejects_the_login(
        self, database: Database, worker_for: WorkerFactory, certificate: trustme.LeafCert
    ) -> None:
        """A wrong password is a setting to correct, so the email waits."""
        email = await insert_email(database)

        async with mail_server(certificate, with_login=True) as server:
            wrong = worker_for(server.port, security="starttls", username=USERNAME, password="wrong", timeout_s=0.5)
            assert await wrong.deliver_due(NOW) == 0

        assert server.received == []
        stored = await reload(database, email)
        await assert_retry_scheduled(database, email, error=stored.last_error or "", wait=FIRST_WAIT)


class TestRejectedEmail:
    async def test_temporary_error_delays_only_this_email(self, database: Database, worker_for: WorkerFactory) -> None:
        """After a 4xx reply the worker sends the other emails over the same connection."""
        rejected = await insert_email(database, recipient_email="full@example.org")
        other = await insert_email(database)

        async with mail_server() as server:
            server.answers_to_recipients["full@example.org"] = "452 mailbox full, full@example.org"
            assert await worker_for(server.port).deliver_due(NOW) == 1

        assert server.connections == 1
        await assert_retry_scheduled(database, rejected, error="SMTPRecipientRefused 452", wait=FIRST_WAIT)
        assert (await reload(database, other)).state is EmailState.SENT

    async def test_permanent_error_fails_after_three_attempts(
        self, database: Database, worker_for: WorkerFactory, clock: Clock
    ) -> None:
        """After a 5xx reply to the recipient there are two more attempts, half an hour apart."""
        email = await insert_email(database, recipient_email="gone@example.org")

        async with mail_server() as server:
            server.answers_to_recipients["gone@example.org"] = "550 no such user"
            await worker_for(server.port).deliver_due(clock())
            await assert_retry_scheduled(database, email, error="SMTPRecipientRefused 550", wait=timedelta(minutes=30))
            for _ in range(2):
                assert (await reload(database, email)).state is EmailState.WAITING
                clock.advance(timedelta(hours=1))
                await worker_for(server.port).deliver_due(clock())

        assert (await reload(database, email)).state is EmailState.FAILED

    @pytest.mark.parametrize(
        ("answer", "wait"), [("451 try later", FIRST_WAIT), ("554 looks like spam", timedelta(minutes=30))]
    )
    async def test_error_on_data_schedules_a_retry(
        self, database: Database, worker_for: WorkerFactory, answer: str, wait: timedelta
    ) -> None:
        """A reply to DATA has the same effect as a reply to the recipient."""
        email = await insert_email(database)

        async with mail_server() as server:
            server.answer_to_data = answer
            assert await worker_for(server.port).deliver_due(NOW) == 0

        await assert_retry_scheduled(database, email, error=f"SMTPDataError {answer[:3]}", wait=wait)

    @pytest.mark.attack("J8")
    @pytest.mark.parametrize(
        "poison",
        [
            {"facts": {}},
            {"facts": {"at": "yesterday", "ip_address": None, "user_agent": None}},
            {"recipient_email": "grace@example.org, victim@example.com"},
            {"recipient_email": "grace@example.org>\r\nRCPT TO:<victim@example.com"},
        ],
        ids=["no facts", "no instant", "two addresses", "a command"],
    )
    async def test_invalid_email_blocks_no_other(
        self, database: Database, worker_for: WorkerFactory, clock: Clock, poison: dict[str, Any]
    ) -> None:
        """An email that cannot be built is retried and then FAILED. The next email is sent at once."""
        bad = await insert_email(database, next_try_at=NOW - timedelta(hours=1), **poison)
        good = await insert_email(database)

        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(clock()) == 1
            for _ in range(2):
                assert (await reload(database, bad)).state is EmailState.WAITING
                clock.advance(timedelta(hours=1))
                assert await worker_for(server.port).deliver_due(clock()) == 0

        assert [received.recipients for received in server.received] == [[good.recipient_email]]
        assert (await reload(database, bad)).state is EmailState.FAILED

    async def test_email_that_kills_workers_fails(self, database: Database, worker_for: WorkerFactory) -> None:
        """If the worker died after the last lease, the email is not tried again."""
        email = await insert_email(database, tries=outbox.MAX_TRIES)

        async with mail_server() as server:
            assert await worker_for(server.port).deliver_due(NOW) == 0

        assert server.received == []
        assert (await reload(database, email)).state is EmailState.FAILED


class TestAtLeastOnce:
    @pytest.mark.attack("J3")
    async def test_lost_reply_sends_again_with_the_same_id(
        self, database: Database, worker_for: WorkerFactory, clock: Clock
    ) -> None:
        """If a server accepts the email and disconnects, it gets the email again. The others use a new connection."""
        first = await insert_email(database, next_try_at=NOW - timedelta(hours=1))
        await insert_email(database)

        async with mail_server() as server:
            server.drops_after_data = 1
            assert await worker_for(server.port).deliver_due(clock()) == 1
            await assert_retry_scheduled(database, first, error="SMTPServerDisconnected", wait=FIRST_WAIT)
            clock.advance(timedelta(minutes=1))
            assert await worker_for(server.port).deliver_due(clock()) == 1

        ids = [received.message["Message-ID"] for received in server.received]
        assert ids[0] == ids[2] == f"<{first.id}@countersign.example>"
        assert server.received[0].content == server.received[2].content

    @pytest.mark.attack("J2")
    async def test_missing_reply_schedules_a_retry(self, database: Database, worker_for: WorkerFactory) -> None:
        """Without a reply before the timeout, the email counts as not sent."""
        email = await insert_email(database)

        async with conversation_server(mail_servers.hang_after_data) as server:
            assert await worker_for(server.port, timeout_s=0.2).deliver_due(NOW) == 0

        await assert_retry_scheduled(database, email, error="SMTPReadTimeoutError", wait=FIRST_WAIT)

    async def test_slow_server_does_not_outlast_the_lease(self, database: Database, worker_for: WorkerFactory) -> None:
        """Each reply is in time, but all together take too long. A retry is scheduled before the lease ends.

        The next email uses a new connection, because a reply to the previous email may still arrive.
        """
        emails = [await insert_email(database) for _ in range(2)]

        async with conversation_server(mail_servers.reply_slowly) as server:
            assert await worker_for(server.port, timeout_s=0.3).deliver_due(NOW) == 0

        assert server.connections == 2
        for email in emails:
            await assert_retry_scheduled(database, email, error="TimeoutError", wait=FIRST_WAIT)

    async def test_worker_cancelled_before_marking_sends_again(
        self, database: Database, worker_for: WorkerFactory, clock: Clock
    ) -> None:
        """The email is due again when the lease ends, with the same Message-ID."""
        await insert_email(database)

        async with mail_server() as server:
            cancelled_task = asyncio.create_task(worker_for(server.port).deliver_due(clock()))
            server.on_message = cancelled_task.cancel
            with contextlib.suppress(asyncio.CancelledError):
                await cancelled_task
            assert cancelled_task.cancelled()
            server.on_message = None

            clock.advance(timedelta(seconds=59))
            assert await worker_for(server.port).deliver_due(clock()) == 0
            clock.advance(timedelta(seconds=2))
            assert await worker_for(server.port).deliver_due(clock()) == 1

        first, second = (received.message["Message-ID"] for received in server.received)
        assert first == second

    @pytest.mark.attack("J3")
    async def test_killed_process_loses_no_email(
        self, database: Database, database_url: str, worker_for: WorkerFactory, clock: Clock
    ) -> None:
        """After SIGKILL during the delivery, another process sends the email again, with the same Message-ID."""
        await insert_email(database)

        async with mail_server() as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ONE_ROUND, database_url, str(server.port), NOW.isoformat()
            )
            server.on_message = process.kill
            assert await process.wait() == -signal.SIGKILL
            server.on_message = None
            clock.advance(timedelta(minutes=2))
            assert await worker_for(server.port).deliver_due(clock()) == 1

        first, second = (received.message["Message-ID"] for received in server.received)
        assert first == second

    def test_lease_is_longer_than_the_slowest_delivery(self, worker_for: WorkerFactory) -> None:
        """The lease is longer than the limits on connecting and sending together."""
        slow = worker_for(1, timeout_s=10.0)

        assert slow.lease >= timedelta(seconds=2 * worker.REPLIES_PER_STEP * 10)


class TestRun:
    async def test_sends_until_stopped(self, database: Database, worker_for: WorkerFactory) -> None:
        """The loop sends waiting emails and ends when `stop` is set."""
        await insert_email(database)
        stop = asyncio.Event()

        async with mail_server() as server, asyncio.timeout(10):
            server.on_message = stop.set
            await worker_for(server.port).run(stop)

        assert len(server.received) == 1

    async def test_survives_an_unavailable_database(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        """The loop continues after each failure."""
        monkeypatch.setattr(worker, "POLL_S", 0.001)
        rounds = 0
        stop = asyncio.Event()

        async def fail() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 3:
                stop.set()
            raise DatabaseUnavailable

        class UnavailableDatabase(Database):
            @asynccontextmanager
            async def reading(self) -> AsyncIterator[None]:
                await fail()
                yield

        settings = SmtpSettings("127.0.0.1", 1, "s@countersign.example", "Countersign", security="none")
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                await EmailWorker(UnavailableDatabase("sqlite://unused"), settings, clock=clock).run(stop)

        assert [entry["event"] for entry in logs] == ["outbox_unavailable"] * 3

    async def test_survives_an_unavailable_mail_server(
        self, database: Database, worker_for: WorkerFactory, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The loop tries again when an email is due, however often the server disconnects."""
        monkeypatch.setattr(worker, "POLL_S", 0.001)
        await insert_email(database)
        stop = asyncio.Event()

        async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            clock.advance(timedelta(minutes=10))
            if server.connections == 3:
                stop.set()

        async with conversation_server(hang_up) as server, asyncio.timeout(20):
            await worker_for(server.port, timeout_s=1.0).run(stop)

        assert server.connections == 3


class TestLogs:
    async def test_contain_no_personal_data(self, database: Database, worker_for: WorkerFactory) -> None:
        """Logs and the stored error contain the id and the error, but no address, name, reply or content."""
        rejected = await insert_email(database, recipient_email="full@example.org")
        await insert_email(database)

        with capture_logs() as logs:
            async with mail_server() as server:
                server.answers_to_recipients["full@example.org"] = "452 full@example.org Grace Hopper is full"
                await worker_for(server.port).deliver_due(NOW)

        assert {entry["event"] for entry in logs} == {"email_sent", "email_retry_scheduled"}
        logged = repr(logs) + repr((await reload(database, rejected)).last_error)
        assert str(rejected.id) in logged
        for private in ("example.org", "Grace", "is full", "203.0.113.7"):
            assert private not in logged


class TestSettings:
    def test_hide_the_password(self) -> None:
        """The representation of the settings does not contain the password."""
        assert PASSWORD not in repr(SmtpSettings("h", 25, "s@example.org", "C", username="u", password=PASSWORD))

    @pytest.mark.parametrize(
        "settings",
        [
            {"sender_address": "nobody"},
            {"username": USERNAME},
            {"password": PASSWORD},
            {"security": "none", **LOGIN},
        ],
        ids=["no address", "no password", "no username", "login in clear"],
    )
    def test_reject_invalid_and_unsafe_combinations(self, settings: dict[str, Any]) -> None:
        """The error is raised at the start and does not contain the password."""
        with pytest.raises(ValueError) as raised:  # noqa: PT011  # the text is checked below
            SmtpSettings("h", 25, **{"sender_address": "s@example.org", "product_name": "C"} | settings)

        assert PASSWORD not in str(raised.value)

    def test_reject_a_missing_ca_file(self, worker_for: WorkerFactory) -> None:
        """A missing file is an error at the start, not at every email."""
        with pytest.raises(OSError, match="No such file"):
            worker_for(1, security="tls", ca_file=Path("nowhere.pem"))
