"""The sender: takes letters that are due from the outbox to the mail server.

At least once: a letter is marked as sent after the server has accepted it, so a sender that dies in between sends it
again, under the same Message-ID. Nothing that goes wrong here reaches a request.
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import structlog
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from mail import outbox
from mail.letters import compose, mailbox
from models import Letter, LetterState
from models.database import Database

# How often an empty outbox is looked at, and how seldom while the mail server or the database is away.
POLL_S = 1.0
LONGEST_PAUSE_S = 60.0
# How many letters are read at once. Each is claimed by itself just before it is sent, so no lease runs out in a queue.
BATCH = 20
# A connection, and then a letter, may take this many times the timeout of a single answer. Without an end to the whole,
# a server that sends a byte now and then would hold a letter for ever.
ANSWERS_A_STEP = 3
# What a lease lasts beyond connecting and sending: time to mark the letter in a slow database.
LEASE_MARGIN = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server, and who writes.

    `starttls` and `tls` check the server's certificate and never fall back to sending in clear; `none` is for a server
    on the same machine, and takes no password. `ca_file` (PEM) replaces the system's certificate authorities.
    """

    host: str
    port: int
    sender_address: str
    product_name: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    # How long the server may take for each answer. One that takes longer to accept a letter is sent it again.
    timeout_s: float = 10.0
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work or is not safe.

        Raises:
            ValueError: The sender's address is none, one of username and password is missing, or they would travel in
                clear.
        """
        mailbox(self.product_name, self.sender_address)
        if (self.username is None) != (self.password is None):
            message = "username and password belong together"
            raise ValueError(message)
        if self.username is not None and self.security == "none":
            message = "a password is never sent over a connection without TLS"
            raise ValueError(message)


class _NotConnectedError(Exception):
    """There is no connection to the mail server. No letter can be sent now."""


class MailSender:
    """Sends what waits in the outbox. Any number of them may work at it, in any number of processes."""

    def __init__(self, database: Database, settings: SmtpSettings, *, clock: Callable[[], datetime]) -> None:
        """Use this database, mail server and clock.

        Raises:
            OSError: The file of certificate authorities cannot be read.
        """
        self._database = database
        self._settings = settings
        self._clock = clock
        self._tls = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        self._step_s = ANSWERS_A_STEP * settings.timeout_s
        self.lease = timedelta(seconds=2 * self._step_s) + LEASE_MARGIN
        # Rounds in a row that found the mail server or the database away.
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send letters as they fall due, until told to stop. Survives whatever fails."""
        while not stop.is_set():
            try:
                if await self.deliver_due(self._clock(), stop=stop):
                    continue
            except Exception as error:  # noqa: BLE001  # the loop outlives the database and our own mistakes
                self._failures += 1
                log.warning("outbox_unavailable", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._pause_s())

    async def deliver_due(self, now: datetime, *, stop: asyncio.Event | None = None) -> int:
        """Send a batch of letters that are due at `now`, over one connection. Answers how many were sent.

        A letter that cannot be sent goes back to the outbox and holds up no other; only where no connection can be made
        does the round end.

        Raises:
            DatabaseUnavailable: The database is out of reach. What was claimed is due again when its lease ends.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()

        def present() -> datetime:
            return now + timedelta(seconds=loop.time() - started)

        async with self._database.reading():
            letters = await outbox.due_letters(now, at_most=BATCH)
        sent = 0
        server = self._server()
        try:
            for letter in letters:
                if stop is not None and stop.is_set():
                    break
                async with self._database.transaction():
                    claimed = await outbox.claim(letter, present(), lease=self.lease)
                if not claimed:
                    continue
                try:
                    await self._send(letter, server)
                except Exception as error:  # noqa: BLE001  # whatever is wrong with one letter, the others go out
                    await self._put_back(letter, present(), error)
                    if isinstance(error, _NotConnectedError):
                        self._failures += 1
                        break
                else:
                    async with self._database.transaction():
                        await outbox.mark_sent(letter, present())
                    log.info("letter_sent", letter_id=str(letter.id), tries=letter.tries)
                    sent += 1
            else:
                self._failures = 0
            await _take_leave(server)
        finally:
            server.close()
        return sent

    async def _send(self, letter: Letter, server: SMTP) -> None:
        if letter.tries > outbox.TRIES:
            # It was claimed so often and never put back: senders die of it.
            raise _LeaseLostError
        settings = self._settings
        message = compose(letter, product_name=settings.product_name, sender_address=settings.sender_address)
        await self._connect(server)
        try:
            async with asyncio.timeout(self._step_s):
                # The envelope is said outright, never read back from headers.
                await server.send_message(
                    message,
                    sender=mailbox("", settings.sender_address).addr_spec,
                    recipients=[mailbox("", letter.recipient_email).addr_spec],
                )
        except (SMTPResponseException, SMTPRecipientsRefused):
            # The server said no and is ready for the next letter.
            raise
        except BaseException:
            # Nobody knows what it would answer next.
            server.close()
            raise

    async def _connect(self, server: SMTP) -> None:
        if server.is_connected:
            return
        try:
            async with asyncio.timeout(self._step_s):
                await server.connect()
        except (SMTPException, OSError, ValueError) as error:
            server.close()
            raise _NotConnectedError from error

    def _server(self) -> SMTP:
        settings = self._settings
        return SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            use_tls=settings.security == "tls",
            # Said outright: left to itself the library would use TLS only if the server offers it.
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            timeout=settings.timeout_s,
            # Otherwise it asks the resolver who we are, for as long as that takes.
            local_hostname=mailbox("", settings.sender_address).domain,
        )

    async def _put_back(self, letter: Letter, now: datetime, error: Exception) -> None:
        name = _name_of(error)
        async with self._database.transaction():
            state = await outbox.mark_unsent(
                letter,
                now,
                error=name,
                hopeless=_is_hopeless(error),
                chance=random.random(),  # noqa: S311  # spreads load, guards nothing
            )
        facts = {"letter_id": str(letter.id), "tries": letter.tries, "error": name}
        if state is LetterState.FAILED:
            log.error("letter_given_up", **facts)
        else:
            log.warning("letter_put_back", **facts)

    def _pause_s(self) -> float:
        return min(POLL_S * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_S)


class _LeaseLostError(Exception):
    """The letter was claimed too often."""


def _is_hopeless(error: Exception) -> bool:
    """Whether the letter is at fault rather than the server or the way to it. A refused sender is a setting to mend."""
    match error:
        case SMTPRecipientsRefused(recipients=recipients):
            return all(_is_permanent(refusal.code) for refusal in recipients)
        case SMTPDataError(code=code):
            return _is_permanent(code)
        case SMTPNotSupported():
            return True
        case _:
            return not isinstance(error, SMTPException | OSError | _NotConnectedError)


def _is_permanent(code: int) -> bool:
    return code >= 500  # noqa: PLR2004  # RFC 5321 §4.2.1: 5yz is a permanent negative answer


def _name_of(error: Exception) -> str:
    """The kind of a failure and the server's number for it; never its words, which can repeat the letter."""
    cause = error.__cause__ if isinstance(error, _NotConnectedError) and error.__cause__ else error
    if isinstance(cause, SMTPRecipientsRefused) and cause.recipients:
        cause = cause.recipients[0]
    name = type(cause).__name__
    return f"{name} {cause.code}" if isinstance(cause, SMTPResponseException) else name


async def _take_leave(server: SMTP) -> None:
    if server.is_connected:
        with contextlib.suppress(SMTPException, OSError):
            await server.quit()
