"""The sender: at least once, never in clear, and one bad letter or server holds up nothing else."""

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
from mail import outbox, sender
from mail.sender import MailSender, SmtpSettings
from models import LetterState
from models.database import Database, DatabaseUnavailable
from tests.mail import servers
from tests.mail.conftest import NOW, SenderOf, a_waiting_letter, read_again
from tests.mail.servers import PASSWORD, USERNAME, Conversation, conversation_server, mail_server
from tests.support.clock import Clock

LOGIN = {"username": USERNAME, "password": PASSWORD}


async def assert_put_back(database: Database, letter: models.Letter, *, error: str, wait: timedelta) -> None:
    """The letter waits again, for about this long, and says why."""
    stored = await read_again(database, letter)
    assert (stored.state, stored.tries, stored.last_error) == (LetterState.WAITING, 1, error)
    # The first try took a moment, and jitter adds up to a quarter.
    assert NOW + wait <= stored.next_try_at <= NOW + wait * 1.25 + timedelta(seconds=30)


FIRST_WAIT = timedelta(seconds=30)

# A process of its own that sends what is due, once.
ONE_ROUND = """
import asyncio, sys
from datetime import UTC, datetime
from mail.sender import MailSender, SmtpSettings
from models.database import Database

async def main(url, port, now):
    database = Database(url)
    await database.open()
    settings = SmtpSettings("127.0.0.1", int(port), "security@countersign.example", "Countersign", security="none")
    sender = MailSender(database, settings, clock=lambda: datetime.now(UTC))
    await sender.deliver_due(datetime.fromisoformat(now))
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


class TestDelivery:
    async def test_sends_what_is_due_over_one_connection(self, database: Database, sender_to: SenderOf) -> None:
        """Every due letter is sent to its one recipient and marked; what is not due stays."""
        letters = [await a_waiting_letter(database, recipient_email=f"user{n}@example.org") for n in range(3)]
        later = await a_waiting_letter(database, next_try_at=NOW + timedelta(seconds=1))

        async with mail_server() as server:
            assert await sender_to(server.port).deliver_due(NOW) == 3
            assert await sender_to(server.port).deliver_due(NOW) == 0

        assert server.connections == 1
        assert [received.recipients for received in server.received] == [[letter.recipient_email] for letter in letters]
        assert {received.sender for received in server.received} == {"security@countersign.example"}
        for letter in letters:
            stored = await read_again(database, letter)
            assert (stored.state, stored.tries, stored.last_error) == (LetterState.SENT, 1, None)
            assert stored.sent_at is not None
            assert stored.sent_at >= NOW
        assert (await read_again(database, later)).state is LetterState.WAITING

    async def test_by_starttls_with_login(
        self, database: Database, sender_to: SenderOf, certificate: trustme.LeafCert
    ) -> None:
        """With STARTTLS, neither login nor letter travels in clear."""
        await a_waiting_letter(database)

        async with mail_server(certificate, with_login=True) as server:
            assert await sender_to(server.port, security="starttls", **LOGIN).deliver_due(NOW) == 1

        [received] = server.received
        assert (received.encrypted, received.authenticated) == (True, True)

    async def test_by_tls_with_login(
        self, database: Database, sender_to: SenderOf, certificate: trustme.LeafCert
    ) -> None:
        """With TLS from the start, the same."""
        await a_waiting_letter(database)

        async with mail_server(certificate, tls=True, with_login=True) as server:
            assert await sender_to(server.port, security="tls", **LOGIN).deliver_due(NOW) == 1

        [received] = server.received
        assert (received.encrypted, received.authenticated) == (True, True)

    async def test_arrives_as_it_was_composed(self, database: Database, sender_to: SenderOf) -> None:
        """Text and HTML, umlauts and all, survive the way."""
        letter = await a_waiting_letter(database, locale="de", recipient_name="Zoë Müller")

        async with mail_server() as server:
            await sender_to(server.port).deliver_due(NOW)

        message = server.received[0].message
        assert message["Message-ID"] == f"<{letter.id}@countersign.example>"
        for subtype in ("plain", "html"):
            body = message.get_body((subtype,))
            assert body is not None
            assert "Guten Tag Zoë Müller," in body.get_content()
            assert "geändert" in body.get_content()

    async def test_reaches_internationalised_addresses(self, database: Database, sender_to: SenderOf) -> None:
        """An address outside ASCII is reached through a server that takes it (RFC 6531)."""
        await a_waiting_letter(database, recipient_email="zoë@example.org")

        async with mail_server() as server:
            assert await sender_to(server.port).deliver_due(NOW) == 1

        assert server.received[0].recipients == ["zoë@example.org"]

    async def test_by_two_senders_sends_each_letter_once(self, database: Database, sender_to: SenderOf) -> None:
        """Two senders at once share the letters; none goes out twice."""
        letters = [await a_waiting_letter(database) for _ in range(10)]

        async with mail_server() as server:
            sent = await asyncio.gather(*(sender_to(server.port).deliver_due(NOW) for _ in range(2)))

        assert sum(sent) == 10
        assert sorted(received.message["Message-ID"] for received in server.received) == sorted(
            f"<{letter.id}@countersign.example>" for letter in letters
        )

    async def test_ends_between_letters_when_told_to_stop(self, database: Database, sender_to: SenderOf) -> None:
        """A shutdown waits for the letter under way, not for the batch."""
        for _ in range(3):
            await a_waiting_letter(database)
        stop = asyncio.Event()

        async with mail_server() as server:
            server.on_message = stop.set
            assert await sender_to(server.port).deliver_due(NOW, stop=stop) == 1

        assert len(server.received) == 1


class TestAServerThatIsAway:
    @pytest.mark.parametrize(
        ("conversation", "error"),
        [
            (servers.hang_up, "SMTPConnectError"),
            (servers.say_nothing, "SMTPConnectTimeoutError"),
            (servers.refuse_service, "SMTPConnectResponseError 421"),
            (servers.drip, "SMTPReadTimeoutError|TimeoutError"),
        ],
    )
    async def test_puts_the_letter_back(
        self, database: Database, sender_to: SenderOf, clock: Clock, conversation: Conversation, error: str
    ) -> None:
        """The letter waits, is not tried before its time, and goes out when the server is back."""
        letter = await a_waiting_letter(database)

        async with conversation_server(conversation) as server:
            assert await sender_to(server.port, timeout_s=0.2).deliver_due(clock()) == 0
        stored = await read_again(database, letter)
        assert stored.last_error in error.split("|")
        await assert_put_back(database, letter, error=stored.last_error or "", wait=FIRST_WAIT)

        async with mail_server() as mended:
            clock.advance(FIRST_WAIT - timedelta(seconds=1))
            assert await sender_to(mended.port).deliver_due(clock()) == 0
            clock.advance(timedelta(minutes=1))
            assert await sender_to(mended.port).deliver_due(clock()) == 1

    async def test_refusing_connections_costs_one_letter_a_try(self, database: Database, sender_to: SenderOf) -> None:
        """Where nobody listens, one letter is put back and the others keep their tries."""
        letters = [await a_waiting_letter(database) for _ in range(3)]
        async with mail_server() as server:
            closed_port = server.port

        assert await sender_to(closed_port).deliver_due(NOW) == 0

        assert sorted([(await read_again(database, letter)).tries for letter in letters]) == [0, 0, 1]

    async def test_is_given_up_on_in_the_end(self, database: Database, sender_to: SenderOf, clock: Clock) -> None:
        """After the last try the letter has failed and is left alone, until the operator lets it wait again."""
        letter = await a_waiting_letter(database)
        async with mail_server() as server:
            closed_port = server.port
        for _ in range(outbox.TRIES):
            assert (await read_again(database, letter)).state is LetterState.WAITING
            await sender_to(closed_port).deliver_due(clock())
            clock.advance(timedelta(hours=6))
        assert (await read_again(database, letter)).state is LetterState.FAILED

        async with mail_server() as server:
            assert await sender_to(server.port).deliver_due(clock()) == 0
            async with database.transaction():
                await outbox.retry(clock())
            assert await sender_to(server.port).deliver_due(clock()) == 1


class TestAServerThatIsNotToBeTrusted:
    async def test_gets_nothing_in_clear(self, database: Database, sender_to: SenderOf) -> None:
        """A server that offers no STARTTLS, or whose offer somebody removed, gets no letter."""
        letter = await a_waiting_letter(database)

        async with mail_server() as server:
            assert await sender_to(server.port, security="starttls").deliver_due(NOW) == 0

        assert server.received == []
        await assert_put_back(database, letter, error="SMTPException", wait=FIRST_WAIT)

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    @pytest.mark.parametrize("flaw", ["authority", "name"])
    async def test_with_a_bad_certificate_gets_nothing(
        self, database: Database, sender_to: SenderOf, authority: trustme.CA, security: str, flaw: str
    ) -> None:
        """A certificate of an unknown authority, or for another name, ends the connection before login and letter."""
        bad = (
            trustme.CA().issue_cert("127.0.0.1") if flaw == "authority" else authority.issue_cert("mail.other.example")
        )
        letter = await a_waiting_letter(database)

        async with mail_server(bad, tls=security == "tls", with_login=True) as server:
            assert await sender_to(server.port, security=security, **LOGIN).deliver_due(NOW) == 0

        assert server.received == []
        stored = await read_again(database, letter)
        assert stored.last_error in {"SSLCertVerificationError", "SMTPConnectError"}
        await assert_put_back(database, letter, error=stored.last_error or "", wait=FIRST_WAIT)

    async def test_that_refuses_the_login_gets_nothing(
        self, database: Database, sender_to: SenderOf, certificate: trustme.LeafCert
    ) -> None:
        """A wrong password is a setting to mend: the letter waits."""
        letter = await a_waiting_letter(database)

        async with mail_server(certificate, with_login=True) as server:
            wrong = sender_to(server.port, security="starttls", username=USERNAME, password="wrong", timeout_s=0.5)
            assert await wrong.deliver_due(NOW) == 0

        assert server.received == []
        stored = await read_again(database, letter)
        await assert_put_back(database, letter, error=stored.last_error or "", wait=FIRST_WAIT)


class TestALetterThatIsRefused:
    async def test_for_now_waits_and_the_others_go_out(self, database: Database, sender_to: SenderOf) -> None:
        """A 4xx answer puts back the one letter, over the same connection as the others."""
        refused = await a_waiting_letter(database, recipient_email="full@example.org")
        other = await a_waiting_letter(database)

        async with mail_server() as server:
            server.answers_to_recipients["full@example.org"] = "452 mailbox full, full@example.org"
            assert await sender_to(server.port).deliver_due(NOW) == 1

        assert server.connections == 1
        await assert_put_back(database, refused, error="SMTPRecipientRefused 452", wait=FIRST_WAIT)
        assert (await read_again(database, other)).state is LetterState.SENT

    async def test_for_good_is_given_up_after_three_tries(
        self, database: Database, sender_to: SenderOf, clock: Clock
    ) -> None:
        """A 5xx answer to the recipient is asked again twice, half an hour apart, and then believed."""
        letter = await a_waiting_letter(database, recipient_email="gone@example.org")

        async with mail_server() as server:
            server.answers_to_recipients["gone@example.org"] = "550 no such user"
            await sender_to(server.port).deliver_due(clock())
            await assert_put_back(database, letter, error="SMTPRecipientRefused 550", wait=timedelta(minutes=30))
            for _ in range(2):
                assert (await read_again(database, letter)).state is LetterState.WAITING
                clock.advance(timedelta(hours=1))
                await sender_to(server.port).deliver_due(clock())

        assert (await read_again(database, letter)).state is LetterState.FAILED

    @pytest.mark.parametrize(
        ("answer", "wait"), [("451 try later", FIRST_WAIT), ("554 looks like spam", timedelta(minutes=30))]
    )
    async def test_for_its_content_waits(
        self, database: Database, sender_to: SenderOf, answer: str, wait: timedelta
    ) -> None:
        """The answer to DATA counts like the answer to the recipient."""
        letter = await a_waiting_letter(database)

        async with mail_server() as server:
            server.answer_to_data = answer
            assert await sender_to(server.port).deliver_due(NOW) == 0

        await assert_put_back(database, letter, error=f"SMTPDataError {answer[:3]}", wait=wait)

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
    async def test_because_it_cannot_be_written_blocks_no_other(
        self, database: Database, sender_to: SenderOf, clock: Clock, poison: dict[str, Any]
    ) -> None:
        """A letter that cannot be composed is put back, then given up; the one behind it goes out at once."""
        bad = await a_waiting_letter(database, next_try_at=NOW - timedelta(hours=1), **poison)
        good = await a_waiting_letter(database)

        async with mail_server() as server:
            assert await sender_to(server.port).deliver_due(clock()) == 1
            for _ in range(2):
                assert (await read_again(database, bad)).state is LetterState.WAITING
                clock.advance(timedelta(hours=1))
                assert await sender_to(server.port).deliver_due(clock()) == 0

        assert [received.recipients for received in server.received] == [[good.recipient_email]]
        assert (await read_again(database, bad)).state is LetterState.FAILED

    async def test_because_it_kills_its_senders_is_given_up(self, database: Database, sender_to: SenderOf) -> None:
        """A letter that was claimed for the last time and never put back is not tried for ever."""
        letter = await a_waiting_letter(database, tries=outbox.TRIES)

        async with mail_server() as server:
            assert await sender_to(server.port).deliver_due(NOW) == 0

        assert server.received == []
        assert (await read_again(database, letter)).state is LetterState.FAILED


class TestAtLeastOnce:
    async def test_a_lost_answer_sends_again_under_the_same_id(
        self, database: Database, sender_to: SenderOf, clock: Clock
    ) -> None:
        """A server that took the letter but dropped the line gets it again; the others go on over a new connection."""
        first = await a_waiting_letter(database, next_try_at=NOW - timedelta(hours=1))
        await a_waiting_letter(database)

        async with mail_server() as server:
            server.drops_after_data = 1
            assert await sender_to(server.port).deliver_due(clock()) == 1
            await assert_put_back(database, first, error="SMTPServerDisconnected", wait=FIRST_WAIT)
            clock.advance(timedelta(minutes=1))
            assert await sender_to(server.port).deliver_due(clock()) == 1

        ids = [received.message["Message-ID"] for received in server.received]
        assert ids[0] == ids[2] == f"<{first.id}@countersign.example>"
        assert server.received[0].content == server.received[2].content

    async def test_a_hanging_server_sends_again(self, database: Database, sender_to: SenderOf) -> None:
        """Without an answer to the letter within the time allowed, it is not sent."""
        letter = await a_waiting_letter(database)

        async with conversation_server(servers.hang_after_data) as server:
            assert await sender_to(server.port, timeout_s=0.2).deliver_due(NOW) == 0

        await assert_put_back(database, letter, error="SMTPReadTimeoutError", wait=FIRST_WAIT)

    async def test_a_dawdling_server_does_not_outlast_the_lease(self, database: Database, sender_to: SenderOf) -> None:
        """Each answer in time, but too long for all of them together: each letter is put back before its lease ends.

        The next letter gets a connection of its own, for an answer to the one before may still be on its way.
        """
        letters = [await a_waiting_letter(database) for _ in range(2)]

        async with conversation_server(servers.dawdle) as server:
            assert await sender_to(server.port, timeout_s=0.3).deliver_due(NOW) == 0

        assert server.connections == 2
        for letter in letters:
            await assert_put_back(database, letter, error="TimeoutError", wait=FIRST_WAIT)

    async def test_a_sender_that_dies_before_marking_sends_again(
        self, database: Database, sender_to: SenderOf, clock: Clock
    ) -> None:
        """Killed between sending and marking: the letter is due when the lease ends, under the same Message-ID."""
        await a_waiting_letter(database)

        async with mail_server() as server:
            dying = asyncio.create_task(sender_to(server.port).deliver_due(clock()))
            server.on_message = dying.cancel
            with contextlib.suppress(asyncio.CancelledError):
                await dying
            assert dying.cancelled()
            server.on_message = None

            clock.advance(timedelta(seconds=59))
            assert await sender_to(server.port).deliver_due(clock()) == 0
            clock.advance(timedelta(seconds=2))
            assert await sender_to(server.port).deliver_due(clock()) == 1

        first, second = (received.message["Message-ID"] for received in server.received)
        assert first == second

    async def test_a_killed_process_loses_nothing(
        self, database: Database, database_url: str, sender_to: SenderOf, clock: Clock
    ) -> None:
        """SIGKILL just as the server takes the letter: another process sends it again, under the same Message-ID."""
        await a_waiting_letter(database)

        async with mail_server() as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ONE_ROUND, database_url, str(server.port), NOW.isoformat()
            )
            server.on_message = process.kill
            assert await process.wait() == -signal.SIGKILL
            server.on_message = None
            clock.advance(timedelta(minutes=2))
            assert await sender_to(server.port).deliver_due(clock()) == 1

        first, second = (received.message["Message-ID"] for received in server.received)
        assert first == second

    def test_the_lease_outlives_the_slowest_server(self, sender_to: SenderOf) -> None:
        """The lease is longer than connecting and sending may take together."""
        slow = sender_to(1, timeout_s=10.0)

        assert slow.lease >= timedelta(seconds=2 * sender.ANSWERS_A_STEP * 10)


class TestRun:
    async def test_sends_until_told_to_stop(self, database: Database, sender_to: SenderOf) -> None:
        """The loop sends what waits and ends when told to."""
        await a_waiting_letter(database)
        stop = asyncio.Event()

        async with mail_server() as server, asyncio.timeout(10):
            server.on_message = stop.set
            await sender_to(server.port).run(stop)

        assert len(server.received) == 1

    async def test_survives_a_database_that_is_away(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        """A database out of reach is waited for, ever longer; the loop does not end."""
        monkeypatch.setattr(sender, "POLL_S", 0.001)
        rounds = 0
        stop = asyncio.Event()

        async def round_ends() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 3:
                stop.set()
            raise DatabaseUnavailable

        class Away(Database):
            @asynccontextmanager
            async def reading(self) -> AsyncIterator[None]:
                await round_ends()
                yield

        settings = SmtpSettings("127.0.0.1", 1, "s@countersign.example", "Countersign", security="none")
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                await MailSender(Away("sqlite://unused"), settings, clock=clock).run(stop)

        assert [entry["event"] for entry in logs] == ["outbox_unavailable"] * 3

    async def test_survives_a_mail_server_that_is_away(
        self, database: Database, sender_to: SenderOf, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The loop knocks again when a letter is due again, however often the server hangs up."""
        monkeypatch.setattr(sender, "POLL_S", 0.001)
        await a_waiting_letter(database)
        stop = asyncio.Event()

        async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            clock.advance(timedelta(minutes=10))
            if server.connections == 3:
                stop.set()

        async with conversation_server(hang_up) as server, asyncio.timeout(20):
            await sender_to(server.port, timeout_s=1.0).run(stop)

        assert server.connections == 3


