"""Tests of `countersign company`."""

from models import SecurityEventKind
from tests.integration.cli.conftest import CommandLine


def test_create_sets_the_security_policy(command_line: CommandLine) -> None:
    """By default backup codes are on and 2FA is optional. The two options change that. The list is ordered by name."""
    command_line.run("company", "create", "Acme")
    command_line.run("company", "create", "Strict", "--enforce-2fa", "--no-backup-codes")
    command_line.run("company", "create", "Ärzte")

    acme, aerzte, strict = command_line.run("company", "list", "--json").json
    assert (acme["name"], acme["two_factor_enforced"], acme["backup_codes_enabled"]) == ("Acme", False, True)
    assert (strict["name"], strict["two_factor_enforced"], strict["backup_codes_enabled"]) == ("Strict", True, False)
    assert (acme["enforced_for"], strict["enforced_for"], strict["enforce_from"]) == ("NOBODY", "EVERYBODY", None)
    assert aerzte["name"] == "Ärzte"
    assert acme["id"] in command_line.run("company", "list").stdout
    assert command_line.all_kinds() == [SecurityEventKind.COMPANY_CREATED] * 3


def test_company_option_accepts_an_id_or_a_unique_name(command_line: CommandLine) -> None:
    """If two company accounts have the same name, the command rejects the name and accepts the id."""
    first = command_line.run("company", "create", "Acme", "--json").json
    command_line.create_user("ada@acme.example", company="Acme")
    command_line.run("company", "create", "Acme")

    rejected = command_line.run("user", "list", "--company", "Acme", exit_code=1)
    assert rejected.stderr.startswith("Error: Several company accounts have this name")
    [user] = command_line.run("user", "list", "--company", first["id"], "--json").json
    assert user["email"] == "ada@acme.example"
    assert "no company account" in command_line.run("user", "list", "--company", "Nobody", exit_code=1).stderr


def test_create_rejects_an_invalid_name_in_one_line(command_line: CommandLine) -> None:
    """An error of the use case is one line on standard error, with exit code 1."""
    rejected = command_line.run("company", "create", "a\nb", exit_code=1)

    assert rejected.stderr == "Error: name: 1 to 200 characters of plain text\n"
    rejected = command_line.run("company", "create", "Acme\u202e", exit_code=1)
    assert rejected.stderr == "Error: name: contains the invisible character U+202E\n"
    assert command_line.run("company", "list").stdout == "There are no company accounts.\n"
