"""`countersign user`, but for what sessions notice of it (test_live) and for files of users (test_user_import)."""

import pytest
from argon2 import PasswordHasher

import models
from models import LetterKind, Role, SecurityEventKind
from models.database import Database
from tests.cli.conftest import GOOD_PASSWORD, CommandLine

NEW_PASSWORD = "hunaze-pivoka-limuto-71"  # of a test


class TestCreate:
    def test_a_user_has_what_was_said_and_an_audit_entry(self, command_line: CommandLine) -> None:
        """Role and language are taken, the password is kept as its hash alone, and nothing prints it."""
        command_line.run("company", "create", "Acme")
        made = command_line.run(
            "user", "create", "Ada@acme.example", "--company", "Acme", "--name", "Ada", "--role", "admin",
            "--locale", "de-AT", "--password-stdin", stdin=GOOD_PASSWORD + "\r\n",
        )  # fmt: skip

        user = command_line.user("Ada@acme.example")
        assert (user.name, user.role, user.locale) == ("Ada", Role.ADMIN, "de-AT")
        assert PasswordHasher().verify(user.password_hash, GOOD_PASSWORD)
        assert command_line.kinds() == [SecurityEventKind.USER_CREATED]
        assert GOOD_PASSWORD not in made.stdout + made.stderr

    @pytest.mark.parametrize(
        ("password", "line"),
        [
            ("short", "Error: password: too easy to guess"),
            ("", "Error: There is no password on standard input."),
            (b"\xff" * 20, "Error: The password on standard input is not UTF-8."),
            ("x" * 300, "Error: password: too easy to guess"),
        ],
    )
    def test_a_password_that_cannot_be_is_refused(
        self, command_line: CommandLine, password: str | bytes, line: str
    ) -> None:
        """Weak, missing, unreadable or too long: one line, which does not repeat it, and no user."""
        command_line.run("company", "create", "Acme")
        refused = command_line.run("user", "create", "ada@acme.example", "--company", "Acme", "--name", "Ada",
                                   "--password-stdin", stdin=password, exit_code=1)  # fmt: skip

        assert refused.stderr.startswith(line)
        assert command_line.run("user", "list", "--json").json == []

    def test_an_email_belongs_to_one_user(self, acme: CommandLine) -> None:
        """The same email in another case is taken."""
        refused = acme.run("user", "create", "MIA@acme.example", "--company", "Acme", "--name", "Mia",
                           "--password-stdin", stdin=GOOD_PASSWORD, exit_code=1)  # fmt: skip

        assert refused.stderr == "Error: email: taken\n"

    def test_without_a_terminal_nothing_waits_for_a_password(self, acme: CommandLine) -> None:
        """A script that forgot --password-stdin is told so, with the exit code of wrong usage."""
        refused = acme.run("user", "set-password", "mia@acme.example", exit_code=2)

        assert "--password-stdin" in refused.stderr


class TestChange:
    def test_set_role(self, acme: CommandLine) -> None:
        """The role changes, and the audit trail says to what."""
        acme.run("user", "set-role", "mia@acme.example", "admin")

        async def note(_database: Database) -> str | None:
            return (await models.SecurityEvent.get(kind=SecurityEventKind.ROLE_CHANGED)).note

        assert acme.user("mia@acme.example").role is Role.ADMIN
        assert acme.ask(note) == "ADMIN"

    def test_set_password(self, acme: CommandLine) -> None:
        """The new password is in force, audited, and told of in a letter."""
        acme.run("user", "set-password", "mia@acme.example", "--password-stdin", stdin=NEW_PASSWORD)

        assert PasswordHasher().verify(acme.user("mia@acme.example").password_hash, NEW_PASSWORD)
        assert acme.kinds()[-1] is SecurityEventKind.PASSWORD_CHANGED
        [letter] = acme.run("mail", "list", "--json").json
        assert (letter["kind"], letter["recipient"]) == (LetterKind.PASSWORD_CHANGED.value, "mia@acme.example")

    def test_disable_and_enable(self, acme: CommandLine) -> None:
        """A disabled user is listed as such until enabled again, and both are audited."""
        acme.run("user", "disable", "mia@acme.example")
        assert [user["enabled"] for user in acme.run("user", "list", "--json").json] == [False]
        acme.run("user", "enable", "mia@acme.example")
        assert [user["enabled"] for user in acme.run("user", "list", "--json").json] == [True]

        assert acme.kinds()[-2:] == [SecurityEventKind.USER_DISABLED, SecurityEventKind.USER_ENABLED]

    def test_delete_asks_first(self, acme: CommandLine) -> None:
        """Without a yes nothing is removed; with it the user is gone, and the audit trail stays."""
        acme.run("user", "delete", "mia@acme.example", stdin="n\n", exit_code=1)
        assert len(acme.run("user", "list", "--json").json) == 1
        acme.run("user", "delete", "mia@acme.example", "--yes")

        assert acme.run("user", "list").stdout == "There is no user yet.\n"
        assert acme.kinds() == [SecurityEventKind.USER_CREATED, SecurityEventKind.USER_DELETED]

    def test_reset_2fa_where_there_is_none(self, acme: CommandLine) -> None:
        """Nothing to reset is an error, not a silent success."""
        refused = acme.run("user", "reset-2fa", "mia@acme.example", "--reason", "lost phone", exit_code=1)

        assert refused.stderr == "Error: The 2FA of this user is not active.\n"

    @pytest.mark.parametrize(
        "arguments", [("set-role", "ADMIN"), ("disable",), ("enable",), ("delete", "--yes"), ("reset-2fa",)]
    )
    def test_nobody_of_that_email(self, acme: CommandLine, arguments: tuple[str, ...]) -> None:
        """Each command says that there is no such user, and changes nothing."""
        command, *more = arguments
        refused = acme.run("user", command, "nobody@acme.example", *more, exit_code=1)

        assert refused.stderr == "Error: There is no user with this email.\n"
        assert acme.kinds() == [SecurityEventKind.USER_CREATED]


def test_what_is_listed_is_not_taken_for_markup(acme: CommandLine) -> None:
    """A name that looks like markup is printed as it is, and nothing of a row is cut off."""
    name = "[bold]" + "x" * 150
    acme.run("user", "create", "long@acme.example", "--company", "Acme", "--name", name, "--password-stdin",
             stdin=GOOD_PASSWORD)  # fmt: skip

    assert name in acme.run("user", "list", "--company", "Acme").stdout
