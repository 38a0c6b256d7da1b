"""Run the demo: the data, mail server, API and frontend in one process."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from app import build_services, create_app, server_options
from examples.demo.files import write_json
from examples.demo.keys import DEMO_KEYS
from examples.demo.mail_server import mail_server
from examples.demo.mailbox import mailbox_routes
from examples.demo.users import DemoUser, create_missing, load_users
from examples.demo.welcome import print_welcome
from examples.web import site
from settings import Settings
from transport.logs import configure_logging

HOST = "127.0.0.1"
PRODUCT_NAME = "Countersign"
# For programs: the URL of the API, the mail folder and the users. The file exists only while the demo is ready.
INFO_FILE = "demo.json"
# The users and their passwords.
PASSWORDS_FILE = "people.json"


class DemoError(Exception):
    """Raised when the demo cannot run. The message is one line."""


async def run(*, port: int, data: Path, origins: str) -> None:
    """Run the demo until SIGINT or SIGTERM, at a port of the loopback interface, with its data in a folder.

    `origins` are the origins of other frontends, comma-separated.

    Raises:
        DemoError: The port, the folder or an origin cannot be used.
    """
    configure_logging("WARNING", "text")
    settings = _settings(data, origins)
    mail_dir = data / "mail"
    with _listening(port) as listener:
        users, are_new = await asyncio.to_thread(_open_data, data)
        async with mail_server(mail_dir) as smtp_port:
            settings = settings.model_copy(update={"smtp_port": smtp_port})
            await _prepare(settings, users, are_new=are_new)
            url = f"http://{HOST}:{listener.getsockname()[1]}"

            def announce() -> None:
                write_json(data / INFO_FILE, _info(url, mail_dir, users))
                print_welcome(url, mail_dir, users, settings.allowed_origins)

            app = create_app(
                settings,
                extra_routes=[
                    *site.routes(product_name=PRODUCT_NAME, graphiql=settings.graphiql, help_url=settings.help_url),
                    *mailbox_routes(mail_dir),
                ],
            )
            options = server_options(settings) | {"factory": False, "workers": 1}
            try:
                await _Server(uvicorn.Config(app, **options), announce).serve([listener])
            finally:
                # Other programs wait for this file, so it must not exist after the demo has stopped.
                await asyncio.to_thread((data / INFO_FILE).unlink, missing_ok=True)


class _Server(uvicorn.Server):
    """Calls `on_ready` when it is ready. SIGINT and SIGTERM stop it with exit code 0."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # After the shutdown, uvicorn's method raises the signal again, so the exit code would not be 0.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            # Listen before the data is opened. If two demos use one port, the second fails before it changes data.
            listener.listen()
        except OSError as error:
            message = f"port {port} cannot be used ({error.strerror}). Use another one: `make demo PORT=8001`"
            raise DemoError(message) from None
        yield listener


def _open_data(data: Path) -> tuple[list[DemoUser], bool]:
    try:
        data.mkdir(parents=True, exist_ok=True)
        # Delete the file that a killed demo left.
        (data / INFO_FILE).unlink(missing_ok=True)
        return load_users(data / PASSWORDS_FILE)
    except (OSError, ValueError, TypeError) as error:
        message = f"DATA cannot be used: {type(error).__name__} in {data}"
        raise DemoError(message) from None


async def _prepare(settings: Settings, users: list[DemoUser], *, are_new: bool) -> None:
    services = build_services(settings)
    await services.database.open()
    try:
        await services.database.migrate()
        await create_missing(services, users, are_new=are_new)
    finally:
        services.hashing.close()
        await services.database.close()


def _settings(data: Path, origins: str) -> Settings:
    try:
        return Settings(
            mode="development",
            database_url=f"sqlite://{data / 'countersign.sqlite3'}",
            secret_keys=DEMO_KEYS,
            product_name=PRODUCT_NAME,
            host=HOST,
            smtp_host=HOST,
            smtp_security="none",
            allowed_origins=origins,
            introspection=True,
            graphiql=True,
            get_queries=True,
            log_level="WARNING",
        )
    except ValidationError:
        message = "ORIGINS must be origins without a path, comma-separated: `make demo ORIGINS=http://localhost:5173`"
        raise DemoError(message) from None


def _info(url: str, mail_dir: Path, users: list[DemoUser]) -> dict[str, object]:
    return {
        "graphql_url": f"{url}/graphql",
        "mail_dir": str(mail_dir),
        "users": [
            {"email": user.email, "password": user.password, "role": user.role, "company": user.company}
            for user in users
        ],
    }
