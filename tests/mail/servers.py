"""Mail servers on the loopback interface: a real one, and some that fail in one way each."""

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

TURNS = 20

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """A message as the server took it."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    authenticated: bool

    @property
    def message(self) -> EmailMessage:
        """The message, read by Python's own parser."""
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailServer:
    """A mail server that keeps what it is sent, and answers as it is told."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    # What is answered to RCPT, by recipient, and to every DATA; accepted where nothing is said.
    answers_to_recipients: dict[str, str] = field(default_factory=dict)
    answer_to_data: str | None = None
    # How many times it hangs up after a message has arrived, in place of an answer.
    drops_after_data: int = 0
    # Called when a message has arrived, before the answer.
    on_message: Callable[[], object] | None = None

    async def handle_RCPT(  # noqa: N802  # the name by which aiosmtpd calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if address in self.answers_to_recipients:
            return self.answers_to_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # see above
        """Take or refuse a message."""
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
    certificate: trustme.LeafCert | None = None, *, tls: bool = False, with_login: bool = False
) -> AsyncIterator[MailServer]:
    """A server that offers STARTTLS if it has a certificate, or speaks TLS from the start."""
    kept = MailServer()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, credentials: object
    ) -> AuthResult:
        right = isinstance(credentials, LoginPassword) and credentials == LoginPassword(
            USERNAME.encode(), PASSWORD.encode()
        )
        return AuthResult(success=right, handled=False)

    def connection() -> SMTP:
        kept.connections += 1
        return SMTP(
            kept,
            hostname="localhost",
            loop=asyncio.get_running_loop(),
            tls_context=None if tls else context,
            require_starttls=context is not None and not tls,
            authenticator=check if with_login else None,
            # aiosmtpd knows only of TLS that was started within the conversation.
            auth_required=with_login and not tls,
            auth_require_tls=not tls,
            enable_SMTPUTF8=True,
        )

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, ssl=context if tls else None)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        # A handshake that the client broke off leaves its socket open until the loop has turned a few times.
        for _ in range(TURNS):
            await asyncio.sleep(0)


@asynccontextmanager
async def conversation_server(conversation: Conversation) -> AsyncIterator[MailServer]:
    """A server that says what it likes."""
    kept = MailServer()
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.connections += 1
        try:
            await conversation(reader, writer)
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(converse(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the connection, and hang."""
    await asyncio.Event().wait()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the connection, and drop it."""


async def refuse_service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be too busy for anybody."""
    writer.write(b"421 too busy\r\n")
    await writer.drain()
    await reader.read()


async def hang_after_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything, and never answer the message."""
    writer.write(b"220 ready\r\n")
    while line := await reader.readline():
        writer.write(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 OK\r\n")
        await writer.drain()
        if line.upper().startswith(b"DATA"):
            await asyncio.Event().wait()


async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer everything well, each time just before a client that waits for 0.3 seconds gives up."""
    await asyncio.sleep(0.2)
    writer.write(b"220 ready\r\n")
    while line := await reader.readline():
        await asyncio.sleep(0.2)
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            await asyncio.sleep(0.2)
        writer.write(b"250 OK\r\n")


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each command with one more line of an answer that never ends, always just in time."""
    writer.write(b"220 ready\r\n")
    while await reader.readline():
        while True:
            writer.write(b"250-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
