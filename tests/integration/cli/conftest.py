"""Fixtures for the command line: run it in this process, on a database of each dialect, and query the database."""

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
from tests.support.log_output import restored_logging
from tests.support.users import KEYS

ResultT = TypeVar("ResultT")

# The weighing accepts it.
GOOD_PASSWORD = "tibaku-rosemi-vadole-34"


class Result:
    """The output and the exit code of a command."""

    def __init__(self, stdout: str, stderr: str, exit_code: int) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON can be anything
        """Return standard output, parsed as JSON."""
        return json.loads(self.stdout)


class CommandLine:
    """Runs commands as an operator does in a shell, and queries their database."""

    def __init__(self, url: str, keys: str = KEYS) -> None:
        self.environment = {key_of("database_url"): url, key_of("secret_keys"): keys}
        self._url = url

    def run(self, *arguments: str, stdin: str | bytes | None = None, exit_code: int = 0) -> Result:
        """Run a command. Require this exit code, and that no unexpected exception is raised."""
        with restored_logging():
            outcome = CliRunner().invoke(app, list(arguments), input=stdin, env=self.environment)
        assert outcome.exit_code == exit_code, (outcome.stdout, outcome.stderr, outcome.exception)
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit)
        return Result(outcome.stdout, outcome.stderr, outcome.exit_code)

    def create_user(self, email: str, *, company: str = "Acme", role: str = "MEMBER") -> None:
        """Create a user with `GOOD_PASSWORD`. The name is the part of the address before the @."""
        self.run("user", "create", email, "--company", company, "--name", email.partition("@")[0].title(),
                 "--role", role, "--password-stdin", stdin=GOOD_PASSWORD)  # fmt: skip

    def query(self, function: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
        """Call the function with the open database, and return its result."""

        async def within() -> ResultT:
            database = Database(self._url)
            await database.open()
            try:
                return await function(database)
            finally:
                await database.close()

        return asyncio.run(within())

    def kinds(self) -> list[SecurityEventKind]:
        """Return the kinds of the audit events of users, oldest first."""
        return [kind for kind in self.all_kinds() if kind is not SecurityEventKind.COMPANY_CREATED]

    def all_kinds(self) -> list[SecurityEventKind]:
        """Return the kinds of all audit events, oldest first."""

        async def events(_database: Database) -> list[SecurityEventKind]:
            return [event.kind for event in await models.SecurityEvent.all().order_by("occurred_at")]

        return self.query(events)

    def user(self, email: str) -> models.User:
        """Return the row of a user."""

        async def row(_database: Database) -> models.User:
            return await models.User.get(email=email)

        return self.query(row)


@pytest.fixture(autouse=True)
def _without_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(key_of(name), raising=False)


@pytest.fixture
def command_line(database_url: str) -> CommandLine:
    """Return the command line with a migrated, empty database. Runs the test once for each dialect."""
    return CommandLine(database_url)


@pytest.fixture
def acme(command_line: CommandLine) -> CommandLine:
    """Return the command line with a company account `Acme` and its member `mia@acme.example`."""
    command_line.run("company", "create", "Acme")
    command_line.create_user("mia@acme.example")
    return command_line
