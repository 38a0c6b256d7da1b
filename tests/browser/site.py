"""Runs the whole site on the loopback interface: API, frontend, mail server and mailbox, with a clock for tests."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.routing import Route

import models
from accounts import companies, users
from accounts.services import Services
from accounts.user_enforcement import set_by_operator
from app import create_app
from examples.demo.mailbox import mailbox_routes
from examples.web.site import routes
from models import Role, UserEnforcement
from settings import Settings
from tests.support.attempts import set_attempt_count
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP
from tests.support.operations import LOGOUT, UPDATE_SECURITY_POLICY
from tests.support.processes import Client
from tests.support.users import PASSWORD
from transport.graphiql.page import QueryPage
from twofactor.removal import reset_by_operator

ResultT = TypeVar("ResultT")

PRODUCT = "Northwind"
TIMEOUT_S = 30
# The path of the page that `/graphql` serves if the GraphiQL files have not been downloaded.
SIMPLE_QUERY_PAGE_PATH = "/simple-query-page"


@dataclass
class AdjustableClock:
    """The real time plus an offset. Browsers use the real time, so tests keep the offset small."""

    offset: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the current time of the server."""
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self.offset += by


@dataclass
class Account:
    """A user, with the authenticator and the backup codes that belong to the user."""

    name: str
    email: str
    user_id: UUID
    company_id: UUID
    authenticator: Authenticator | None = None
    backup_codes: list[str] = field(default_factory=list)


