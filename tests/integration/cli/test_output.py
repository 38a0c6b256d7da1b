"""Output of commands in terminals of other encodings and in closed pipes. A command that made its change succeeds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import CommandLine
from tests.support.processes import REPOSITORY, environment

# No encoding of a single byte has the second and the third character.
NAME = "Zürich 李 😀"


def run(
    command_line: CommandLine, *arguments: str, encoding: str, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run the real command with output in this encoding."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment(**command_line.environment, PYTHONIOENCODING=encoding),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )


@pytest.fixture
def sqlite_command_line(tmp_path: Path) -> CommandLine:
    """Return the command line with an empty database. The output does not depend on the dialect."""
    command_line = CommandLine(f"sqlite://{tmp_path}/countersign.sqlite3")
    command_line.run("migrate")
    return command_line


def test_characters_that_the_terminal_lacks_are_escaped(sqlite_command_line: CommandLine) -> None:
    """The command exits with 0, since the company account exists. A table has one line for each row."""
    created = run(sqlite_command_line, "company", "create", NAME, encoding="cp1252")
    listed = run(sqlite_command_line, "company", "list", encoding="iso-8859-1")
    as_json = run(sqlite_command_line, "company", "list", "--json", encoding="ascii")
    failed = run(sqlite_command_line, "company", "create", f"{NAME}\a", encoding="ascii")

    assert (created.returncode, listed.returncode, as_json.returncode, failed.returncode) == (0, 0, 0, 1)
    assert "Zürich \\u674e \\U0001f600" in created.stdout.decode("cp1252")
    assert "Zürich \\u674e" in listed.stdout.decode("iso-8859-1")
    assert len(listed.stdout.splitlines()) == 5
    assert [company["name"] for company in json.loads(as_json.stdout.decode("ascii"))] == [NAME]
    assert failed.stderr.decode("ascii").startswith("Error: name: ")


def test_schema_is_exported_in_utf_8(sqlite_command_line: CommandLine) -> None:
    """The encoding of the terminal has no effect on a file."""
    exported = run(sqlite_command_line, "schema", "export", encoding="ascii")

    assert exported.stdout == (REPOSITORY / "schema.graphql").read_bytes()


def test_closed_pipe_does_not_fail(sqlite_command_line: CommandLine) -> None:
    """Nobody reads the output, as in `countersign company create Acme | true`. The company account exists."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        created = run(sqlite_command_line, "company", "create", NAME, encoding="utf-8", stdout=writer)
    finally:
        os.close(writer)

    assert (created.returncode, b"Traceback" in created.stderr) == (0, False)
    assert [company["name"] for company in sqlite_command_line.run("company", "list", "--json").json] == [NAME]
