"""`countersign company`."""

from models import SecurityEventKind
from tests.cli.conftest import CommandLine


def test_a_company_account_has_the_rules_it_was_made_with(command_line: CommandLine) -> None:
    """Backup codes are on and 2FA is up to each user, unless the operator says otherwise."""
    command_line.run("company", "create", "Acme")
    command_line.run("company", "create", "Strict", "--enforce-2fa", "--no-backup-codes")

    acme, strict = command_line.run("company", "list", "--json").json
    assert (acme["name"], acme["two_factor_enforced"], acme["backup_codes_enabled"]) == ("Acme", False, True)
    assert (strict["name"], strict["two_factor_enforced"], strict["backup_codes_enabled"]) == ("Strict", True, False)
    assert acme["id"] in command_line.run("company", "list").stdout
    assert command_line.all_kinds() == [SecurityEventKind.COMPANY_CREATED] * 2


def test_a_company_account_is_named_by_its_id_or_a_name_of_its_own(command_line: CommandLine) -> None:
    """A name that two have is refused rather than guessed at; the id still names one."""
    first = command_line.run("company", "create", "Acme", "--json").json
    command_line.create_user("ada@acme.example", company="Acme")
    command_line.run("company", "create", "Acme")

    refused = command_line.run("user", "list", "--company", "Acme", exit_code=1)
    assert refused.stderr.startswith("Error: Several company accounts have this name")
    [user] = command_line.run("user", "list", "--company", first["id"], "--json").json
    assert user["email"] == "ada@acme.example"
    assert "no company account" in command_line.run("user", "list", "--company", "Nobody", exit_code=1).stderr


def test_a_bad_name_is_refused_in_one_line(command_line: CommandLine) -> None:
    """What the use case refuses is one line on standard error, and exit code 1."""
    refused = command_line.run("company", "create", "a\nb", exit_code=1)

    assert refused.stderr == "Error: name: 1 to 200 characters of plain text\n"
    assert command_line.run("company", "list").stdout == "There is no company account yet.\n"