class Site:
    """A running site. Its methods change data without the browser."""

    def __init__(self, url: str, services: Services, clock: AdjustableClock, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the event loop of the server, which runs in another thread."""
        self.url = url
        self.clock = clock
        self._env = services
        self._loop = loop
        self._numbers = count(1)

    def create_company(self, name: str = "Northwind Traders", **policy: bool) -> UUID:
        """Create a company account with this security policy."""
        return self._run(companies.create_company(self._env, name, **policy)).id

    def create_member(self, company_id: UUID, name: str) -> Account:
        """Create a user with the role MEMBER."""
        return self._create_user(company_id, name, Role.MEMBER)

    def create_admin(self, company_id: UUID, name: str) -> Account:
        """Create a user with the role ADMIN."""
        return self._create_user(company_id, name, Role.ADMIN)

    def _create_user(self, company_id: UUID, name: str, role: Role) -> Account:
        email = f"{name.split(maxsplit=1)[0].lower()}-{next(self._numbers)}@example.com"
        new = users.NewUser(email=email, name=name, role=role, password=PASSWORD)
        user = self._run(users.create_user(self._env, company_id, new))
        return Account(name, email, user.id, company_id)

    def disable(self, account: Account) -> None:
        """Disable a user, as the operator does."""
        self._run(users.disable_user(self._env, account.user_id, force=True))

    def set_role(self, account: Account, role: Role) -> None:
        """Change the role of a user, as the operator does."""
        self._run(users.set_role(self._env, account.user_id, role, force=True))

    def lock_login(self, account: Account) -> None:
        """Count so many failures that strangers have to wait for an hour."""
        counts = set_attempt_count(
            self._env.database, account.user_id, "OTP", failures=20, since_sign_in=20, last=self.clock()
        )
        self._run(counts)

    def activate_two_factor(self, account: Account) -> Account:
        """Activate the 2FA of a user with the API."""
        with self._session(account) as (client, token):
            self.clock.advance(TIME_STEP)
            account.authenticator, account.backup_codes = client.activate(token, PASSWORD, self.clock)
        return account

    def set_policy(self, admin: Account, **policy: bool) -> None:
        """Change the security policy of a company with the API. The admin has no 2FA."""
        with self._session(admin) as (client, token):
            client.execute(UPDATE_SECURITY_POLICY, token, password=PASSWORD, **policy)

    def set_rules(self, company_id: UUID, **rules: bool) -> None:
        """Set rules of a company account in the database."""

        async def update() -> None:
            async with self._env.database.transaction():
                await models.Company.filter(id=company_id).update(**rules)

        self._run(update())

    def reset(self, account: Account) -> str | None:
        """Reset the 2FA of a user, as the operator does. Return the voucher, if there is one."""
        account.authenticator = None
        voucher = self._run(reset_by_operator(self._env, account.user_id, None))
        return voucher.text if voucher else None

    def end_sessions(self, account: Account) -> None:
        """End all sessions of a user, as the operator does by disabling the user."""
        self._run(users.disable_user(self._env, account.user_id, force=True))

    def exempt(self, account: Account, *, days: int) -> None:
        """Exempt a user from 2FA for some days, as the operator does."""
        until = self.clock() + timedelta(days=days)
        self._run(set_by_operator(self._env, account.user_id, UserEnforcement.EXEMPT, until))

    def log_in_and_out(self, account: Account) -> None:
        """Create two security events."""
        with self._session(account):
            pass

    @contextlib.contextmanager
    def _session(self, account: Account) -> Iterator[tuple[Client, str]]:
        """Log in a user without 2FA, and yield a client and the session token. Log out when the block ends."""
        client = Client(f"{self.url}/graphql")
        token = client.log_in(account.email, PASSWORD)["sessionToken"]
        yield client, token
        client.execute(LOGOUT, token)

    def next_otp(self, account: Account) -> str:
        """Return a new OTP. Move the clock by one time step first, because each step accepts only one OTP."""
        assert account.authenticator
        self.clock.advance(TIME_STEP)
        return account.authenticator.otp(self.clock())

    def _run(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT_S)


@contextlib.contextmanager
def running_site(folder: Path, *, graphiql_dir: Path, allowed_origins: Sequence[str] = ()) -> Iterator[Site]:
    """Run a site until the block ends. Its database and emails are in `folder`."""
    started: Future[Site] = Future()
    stop = threading.Event()
    serving = _serve(folder, graphiql_dir, allowed_origins, started, stop)
    thread = threading.Thread(target=lambda: asyncio.run(serving))
    thread.start()
    try:
        yield started.result(TIMEOUT_S)
    finally:
        stop.set()
        thread.join()


async def _serve(
    folder: Path,
    graphiql_dir: Path,
    allowed_origins: Sequence[str],
    started: "Future[Site]",
    stop: threading.Event,
) -> None:
    try:
        async with _site(folder, graphiql_dir, allowed_origins) as site:
            started.set_result(site)
            await asyncio.to_thread(stop.wait)
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise


@contextlib.asynccontextmanager
async def _site(folder: Path, graphiql_dir: Path, allowed_origins: Sequence[str]) -> AsyncIterator[Site]:
    loop = asyncio.get_running_loop()
    mail_dir = folder / "mail"
    mail_dir.mkdir()
    clock = AdjustableClock()
    handler = _MailHandler(mail_dir)
    mail_server = await loop.create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    settings = Settings(
        strangers_per_address=1_000_000,
        database_url=f"sqlite://{folder}/site.sqlite3",
        product_name=PRODUCT,
        graphiql_dir=graphiql_dir,
        allowed_origins=tuple(allowed_origins),
        smtp_host="127.0.0.1",
        smtp_port=mail_server.sockets[0].getsockname()[1],
        smtp_security="none",
    )
    simple_query_page = QueryPage(folder / "nothing")
    frontend = [*routes(product_name=PRODUCT, graphiql=True), *mailbox_routes(mail_dir)]
    extra_routes = [*frontend, Route(SIMPLE_QUERY_PAGE_PATH, lambda _request: simple_query_page.response())]
    app = create_app(settings, clock=clock, extra_routes=extra_routes)
    await _migrate(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            while not server.started:
                await asyncio.wait({serving}, timeout=0.05)
                if serving.done():
                    await serving
            port = listener.getsockname()[1]
            yield Site(f"http://127.0.0.1:{port}", app.state.services, clock, loop)
        finally:
            server.should_exit = True
            await serving
            mail_server.close()
            await mail_server.wait_closed()


async def _migrate(settings: Settings) -> None:
    app: Starlette = create_app(settings)
    services: Services = app.state.services
    await services.database.open()
    try:
        await services.database.migrate()
    finally:
        services.hashing.close()
        await services.database.close()


class _MailHandler:
    """Stores each email as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd
        """Store an email. Rename the file when it is complete, so that the mailbox never reads a part."""
        assert isinstance(envelope.content, bytes)
        incomplete = self._folder / "incomplete"
        incomplete.write_bytes(envelope.content)
        incomplete.rename(self._folder / f"{next(self._numbers):06}.eml")
        return "250 OK"
