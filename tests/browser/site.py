"""The whole site on the loopback interface: API, frontend, mail server and mailbox, with a clock that tests move."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.routing import Route

from app import create_app
from models import Role
from settings import Settings
from tests.support.authenticator import Authenticator
from transport.graphiql.page import QueryPage
from twofactor import accounts
from twofactor.environment import Environment
from web.site import routes

ResultT = TypeVar("ResultT")

PRODUCT = "Northwind"
PASSWORD = "correct horse battery staple"
START_TIMEOUT_S = 30
# Where the site has the page that stands at `/graphql` when GraphiQL has not been fetched.
SMALL_QUERY_PAGE = "/small-query-page"


@dataclass
class ShiftedClock:
    """The present, moved ahead by as much as tests have let pass. Browsers keep the real time, so it stays close."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.ahead += by


@dataclass
class Person:
    """Somebody with an account, and what they have at hand."""

    name: str
    email: str
    user_id: UUID
    company_id: UUID
    authenticator: Authenticator | None = None
    backup_codes: tuple[str, ...] = ()


class Site:
    """A running site."""

    def __init__(self, url: str, env: Environment, clock: ShiftedClock, loop: asyncio.AbstractEventLoop) -> None:
        """It answers at `url`; its loop runs in a thread of its own."""
        self.url = url
        self.clock = clock
        self._env = env
        self._loop = loop
        self._numbers = count(1)

    def company(self, name: str = "Northwind Traders", **rules: bool) -> UUID:
        """Make a company account with these rules."""
        return self._do(accounts.create_company(self._env, name, **rules)).id

    def person(self, company_id: UUID, name: str, *, role: Role = Role.MEMBER) -> Person:
        """Make a user."""
        email = f"{name.split(maxsplit=1)[0].lower()}-{next(self._numbers)}@example.com"
        new = accounts.NewUser(email=email, name=name, role=role, password=PASSWORD)
        user = self._do(accounts.create_user(self._env, company_id, new))
        return Person(name, email, user.id, company_id)

    def admin(self, company_id: UUID, name: str) -> Person:
        """Make an admin."""
        return self.person(company_id, name, role=Role.ADMIN)

    def activate(self, person: Person) -> Person:
        """Activate a user's 2FA by the API, behind the browser's back."""
        with self._api(person) as ask:
            begun = ask(
                "startTwoFactorActivation", {"password": PASSWORD}, "... on TwoFactorActivation { activationId key }"
            )
            person.authenticator = Authenticator(begun["key"])
            proof = {"activationId": begun["activationId"], "otp": self.otp(person)}
            issued = ask("confirmOtp", proof, "... on BackupCodesIssued { activationId codes }")
            if issued["__typename"] == "BackupCodesIssued":
                person.backup_codes = tuple(issued["codes"])
                ask("acknowledgeBackupCodes", {"activationId": issued["activationId"]})
        return person

    def set_policy(self, admin: Person, **rules: bool) -> None:
        """Change the rules of a company by the API, behind the browser's back."""
        with self._api(admin) as ask:
            ask("updateSecurityPolicy", {"password": PASSWORD} | rules)

    def logs_in_and_out(self, person: Person) -> None:
        """Make two events."""
        with self._api(person):
            pass

    @contextlib.contextmanager
    def _api(self, person: Person) -> Iterator[Callable[..., dict[str, Any]]]:
        """Mutations as this person, who has no 2FA yet. It gives their results."""
        with httpx.Client(base_url=self.url, timeout=30) as http:

            def ask(mutation: str, arguments: dict[str, Any], selection: str = "") -> dict[str, Any]:
                given = ", ".join(f"{name}: {json.dumps(value)}" for name, value in arguments.items())
                query = f"mutation {{ {mutation}({given}) {{ __typename {selection} }} }}"
                result: dict[str, Any] = http.post("/graphql", json={"query": query}).raise_for_status().json()
                assert "errors" not in result, result
                outcome: dict[str, Any] = result["data"][mutation]
                return outcome

            login = ask("login", {"email": person.email, "password": PASSWORD}, "... on LoggedIn { sessionToken }")
            http.headers["Authorization"] = f"Bearer {login['sessionToken']}"
            yield ask
            http.post("/graphql", json={"query": "mutation { logout { sessionId } }"})

    def otp(self, person: Person) -> str:
        """A fresh OTP: no time step is good for two of them, so one passes."""
        assert person.authenticator
        self.clock.advance(timedelta(seconds=30))
        return person.authenticator.otp(self.clock())

    def _do(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)


@contextlib.contextmanager
def running_site(folder: Path, *, graphiql_dir: Path) -> Iterator[Site]:
    """A site whose database and letters are in this folder, for as long as the block lasts."""
    started: Future[Site] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, graphiql_dir, started, stop)))
    thread.start()
    try:
        yield started.result(START_TIMEOUT_S)
    finally:
        stop.set()
        thread.join()


async def _serve(folder: Path, graphiql_dir: Path, started: "Future[Site]", stop: threading.Event) -> None:
    try:
        async with _site(folder, graphiql_dir) as site:
            started.set_result(site)
            await asyncio.to_thread(stop.wait)
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise


@contextlib.asynccontextmanager
async def _site(folder: Path, graphiql_dir: Path) -> AsyncIterator[Site]:
    loop = asyncio.get_running_loop()
    mail_dir = folder / "mail"
    mail_dir.mkdir()
    clock = ShiftedClock()
    sink = _Sink(mail_dir)
    mail_server = await loop.create_server(lambda: SMTP(sink), "127.0.0.1", 0)
    settings = Settings(
        database_url=f"sqlite://{folder}/site.sqlite3",
        product_name=PRODUCT,
        graphiql_dir=graphiql_dir,
        smtp_host="127.0.0.1",
        smtp_port=mail_server.sockets[0].getsockname()[1],
        smtp_security="none",
    )
    small_page = QueryPage(folder / "nothing")
    frontend = routes(product_name=PRODUCT, mail_dir=mail_dir, graphiql=True)
    extra_routes = [*frontend, Route(SMALL_QUERY_PAGE, lambda _request: small_page.response())]
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
            yield Site(f"http://127.0.0.1:{port}", app.state.env, clock, loop)
        finally:
            server.should_exit = True
            await serving
            mail_server.close()
            await mail_server.wait_closed()


async def _migrate(settings: Settings) -> None:
    app: Starlette = create_app(settings)
    env: Environment = app.state.env
    await env.database.open()
    try:
        await env.database.migrate()
    finally:
        env.hashing.close()
        await env.database.close()


class _Sink:
    """Keeps each letter as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd
        """Keep a letter. It appears under its name when it is whole."""
        assert isinstance(envelope.content, bytes)
        arriving = self._folder / "arriving"
        arriving.write_bytes(envelope.content)
        arriving.rename(self._folder / f"{next(self._numbers):06}.eml")
        return "250 OK"