class TestLogs:
    async def test_name_the_letter_and_the_failure_alone(self, database: Database, sender_to: SenderOf) -> None:
        """Neither addresses nor names, nor the server's words, nor the letter's are logged or kept."""
        refused = await a_waiting_letter(database, recipient_email="full@example.org")
        await a_waiting_letter(database)

        with capture_logs() as logs:
            async with mail_server() as server:
                server.answers_to_recipients["full@example.org"] = "452 full@example.org Grace Hopper is full"
                await sender_to(server.port).deliver_due(NOW)

        assert {entry["event"] for entry in logs} == {"letter_sent", "letter_put_back"}
        said = repr(logs) + repr((await read_again(database, refused)).last_error)
        assert str(refused.id) in said
        for private in ("example.org", "Grace", "is full", "203.0.113.7"):
            assert private not in said


class TestSettings:
    def test_hide_the_password(self) -> None:
        """The password is not in the settings' text."""
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
    def test_refuse_what_cannot_work_or_is_not_safe(self, settings: dict[str, Any]) -> None:
        """A mistake is told at the start, without the password."""
        with pytest.raises(ValueError) as refusal:  # noqa: PT011  # the text is checked below
            SmtpSettings("h", 25, **{"sender_address": "s@example.org", "product_name": "C"} | settings)

        assert PASSWORD not in str(refusal.value)

    def test_name_a_file_of_authorities_that_exists(self, sender_to: SenderOf) -> None:
        """A missing CA file stops the start rather than every letter."""
        with pytest.raises(OSError, match="No such file"):
            sender_to(1, security="tls", ca_file=Path("nowhere.pem"))
