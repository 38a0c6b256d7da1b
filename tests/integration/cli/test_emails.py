"""Tests of `countersign mail`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import models
from models import EmailState
from models.database import Database
from tests.integration.cli.conftest import CommandLine

FACT = "a fact of the email"


def insert_email(command_line: CommandLine, state: EmailState) -> UUID:
    """Insert an email into the outbox and return its id."""

    async def insert(_database: Database) -> UUID:
        now = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
        email = await models.OutboxEmail.create(
            id=uuid4(), kind="password_changed", recipient_email="mia@acme.example", recipient_name="Mia",
            locale="en", facts={"reason": FACT}, created_at=now, state=state, tries=33, next_try_at=now,
            last_error="SMTPServerDisconnected",
        )  # fmt: skip
        return email.id

    return command_line.query(insert)


def states(command_line: CommandLine) -> Mapping[str, tuple[str, int]]:
    """Return the state and the number of attempts of each email."""
    return {row["id"]: (row["state"], row["tries"]) for row in command_line.run("mail", "list", "--json").json}


def test_list_filters_by_state_and_hides_the_content(command_line: CommandLine) -> None:
    """The list contains the state and the recipient of an email, but not its facts."""
    failed, sent = insert_email(command_line, EmailState.FAILED), insert_email(command_line, EmailState.SENT)

    table = command_line.run("mail", "list").stdout
    assert str(failed) in table
    assert str(sent) in table
    assert [row["id"] for row in command_line.run("mail", "list", "--state", "failed", "--json").json] == [str(failed)]
    assert FACT not in table + command_line.run("mail", "list", "--json").stdout


def test_retry_with_an_id_retries_one_failed_email(command_line: CommandLine) -> None:
    """The email is WAITING with 0 attempts. Other emails do not change."""
    one, other = insert_email(command_line, EmailState.FAILED), insert_email(command_line, EmailState.FAILED)
    command_line.run("mail", "retry", str(one))

    assert states(command_line) == {str(one): ("WAITING", 0), str(other): ("FAILED", 33)}


def test_retry_without_an_id_retries_all_failed_emails(command_line: CommandLine) -> None:
    """All failed emails are WAITING again. A sent email does not change."""
    failed, sent = insert_email(command_line, EmailState.FAILED), insert_email(command_line, EmailState.SENT)
    done = command_line.run("mail", "retry")

    assert done.stdout == "1 failed email will be sent again.\n"
    assert states(command_line) == {str(failed): ("WAITING", 0), str(sent): ("SENT", 33)}


def test_retry_rejects_an_email_that_has_not_failed(command_line: CommandLine) -> None:
    """A sent email is not sent again."""
    sent = insert_email(command_line, EmailState.SENT)

    assert "no failed email" in command_line.run("mail", "retry", str(sent), exit_code=1).stderr
    assert states(command_line) == {str(sent): ("SENT", 33)}
