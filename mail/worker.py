"""The email worker: sends due emails from the outbox to the mail server.

It sends each email at least once: it marks an email as sent after the server has accepted it. If a worker dies in
between, another one sends the email again, under the same Message-ID. A failure here never affects a request.
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
from mail.messages import compose, mailbox
from models import EmailState, OutboxEmail
from models.database import Database

# The pause between two looks at an empty outbox, and the longest pause while the mail server or the database is
# unavailable.
POLL_S = 1.0
LONGEST_PAUSE_S = 60.0
# The number of emails that one SELECT reads. The worker leases each email just before it sends it, so that no lease
# ends while the email waits for the others.
BATCH = 20
# Connecting may take this many times the timeout of one reply, and so may sending one email. Without a limit on the
# whole step, a server that sends one byte now and then would block the worker forever.
REPLIES_PER_STEP = 3
# The part of a lease after connecting and sending: the time to mark the email in a slow database.
LEASE_MARGIN = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server and the sender of the emails.

    `starttls` and `tls` verify the server's certificate and never fall back to an unencrypted connection. `none` is for
    a server on the same machine and allows no password. `ca_file` (PEM) replaces the system's certificate authorities.
    """

    host: str
    port: int
    sender_address: str
    product_name: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    # The timeout of one reply. If the server takes longer to accept an email, the worker sends the email again.
    timeout_s: float = 10.0
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Reject settings that cannot work or are not safe.

        Raises:
            ValueError: The sender's address is not an email address, the username or the password is missing, or they
                would be sent unencrypted.
        """
        mailbox(self.product_name, self.sender_address)
        if (self.username is None) != (self.password is None):
            message = "username and password must be set together"
            raise ValueError(message)
        if self.username is not None and self.security == "none":
            message = "a password requires a connection with TLS"
            raise ValueError(message)


class _NotConnectedError(Exception):
    """Raised when the worker cannot connect to the mail server. Then it cannot send any email."""


class EmailWorker:
    """Sends the emails in the outbox. Any number of workers may run, in any number of processes."""

    def __init__(self, database: Database, settings: SmtpSettings, *, clock: Callable[[], datetime]) -> None:
        """Load the certificate authorities.

        Raises:
            OSError: `ca_file` cannot be read.
        """
        self._database = database
        self._settings = settings
        self._clock = clock
        self._tls = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        self._step_s = REPLIES_PER_STEP * settings.timeout_s
        self.lease = timedelta(seconds=2 * self._step_s) + LEASE_MARGIN
        # The number of consecutive rounds in which the mail server or the database was unavailable.
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send emails when they are due, until `stop` is set. Continue after any error."""
        while not stop.is_set():
            try:
                if await self.deliver_due(self._clock(), stop=stop):
                    continue
            except Exception as error:  # noqa: BLE001  # the loop must survive any error
                self._failures += 1
                log.warning("outbox_unavailable", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._pause_s())

    async def deliver_due(self, now: datetime, *, stop: asyncio.Event | None = None) -> int:
        """Send a batch of emails that are due at `now`, over one connection. Return the number of sent emails.

        If an email cannot be sent, schedule its retry and continue with the next one. If no connection can be made, end
        the round.

        Raises:
            DatabaseUnavailable: The database is unavailable. A leased email is due again when its lease ends.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()

        def current_time() -> datetime:
            return now + timedelta(seconds=loop.time() - started)

        async with self._database.reading():
            emails = await outbox.due_emails(now, at_most=BATCH)
        sent = 0
        server = self._server()
        try:
            for email in emails:
                if stop is not None and stop.is_set():
                    break
                async with self._database.transaction():
                    leased = await outbox.lease_email(email, current_time(), duration=self.lease)
                if not leased:
                    continue
                try:
                    await self._send(email, server)
                except Exception as error:  # noqa: BLE001  # no error of one email may block the others
                    await self._schedule_retry(email, current_time(), error)
                    if isinstance(error, _NotConnectedError):
                        self._failures += 1
                        break
                else:
                    async with self._database.transaction():
                        await outbox.mark_sent(email, current_time())
                    log.info("email_sent", email_id=str(email.id), tries=email.tries)
                    sent += 1
            else:
                self._failures = 0
            await _quit(server)
        finally:
            server.close()
        return sent

    async def _send(self, email: OutboxEmail, server: SMTP) -> None:
        if email.tries > outbox.MAX_TRIES:
            # After each of these leases the worker died before it could schedule a retry. The email may be the cause.
            raise _LeaseLostError
        settings = self._settings
        message = compose(email, product_name=settings.product_name, sender_address=settings.sender_address)
        await self._connect(server)
        try:
            async with asyncio.timeout(self._step_s):
                # Set the envelope explicitly. By default the library reads it from the headers.
                await server.send_message(
                    message,
                    sender=mailbox("", settings.sender_address).addr_spec,
                    recipients=[mailbox("", email.recipient_email).addr_spec],
                )
        except (SMTPResponseException, SMTPRecipientsRefused):
            # The server rejected the email. The connection can be used for the next one.
            raise
        except BaseException:
            # The state of the connection is unknown: the next reply may belong to this email.
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
            # By default the library uses STARTTLS only if the server offers it.
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            timeout=settings.timeout_s,
            # By default the library resolves the name of this machine by DNS, without a timeout.
            local_hostname=mailbox("", settings.sender_address).domain,
        )

    async def _schedule_retry(self, email: OutboxEmail, now: datetime, error: Exception) -> None:
        name = _loggable_name(error)
        async with self._database.transaction():
            state = await outbox.schedule_retry(
                email,
                now,
                error=name,
                permanent=_is_permanent(error),
                jitter=random.random(),  # noqa: S311  # not for security
            )
        facts = {"email_id": str(email.id), "tries": email.tries, "error": name}
        if state is EmailState.FAILED:
            log.error("email_failed", **facts)
        else:
            log.warning("email_retry_scheduled", **facts)

    def _pause_s(self) -> float:
        return min(POLL_S * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_S)


class _LeaseLostError(Exception):
    """Raised when workers leased the email too often without a result."""


def _is_permanent(error: Exception) -> bool:
    """Return whether the email is the cause, not the connection. A rejected sender address is a setting to correct."""
    match error:
        case SMTPRecipientsRefused(recipients=recipients):
            return all(_is_permanent_code(refused.code) for refused in recipients)
        case SMTPDataError(code=code):
            return _is_permanent_code(code)
        case SMTPNotSupported():
            return True
        case _:
            return not isinstance(error, SMTPException | OSError | _NotConnectedError)


def _is_permanent_code(code: int) -> bool:
    return code >= 500  # noqa: PLR2004  # RFC 5321 §4.2.1: 5yz is a permanent negative reply


def _loggable_name(error: Exception) -> str:
    """Return the class of the error and the SMTP code, without the text of the reply, which can quote the email."""
    cause = error.__cause__ if isinstance(error, _NotConnectedError) and error.__cause__ else error
    if isinstance(cause, SMTPRecipientsRefused) and cause.recipients:
        cause = cause.recipients[0]
    name = type(cause).__name__
    return f"{name} {cause.code}" if isinstance(cause, SMTPResponseException) else name


async def _quit(server: SMTP) -> None:
    if server.is_connected:
        with contextlib.suppress(SMTPException, OSError):
            await server.quit()
