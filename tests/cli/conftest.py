"""The command line in the test's process, with a database of each dialect, and a look into that database."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

import models
from cli.main import app
from models import SecurityEventKind
from models.database import Database
from settings import Settings, key_of
from tests.conftest import KEYS

ResultT = TypeVar("ResultT")

# Weighed by zxcvbn as any other; nobody's but the tests'.
GOOD_PASSWORD = "tibaku-rosemi-vadole-34"  # of a test


class Result:
    """What a command printed, and how it ended."""

    def __init__(self, stdout: str, stderr: str, exit_code: int) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON can be anything
        """What was printed, read as JSON."""
        return json.loads(self.stdout)


class CommandLine:
    """Runs commands, as an operator would in a shell of their own, and looks into the database they work on."""

    def __init__(self, url: str, keys: str = KEYS) -> None:
        self.environment = {key_of("database_url"): url, key_of("secret_keys"): keys}
        self._url = url

    def run(self, *arguments: str, stdin: str | bytes | None = None, exit_code: int = 0) -> Result:
        """Run a command that has to end with this exit code, and without a trace."""
        found = CliRunner().invoke(app, list(arguments), input=stdin, env=self.environment)
        assert found.exit_code == exit_code, (found.stdout, found.stderr, found.exception)
        assert found.exception is None or isinstance(found.exception, SystemExit)
        return Result(found.stdout, found.stderr, found.exit_code)

    def create_user(self, email: str, *, company: str = "Acme", role: str = "MEMBER") -> None:
        """Make a user with the password of the tests, named after the address."""
        self.run("user", "create", email, "--company", company, "--name", email.partition("@")[0].title(),
                 "--role", role, "--password-stdin", stdin=GOOD_PASSWORD)  # fmt: skip

    def ask(self, question: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
        """Ask the database."""

        async def within() -> ResultT:
            database = Database(self._url)
            await database.open()
            try:
                return await question(database)
            finally:
                await database.close()

        return asyncio.run(within())

    def kinds(self) -> list[SecurityEventKind]:
        """The kinds of what the audit trail says of users, oldest first."""
        return [kind for kind in self.all_kinds() if kind is not SecurityEventKind.COMPANY_CREATED]

    def all_kinds(self) -> list[SecurityEventKind]:
        """The kinds of everything in the audit trail, oldest first."""

        async def events(_database: Database) -> list[SecurityEventKind]:
            return [event.kind for event in await models.SecurityEvent.all().order_by("occurred_at")]

        return self.ask(events)

    def user(self, email: str) -> models.User:
        """The row of a user."""

        async def row(_database: Database) -> models.User:
            return await models.User.get(email=email)

        return self.ask(row)


@pytest.fixture(autouse=True)
def _no_settings_but_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(key_of(name), raising=False)


@pytest.fixture
def command_line(database_url: str) -> CommandLine:
    """The command line with a migrated, empty database, of each dialect in turn."""
    return CommandLine(database_url)


@pytest.fixture
def acme(command_line: CommandLine) -> CommandLine:
    """The same with a company account `Acme` and its member `mia@acme.example`."""
    command_line.run("company", "create", "Acme")
    command_line.create_user("mia@acme.example")
    return command_line
