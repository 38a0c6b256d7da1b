"""Running the demo: data, mail server, API and frontend in one process, until it is told to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from app import build_environment, create_app, server_options
from demo.files import write_json
from demo.mail_server import mail_server
from demo.people import Person, load_people, settle
from demo.welcome import welcome
from settings import DEMO_KEYS, Settings
from transport.logs import configure_logging
from web import site

HOST = "127.0.0.1"
PRODUCT_NAME = "Countersign"
# Where the API is, and who can sign in, for programs.
FACTS = "demo.json"


class DemoError(Exception):
    """Why the demo cannot run, in one line."""


async def run(*, port: int, data: Path) -> None:
    """Run the demo at a port of the loopback interface, with its data in a folder.

    Raises:
        DemoError: It cannot run there.
    """
    configure_logging("WARNING", "text")
    mail_dir = data / "mail"
    with _listening(port) as listener:
        people, are_new = await asyncio.to_thread(_open_data, data)
        async with mail_server(mail_dir) as smtp_port:
            settings = _settings(data, smtp_port)
            await _prepare(settings, people, are_new=are_new)
            url = f"http://{HOST}:{listener.getsockname()[1]}"

            def tell() -> None:
                write_json(data / FACTS, _facts(url, mail_dir, people))
                welcome(url, mail_dir, people)

            app = create_app(
                settings,
                extra_routes=site.routes(product_name=PRODUCT_NAME, mail_dir=mail_dir, graphiql=settings.graphiql),
            )
            options = server_options(settings) | {"factory": False, "workers": 1}
            try:
                await _Server(uvicorn.Config(app, **options), tell).serve([listener])
            finally:
                # It is there exactly while the demo can be used, for those who wait for it.
                await asyncio.to_thread((data / FACTS).unlink, missing_ok=True)


class _Server(uvicorn.Server):
    """Says when it is ready, and takes SIGINT and SIGTERM for a wish rather than a failure."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's own raises the signal again once it has stopped, which is not exit code 0.
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
            # Listening already here, so that of two demos at one port the second is refused before it touches data.
            listener.listen()
        except OSError as error:
            message = f"port {port} cannot be used ({error.strerror}): choose another one, `make demo PORT=8001`"
            raise DemoError(message) from None
        yield listener


def _open_data(data: Path) -> tuple[list[Person], bool]:
    try:
        data.mkdir(parents=True, exist_ok=True)
        # What a demo left that was killed says nothing about this one.
        (data / FACTS).unlink(missing_ok=True)
        return load_people(data / "people.json")
    except (OSError, ValueError, TypeError) as error:
        message = f"DATA cannot be used: {type(error).__name__} in {data}"
        raise DemoError(message) from None


async def _prepare(settings: Settings, people: list[Person], *, are_new: bool) -> None:
    env = build_environment(settings)
    await env.database.open()
    try:
        await env.database.migrate()
        await settle(env, people, are_new=are_new)
    finally:
        env.hashing.close()
        await env.database.close()


def _settings(data: Path, smtp_port: int) -> Settings:
    return Settings(
        mode="development",
        database_url=f"sqlite://{data / 'countersign.sqlite3'}",
        secret_keys=DEMO_KEYS,
        product_name=PRODUCT_NAME,
        host=HOST,
        smtp_host=HOST,
        smtp_port=smtp_port,
        smtp_security="none",
        introspection=True,
        graphiql=True,
        get_queries=True,
        log_level="WARNING",
    )


def _facts(url: str, mail_dir: Path, people: list[Person]) -> dict[str, object]:
    return {
        "graphql_url": f"{url}/graphql",
        "mail_dir": str(mail_dir),
        "users": [
            {"email": person.email, "password": person.password, "role": person.role, "company": person.company}
            for person in people
        ],
    }
