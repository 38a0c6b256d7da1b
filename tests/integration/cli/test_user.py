"""Tests of `countersign user`. See test_live for the effect on sessions and test_user_import for files."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

import models
from models import Role, SecurityEventKind, UserEnforcement
from models.database import Database
from settings import key_of
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.support.attempts import attempt_counts, set_attempt_count

NEW_PASSWORD = "hünaze-pivoka-limuto-71"


class TestCreate:
    def test_creates_the_user_and_an_audit_event(self, command_line: CommandLine) -> None:
        """The user has the given role and language. Only the hash of the password is stored. It is not printed."""
        command_line.run("company", "create", "Acme")
        created = command_line.run(
            "user", "create", "Ada@acme.example", "--company", "Acme", "--name", "Ada", "--role", "admin",
            "--locale", "de-AT", "--password-stdin", stdin="\ufeff" + GOOD_PASSWORD + "\r\n",
        )  # fmt: skip

        user = command_line.user("Ada@acme.example")
        assert (user.name, user.role, user.locale) == ("Ada", Role.ADMIN, "de-AT")
        assert PasswordHasher().verify(user.password_hash, GOOD_PASSWORD)
        assert command_line.kinds() == [SecurityEventKind.USER_CREATED]
        assert "event=audit_event kind=USER_CREATED outcome=success" in created.stderr
        assert "audit_event" not in created.stdout
        assert GOOD_PASSWORD not in created.stdout + created.stderr
        assert "acme.example" not in created.stderr

    @pytest.mark.parametrize(
        ("password", "line"),
        [
            ("short", "Error: password: too short: at least 12 characters"),
            ("acme-2026!!!", "Error: password: too easy to guess"),
            ("", "Error: Standard input contains no password."),
            (b"\xff" * 20, "Error: The password on standard input is not UTF-8."),
            ("x" * 300, "Error: password: too long: at most 256 characters"),
        ],
    )
    def test_rejects_an_unusable_password(self, command_line: CommandLine, password: str | bytes, line: str) -> None:
        """A weak, empty, undecodable or too long password is one line of error, and no user is created."""
        command_line.run("company", "create", "Acme")
        rejected = command_line.run("user", "create", "ada@acme.example", "--company", "Acme", "--name", "Ada",
                                   "--password-stdin", stdin=password, exit_code=1)  # fmt: skip

        assert rejected.stderr.startswith(line)
        assert command_line.run("user", "list", "--json").json == []

    @pytest.mark.parametrize(
        ("email", "name", "line"),
        [
            ("ada\u200b@acme.example", "Ada", "email: contains the invisible character U+200B"),
            ("ada@example..com", "Ada", "email: An email address cannot have two periods in a row"),
            ("ada@💩.example", "Ada", "email: the part after the @ is not a domain name (IDNA 2008)"),
            ("ada@acme.example", "\u2800", "name: no visible character"),
        ],
    )
    def test_rejects_an_email_or_a_name_with_the_reason(
        self, acme: CommandLine, email: str, name: str, line: str
    ) -> None:
        """No user is created."""
        rejected = acme.run("user", "create", email, "--company", "Acme", "--name", name, "--password-stdin",
                            stdin=GOOD_PASSWORD, exit_code=1)  # fmt: skip

        assert rejected.stderr == f"Error: {line}\n"
        assert len(acme.run("user", "list", "--json").json) == 1

    def test_finds_a_user_by_each_spelling_of_the_domain(self, acme: CommandLine) -> None:
        """The email is shown as it was entered, and the other spelling is taken."""
        acme.create_user("anna@bücher.example")

        acme.run("user", "set-role", "anna@xn--bcher-kva.example", "admin")

        assert acme.user("anna@bücher.example").role is Role.ADMIN
        rejected = acme.run("user", "create", "anna@xn--bcher-kva.example", "--company", "Acme", "--name", "Anna",
                            "--password-stdin", stdin=GOOD_PASSWORD, exit_code=1)  # fmt: skip
        assert rejected.stderr == "Error: email: taken\n"

    def test_rejects_what_the_settings_forbid(self, command_line: CommandLine, tmp_path: Path) -> None:
        """The names of the product, and each password in the file of the operator."""
        file = tmp_path / "passwords.txt"
        file.write_text(f"{GOOD_PASSWORD}\n", encoding="utf-8")
        command_line.run("company", "create", "Acme")
        command_line.environment |= {
            key_of("product_name"): "Zorbyx", key_of("issuer"): "Quvil", key_of("password_blocklist"): str(file),
        }  # fmt: skip

        for password in (GOOD_PASSWORD, "zorbyx-2026!", "quvil-2026!!"):
            rejected = command_line.run("user", "create", "ada@acme.example", "--company", "Acme", "--name", "Ada",
                                       "--password-stdin", stdin=password, exit_code=1)  # fmt: skip
            assert rejected.stderr == "Error: password: too easy to guess\n"

    def test_unreadable_file_of_passwords_is_one_line_of_error(self, command_line: CommandLine, tmp_path: Path) -> None:
        """The start fails. The error names the variable."""
        for content in (None, ""):
            file = tmp_path / "passwords.txt"
            if content is not None:
                file.write_text(content)
            command_line.environment[key_of("password_blocklist")] = str(file)
            failed = command_line.run("user", "list", exit_code=1)
            assert failed.stderr.startswith(f"Error: {key_of('password_blocklist')}: is ")
            assert failed.stderr.count("\n") == 1

    def test_rejects_a_taken_email(self, acme: CommandLine) -> None:
        """Upper and lower case of an email are equal."""
        rejected = acme.run("user", "create", "MIA@acme.example", "--company", "Acme", "--name", "Mia",
                           "--password-stdin", stdin=GOOD_PASSWORD, exit_code=1)  # fmt: skip

        assert rejected.stderr == "Error: email: taken\n"

    def test_needs_password_stdin_without_a_terminal(self, acme: CommandLine) -> None:
        """Without a terminal, the command names the option and ends with the exit code of wrong usage."""
        rejected = acme.run("user", "set-password", "mia@acme.example", exit_code=2)

        assert "--password-stdin" in rejected.stderr


class TestChange:
    def test_set_role(self, acme: CommandLine) -> None:
        """The role changes, and the note of the audit event is the new role."""
        acme.run("user", "set-role", "mia@acme.example", "admin")

        async def note(_database: Database) -> str | None:
            return (await models.SecurityEvent.get(kind=SecurityEventKind.ROLE_CHANGED)).note

        assert acme.user("mia@acme.example").role is Role.ADMIN
        assert acme.query(note) == "ADMIN"

    def test_set_password(self, acme: CommandLine) -> None:
        """The new password is valid, in Unicode NFC. An audit event and an email report the change."""
        entered = unicodedata.normalize("NFD", NEW_PASSWORD)
        acme.run("user", "set-password", "mia@acme.example", "--password-stdin", stdin=entered)

        assert PasswordHasher().verify(acme.user("mia@acme.example").password_hash, NEW_PASSWORD)
        assert acme.kinds()[-1] is SecurityEventKind.PASSWORD_CHANGED
        [email] = acme.run("mail", "list", "--json").json
        assert (email["kind"], email["recipient"]) == ("password_changed", "mia@acme.example")

    def test_set_enforcement(self, acme: CommandLine) -> None:
        """The user is exempt until the start of the day in UTC. An audit event and an email report the change."""
        day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        acme.run("user", "set-enforcement", "mia@acme.example", "exempt", "--exempt-until", day)

        user = acme.user("mia@acme.example")
        assert user.enforcement is UserEnforcement.EXEMPT
        assert user.exempt_until == datetime.fromisoformat(f"{day}T00:00:00Z")
        assert acme.kinds()[-1] is SecurityEventKind.USER_ENFORCEMENT_CHANGED
        [email] = acme.run("mail", "list", "--json").json
        assert (email["kind"], email["recipient"]) == ("user_enforcement_changed", "mia@acme.example")

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (("EXEMPT",), "Error: exemptUntil: required for EXEMPT\n"),
            (("EXEMPT", "--exempt-until", "2020-01-01"), "Error: exemptUntil: must be in the future"),
            (("ENFORCED", "--exempt-until", "2020-01-01"), "Error: exemptUntil: only for EXEMPT\n"),
        ],
    )
    def test_set_enforcement_needs_the_end_of_an_exemption(
        self, acme: CommandLine, arguments: tuple[str, ...], line: str
    ) -> None:
        """Other rules have none."""
        rejected = acme.run("user", "set-enforcement", "mia@acme.example", *arguments, exit_code=1)

        assert rejected.stderr.startswith(line)
        assert acme.user("mia@acme.example").enforcement is UserEnforcement.AS_COMPANY

    def test_disable_and_enable(self, acme: CommandLine) -> None:
        """The list shows whether a user is disabled. Both changes have an audit event and an email, and only once."""
        for command, is_enabled in (("disable", False), ("enable", True)):
            for _ in range(2):
                acme.run("user", command, "mia@acme.example")
                assert [user["enabled"] for user in acme.run("user", "list", "--json").json] == [is_enabled]

        assert acme.kinds()[-2:] == [SecurityEventKind.USER_DISABLED, SecurityEventKind.USER_ENABLED]
        emails = acme.run("mail", "list", "--json").json
        assert [email["kind"] for email in emails] == ["user_enabled", "user_disabled"]

    def test_unlock(self, acme: CommandLine) -> None:
        """The second factor is no longer locked. If nothing is locked, nothing happens."""
        user_id = acme.user("mia@acme.example").id

        async def lock(database: Database) -> None:
            await set_attempt_count(
                database, user_id, "OTP", failures=100, since_sign_in=100, last=datetime(2026, 11, 4, tzinfo=UTC)
            )

        acme.query(lock)
        for _ in range(2):
            assert acme.run("user", "unlock", "mia@acme.example").stdout == "mia@acme.example is not locked.\n"

        assert acme.query(attempt_counts) == {}
        assert acme.kinds() == [SecurityEventKind.USER_CREATED, SecurityEventKind.USER_UNLOCKED]
        assert [email["kind"] for email in acme.run("mail", "list", "--json").json] == ["user_unlocked"]

    @pytest.mark.parametrize("arguments", [("set-role", "MEMBER"), ("disable",), ("delete", "--yes")])
    def test_last_admin_is_changed_only_by_force(self, acme: CommandLine, arguments: tuple[str, ...]) -> None:
        """Nobody could help the users of the company account any more."""
        acme.run("user", "set-role", "mia@acme.example", "admin")
        name, *others = arguments

        rejected = acme.run("user", name, "mia@acme.example", *others, exit_code=1)

        assert rejected.stderr.startswith("Error: This is the last admin of the company account.")
        assert [user["role"] for user in acme.run("user", "list", "--json").json] == ["ADMIN"]
        acme.run("user", name, "mia@acme.example", *others, "--force")

    def test_delete_asks_for_confirmation(self, acme: CommandLine) -> None:
        """Without confirmation the user stays. With `--yes` the user is deleted, and the audit events stay."""
        acme.run("user", "delete", "mia@acme.example", stdin="n\n", exit_code=1)
        assert len(acme.run("user", "list", "--json").json) == 1
        acme.run("user", "delete", "mia@acme.example", "--yes")

        assert acme.run("user", "list").stdout == "There are no users.\n"
        assert acme.kinds() == [SecurityEventKind.USER_CREATED, SecurityEventKind.USER_DELETED]

    def test_reset_2fa_prints_the_voucher_once(self, acme: CommandLine) -> None:
        """It is not in the log lines of the audit event. Another reset prints another one."""

        async def reset_before(database: Database) -> None:
            async with database.transaction():
                await models.Company.all().update(resets_need_voucher=True)
                await models.User.all().update(voucher_hash="that of another voucher")

        acme.query(reset_before)

        done = acme.run("user", "reset-2fa", "mia@acme.example")

        found = re.fullmatch(
            r"The 2FA of mia@acme\.example is deactivated\.\n"
            r"Voucher, shown once: ([0-9A-Z]{10}), valid until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.\n",
            done.stdout,
        )
        assert found
        assert found[1] not in done.stderr
        assert "event=audit_event kind=TWO_FACTOR_RESET" in done.stderr
        assert found[1] not in acme.run("user", "reset-2fa", "mia@acme.example").stdout

    def test_reset_2fa_fails_if_2fa_is_inactive(self, acme: CommandLine) -> None:
        """The command reports that there is nothing to reset."""
        rejected = acme.run("user", "reset-2fa", "mia@acme.example", "--reason", "lost phone", exit_code=1)

        assert rejected.stderr == "Error: The 2FA of this user is not active.\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("set-role", "ADMIN"),
            ("set-enforcement", "ENFORCED"),
            ("disable",),
            ("enable",),
            ("unlock",),
            ("delete", "--yes"),
            ("reset-2fa",),
        ],
    )
    def test_fails_if_there_is_no_such_user(self, acme: CommandLine, arguments: tuple[str, ...]) -> None:
        """Each command reports the unknown email and changes nothing."""
        command, *more = arguments
        rejected = acme.run("user", command, "nobody@acme.example", *more, exit_code=1)

        assert rejected.stderr == "Error: There is no user with this email.\n"
        assert acme.kinds() == [SecurityEventKind.USER_CREATED]


def test_list_prints_markup_in_names_unchanged(acme: CommandLine) -> None:
    """A name that looks like markup is printed unchanged, and a long one is not cut off."""
    name = "[bold]" + "x" * 150
    acme.run("user", "create", "long@acme.example", "--company", "Acme", "--name", name, "--password-stdin",
             stdin=GOOD_PASSWORD)  # fmt: skip

    assert name in acme.run("user", "list", "--company", "Acme").stdout
