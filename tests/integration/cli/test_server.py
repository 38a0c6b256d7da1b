"""Tests of `countersign serve`, `migrate` and `schema export`, and of the common behaviour of all commands."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from cli.main import app
from examples.demo.keys import DEMO_KEYS
from schema.export import export_sdl
from settings import key_of
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.support.databases import PostgresTemplate
from tests.support.processes import REPOSITORY, end, environment, free_port, is_ready, start, wait_until

SECRET = "hunter2-hunter2"

COMMANDS = [
    "serve", "migrate", "company create", "company list", "user create", "user list", "user set-role",
    "user set-password", "user set-enforcement", "user disable", "user enable", "user unlock", "user delete",
    "user reset-2fa", "user import", "mail list", "mail retry", "keys generate", "keys rotate", "keys revoke",
    "schema export",
]  # fmt: skip


class TestMigrate:
    def test_migrates_an_empty_sqlite_file(self, tmp_path: Path) -> None:
        """Other commands fail before the migration. It prints each migration, and a second run does nothing."""
        command_line = CommandLine(f"sqlite://{tmp_path / 'new' / 'a.sqlite3'}")

        assert "Run `countersign migrate` first" in command_line.run("user", "list", exit_code=1).stderr
        assert "Applied 0001_schema." in command_line.run("migrate").stdout
        assert command_line.run("migrate").stdout == "All migrations were already applied.\n"
        assert command_line.run("user", "list").stdout == "There are no users.\n"

    def test_migrates_an_empty_postgres_database(self, migrated_postgres: PostgresTemplate) -> None:
        """PostgreSQL behaves as SQLite does."""
        url = migrated_postgres.make_empty()
        try:
            command_line = CommandLine(url)
            assert "Run `countersign migrate` first" in command_line.run("user", "list", exit_code=1).stderr
            assert command_line.run("migrate").stdout.endswith("All migrations are applied.\n")
            assert command_line.run("user", "list").stdout == "There are no users.\n"
        finally:
            migrated_postgres.drop(url)

    @pytest.mark.parametrize("path", ["", "file/new/a.sqlite3"], ids=["directory", "no directory"])
    def test_reports_an_impossible_sqlite_path_in_one_line(self, tmp_path: Path, path: str) -> None:
        """The path is a directory, or its directory cannot be made, because a file has its name."""
        (tmp_path / "file").touch()

        rejected = CommandLine(f"sqlite://{tmp_path / path}").run("migrate", exit_code=1)

        assert rejected.stderr.startswith("Error: The database is unavailable")
        assert rejected.stderr.count("\n") == 1
        assert rejected.stdout == ""


class TestServe:
    def test_stops_on_sigterm(self, command_line: CommandLine) -> None:
        """SIGTERM stops the server without a traceback."""
        port = free_port()
        process = start("-m", "cli", "serve", env=environment(**command_line.environment, COUNTERSIGN_PORT=str(port)))
        try:
            wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), process)
        finally:
            stdout, stderr = end(process, signal.SIGTERM)
        assert process.returncode in {0, -signal.SIGTERM}
        assert "Traceback" not in stdout + stderr

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("port", SECRET),
            ("secret_keys", f"k1:{SECRET}"),
            ("database_url", f"mysql://root:{SECRET}@db/x"),
            ("mail_from", f"{SECRET}@@"),
        ],
    )
    def test_names_an_invalid_setting(self, command_line: CommandLine, key: str, value: str) -> None:
        """The error is one line with the key and without the value, and the exit code is 1."""
        command_line.environment[key_of(key)] = value
        rejected = command_line.run("serve", exit_code=1)

        assert rejected.stderr.startswith(f"Error: {key_of(key)}: ")
        assert rejected.stderr.count("\n") == 1
        assert SECRET not in rejected.stderr + rejected.stdout

    def test_production_rejects_the_demo_keys(self, command_line: CommandLine) -> None:
        """The published keys of the demo protect nothing."""
        command_line.environment |= {key_of("mode"): "production", key_of("secret_keys"): DEMO_KEYS}

        assert f"{key_of('secret_keys')}: " in command_line.run("serve", exit_code=1).stderr


class TestSchemaExport:
    def test_writes_to_standard_output_or_a_file(self, tmp_path: Path) -> None:
        """Both contain the schema of the server. The command needs no database."""
        file = tmp_path / "schema.graphql"
        command_line = CommandLine("sqlite:///nowhere/at/all.sqlite3")

        assert command_line.run("schema", "export").stdout == export_sdl()
        command_line.run("schema", "export", "--output", str(file))
        assert file.read_text(encoding="utf-8") == export_sdl()
        missing = str(tmp_path / "missing" / "schema.graphql")
        assert "cannot be written" in command_line.run("schema", "export", "--output", missing, exit_code=1).stderr


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_has_a_help_text(self, command: str) -> None:
        """Each command exists and prints its usage."""
        outcome = CliRunner().invoke(app, [*command.split(), "--help"])

        assert outcome.exit_code == 0
        assert f"Usage: countersign {command}" in outcome.stdout.replace("root", "countersign")

    @pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(("user", "company", "mail", "keys r"))])
    def test_reports_an_unavailable_database_in_one_line(self, command: str, tmp_path: Path) -> None:
        """The exit code is 1. The error does not contain the URL, which may contain a password."""
        command_line = CommandLine(f"postgres://root:{SECRET}@127.0.0.1:{free_port()}/none")
        (tmp_path / "users.csv").write_text("email,name\n")
        with_email = {"user disable", "user enable", "user unlock", "user reset-2fa"}
        arguments = {
            "company create": ["Acme"],
            "keys revoke": ["2026-01-01"],
            "user create": ["a@b.example", "--company", "A", "--name", "A", "--password-stdin"],
            "user set-role": ["a@b.example", "ADMIN"],
            "user set-password": ["a@b.example", "--password-stdin"],
            "user set-enforcement": ["a@b.example", "ENFORCED"],
            "user delete": ["a@b.example", "--yes"],
            "user import": [str(tmp_path / "users.csv"), "--company", "A"],
        }.get(command, ["a@b.example"] if command in with_email else [])
        rejected = command_line.run(*command.split(), *arguments, stdin=GOOD_PASSWORD, exit_code=1)

        assert rejected.stderr.startswith("Error: The database is unavailable")
        assert rejected.stderr.count("\n") == 1
        assert SECRET not in rejected.stderr

    def test_accepts_no_password_as_an_argument(self, acme: CommandLine) -> None:
        """Every user of the machine can see the arguments of a process, so no option takes a password."""
        rejected = acme.run("user", "set-password", "mia@acme.example", "--password", GOOD_PASSWORD, exit_code=2)

        assert GOOD_PASSWORD not in rejected.stdout


# Runs its arguments as a child process in a new terminal, and forwards input and output.
TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"


def test_password_prompt_does_not_echo(acme: CommandLine) -> None:
    """The operator enters the password twice. The terminal does not show it."""
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, sys.executable, "-m", "cli", "user", "set-password", "mia@acme.example"],
        env=environment(**acme.environment), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        assert process.stdin
        assert process.stdout
        shown = b""
        for prompt in (b"Password: ", b"Repeat the password: "):
            while not shown.endswith(prompt):
                read = os.read(process.stdout.fileno(), 1024)
                assert read, shown
                shown += read
            process.stdin.write(b"hunaze-pivoka-limuto-71\n")
            process.stdin.flush()
        rest, _ = process.communicate()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()

    assert process.returncode == 0, shown + rest
    assert b"hunaze" not in shown + rest
    assert PasswordHasher().verify(acme.user("mia@acme.example").password_hash, "hunaze-pivoka-limuto-71")
