"""`countersign serve`, `migrate` and `schema export`, and what every command has in common."""

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
from schema.export import export_sdl
from settings import DEMO_KEYS, key_of
from tests.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.cli.processes import REPOSITORY, end, environment, free_port, is_ready, start, wait_until
from tests.support.databases import PostgresTemplate

SECRET = "hunter2-hunter2"

COMMANDS = [
    "serve", "migrate", "company create", "company list", "user create", "user list", "user set-role",
    "user set-password", "user disable", "user enable", "user delete", "user reset-2fa", "user import", "mail list",
    "mail retry", "keys generate", "keys rotate", "schema export",
]  # fmt: skip


class TestMigrate:
    def test_an_empty_file_gets_its_tables(self, tmp_path: Path) -> None:
        """Before, commands say what to do; then each migration is named once; afterwards there is nothing to do."""
        command_line = CommandLine(f"sqlite://{tmp_path / 'new' / 'a.sqlite3'}")

        assert "Run `countersign migrate` first" in command_line.run("user", "list", exit_code=1).stderr
        assert "Applied 0001_initial." in command_line.run("migrate").stdout
        assert command_line.run("migrate").stdout == "The tables were up to date already.\n"
        assert command_line.run("user", "list").stdout == "There is no user yet.\n"

    def test_an_empty_postgres_gets_its_tables(self, migrated_postgres: PostgresTemplate) -> None:
        """The same on PostgreSQL."""
        url = migrated_postgres.make_empty()
        try:
            command_line = CommandLine(url)
            assert "Run `countersign migrate` first" in command_line.run("user", "list", exit_code=1).stderr
            assert command_line.run("migrate").stdout.endswith("The tables are up to date.\n")
            assert command_line.run("user", "list").stdout == "There is no user yet.\n"
        finally:
            migrated_postgres.drop(url)


class TestServe:
    def test_a_server_stops_when_it_is_told_to(self, command_line: CommandLine) -> None:
        """SIGTERM ends it without a trace, once it has finished what it does."""
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
    def test_a_setting_that_cannot_be_used_is_named(self, command_line: CommandLine, key: str, value: str) -> None:
        """One line with the key, never the value, and exit code 1."""
        command_line.environment[key_of(key)] = value
        refused = command_line.run("serve", exit_code=1)

        assert refused.stderr.startswith(f"Error: {key_of(key)}: ")
        assert refused.stderr.count("\n") == 1
        assert SECRET not in refused.stderr + refused.stdout

    def test_production_refuses_the_keys_of_the_demo(self, command_line: CommandLine) -> None:
        """Whoever forgets to make keys learns it at once."""
        command_line.environment |= {key_of("mode"): "production", key_of("secret_keys"): DEMO_KEYS}

        assert f"{key_of('secret_keys')}: " in command_line.run("serve", exit_code=1).stderr


class TestSchemaExport:
    def test_the_schema_goes_to_standard_output_or_a_file(self, tmp_path: Path) -> None:
        """Both hold what is served, and need no database."""
        file = tmp_path / "schema.graphql"
        command_line = CommandLine("sqlite:///nowhere/at/all.sqlite3")

        assert command_line.run("schema", "export").stdout == export_sdl()
        command_line.run("schema", "export", "--output", str(file))
        assert file.read_text(encoding="utf-8") == export_sdl()
        missing = str(tmp_path / "missing" / "schema.graphql")
        assert "cannot be written" in command_line.run("schema", "export", "--output", missing, exit_code=1).stderr


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_it_explains_itself(self, command: str) -> None:
        """Each command of the contract is there, and has a help text of its own."""
        found = CliRunner().invoke(app, [*command.split(), "--help"])

        assert found.exit_code == 0
        assert f"Usage: countersign {command}" in found.stdout.replace("root", "countersign")

    @pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(("user", "company", "mail", "keys r"))])
    def test_a_database_out_of_reach_is_one_line(self, command: str, tmp_path: Path) -> None:
        """Exit code 1, and not a word of the URL, which holds a password."""
        command_line = CommandLine(f"postgres://root:{SECRET}@127.0.0.1:{free_port()}/none")
        (tmp_path / "users.csv").write_text("email,name\n")
        arguments = {
            "company create": ["Acme"],
            "user create": ["a@b.example", "--company", "A", "--name", "A", "--password-stdin"],
            "user set-role": ["a@b.example", "ADMIN"],
            "user set-password": ["a@b.example", "--password-stdin"],
            "user delete": ["a@b.example", "--yes"],
            "user import": [str(tmp_path / "users.csv"), "--company", "A"],
        }.get(command, ["a@b.example"] if command in {"user disable", "user enable", "user reset-2fa"} else [])
        refused = command_line.run(*command.split(), *arguments, stdin=GOOD_PASSWORD, exit_code=1)

        assert refused.stderr.startswith("Error: The database cannot be used now")
        assert refused.stderr.count("\n") == 1
        assert SECRET not in refused.stderr

    def test_a_password_is_never_an_argument(self, acme: CommandLine) -> None:
        """Arguments are seen by everybody on the machine, so there is none that takes one."""
        refused = acme.run("user", "set-password", "mia@acme.example", "--password", GOOD_PASSWORD, exit_code=2)

        assert GOOD_PASSWORD not in refused.stdout


# Gives its child a terminal of its own, and passes on what is typed and shown.
TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"


def test_a_password_that_is_asked_for_is_not_shown(acme: CommandLine) -> None:
    """At a terminal it is typed twice and never echoed; the process has it nowhere among its arguments."""
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
        for prompt in (b"Password: ", b"Once more: "):
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
