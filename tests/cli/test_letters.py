"""`countersign mail`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import models
from models import LetterKind, LetterState
from models.database import Database
from tests.cli.conftest import CommandLine

FACT = "a fact of the letter"


def put_letter(command_line: CommandLine, state: LetterState) -> UUID:
    """Put a letter into the outbox. Its id."""

    async def put(_database: Database) -> UUID:
        now = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
        letter = await models.Letter.create(
            id=uuid4(), kind=LetterKind.PASSWORD_CHANGED, recipient_email="mia@acme.example", recipient_name="Mia",
            locale="en", facts={"reason": FACT}, created_at=now, state=state, tries=33, next_try_at=now,
            last_error="SMTPServerDisconnected",
        )  # fmt: skip
        return letter.id

    return command_line.ask(put)


def states(command_line: CommandLine) -> Mapping[str, tuple[str, int]]:
    """State and tries of every letter."""
    return {row["id"]: (row["state"], row["tries"]) for row in command_line.run("mail", "list", "--json").json}


def test_letters_are_listed_by_state_and_never_with_what_they_say(command_line: CommandLine) -> None:
    """Where a letter stands and to whom it goes is shown; its facts are not."""
    failed, sent = put_letter(command_line, LetterState.FAILED), put_letter(command_line, LetterState.SENT)

    table = command_line.run("mail", "list").stdout
    assert str(failed) in table
    assert str(sent) in table
    assert [row["id"] for row in command_line.run("mail", "list", "--state", "failed", "--json").json] == [str(failed)]
    assert FACT not in table + command_line.run("mail", "list", "--json").stdout


def test_one_failed_letter_is_sent_again(command_line: CommandLine) -> None:
    """It waits again with all its tries, and the others stay where they are."""
    one, other = put_letter(command_line, LetterState.FAILED), put_letter(command_line, LetterState.FAILED)
    command_line.run("mail", "retry", str(one))

    assert states(command_line) == {str(one): ("WAITING", 0), str(other): ("FAILED", 33)}


def test_every_failed_letter_is_sent_again(command_line: CommandLine) -> None:
    """Without an id it is all of them, and never one that has been sent."""
    failed, sent = put_letter(command_line, LetterState.FAILED), put_letter(command_line, LetterState.SENT)
    done = command_line.run("mail", "retry")

    assert done.stdout == "1 failed letter will be sent again.\n"
    assert states(command_line) == {str(failed): ("WAITING", 0), str(sent): ("SENT", 33)}


def test_a_letter_that_has_not_failed_cannot_be_retried(command_line: CommandLine) -> None:
    """A sent letter is not sent twice by mistake."""
    sent = put_letter(command_line, LetterState.SENT)

    assert "no failed letter" in command_line.run("mail", "retry", str(sent), exit_code=1).stderr
    assert states(command_line) == {str(sent): ("SENT", 33)}
