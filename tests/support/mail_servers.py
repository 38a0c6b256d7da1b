"""Mail servers on the loopback interface: one that works, and several that each fail in one way."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME = "countersign"
PASSWORD = "correct horse battery staple"

LOOP_ITERATIONS = 20

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def text_of(email: EmailMessage, subtype: str = "plain") -> str:
    """Return the content of the plain-text part or the HTML part of an email."""
    body = email.get_body((subtype,))
    assert isinstance(body, EmailMessage)
    content: str = body.get_content()
    return content


@dataclass
class Received:
    """A message that the server accepted."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    authenticated: bool

    @property
    def message(self) -> EmailMessage:
        """Return the parsed message."""
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailServer:
    """A mail server that stores messages. Tests set its replies."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    # The reply to RCPT for each recipient, and the reply to every DATA. By default the server accepts.
    answers_to_recipients: dict[str, str] = field(default_factory=dict)
    answer_to_data: str | None = None
    # The number of messages after which it disconnects instead of replying.
    drops_after_data: int = 0
    # Called after a message has arrived and before the reply.
    on_message: Callable[[], object] | None = None

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd expects
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept or reject a recipient."""
        if address in self.answers_to_recipients:
            return self.answers_to_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # see above
        """Accept or reject a message."""
        if self.answer_to_data is not None:
            return self.answer_to_data
        assert isinstance(envelope.content, bytes)
        assert isinstance(server.transport, asyncio.Transport)
        self.received.append(
            Received(
                envelope.mail_from or "",
                list(envelope.rcpt_tos),
                envelope.content,
                encrypted=session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
                authenticated=bool(session.authenticated),
            )
        )
        if self.on_message is not None:
            self.on_message()
        if self.drops_after_data:
            self.drops_after_data -= 1
            server.transport.abort()
        return "250 OK"


@asynccontextmanager
async def mail_server(
    certificate: trustme.LeafCert | None = None,
    *,
    tls: bool = False,
    with_login: bool = False,
    with_smtputf8: bool = True,
) -> AsyncIterator[MailServer]:
    """Run a mail server. With a certificate it offers STARTTLS, or TLS from the start if `tls` is true."""
    state = MailServer()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, credentials: object
    ) -> AuthResult:
        is_correct = isinstance(credentials, LoginPassword) and credentials == LoginPassword(
            USERNAME.encode(), PASSWORD.encode()
        )
        return AuthResult(success=is_correct, handled=False)

    def connection() -> SMTP:
        state.connections += 1
        return SMTP(
            state,
            hostname="localhost",
            loop=asyncio.get_running_loop(),
            tls_context=None if tls else context,
            require_starttls=context is not None and not tls,
            authenticator=check if with_login else None,
            # aiosmtpd detects TLS only if it was started by STARTTLS.
            auth_required=with_login and not tls,
            auth_require_tls=not tls,
            enable_SMTPUTF8=with_smtputf8,
        )

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, ssl=context if tls else None)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        # After an aborted handshake, the loop closes the socket only after a few iterations.
        for _ in range(LOOP_ITERATIONS):
            await asyncio.sleep(0)


@asynccontextmanager
async def conversation_server(conversation: Conversation) -> AsyncIterator[MailServer]:
    """Run a server that handles each connection with this function."""
    state = MailServer()
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            await conversation(reader, writer)
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(converse(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept the connection and never reply."""
    await asyncio.Event().wait()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept the connection and close it."""


async def refuse_service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reply 421 to every connection."""
    writer.write(b"421 too busy\r\n")
    await writer.drain()
    await reader.read()


async def hang_after_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept every command, but never reply to the message."""
    writer.write(b"220 ready\r\n")
    while line := await reader.readline():
        writer.write(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 OK\r\n")
        await writer.drain()
        if line.upper().startswith(b"DATA"):
            await asyncio.Event().wait()


async def reply_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept everything, but send each reply after 0.2 seconds, just before a timeout of 0.3 seconds."""
    await asyncio.sleep(0.2)
    writer.write(b"220 ready\r\n")
    while line := await reader.readline():
        await asyncio.sleep(0.2)
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            await asyncio.sleep(0.2)
        writer.write(b"250 OK\r\n")


async def reply_endlessly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reply to a command with lines that never end, each one before a timeout."""
    writer.write(b"220 ready\r\n")
    while await reader.readline():
        while True:
            writer.write(b"250-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
