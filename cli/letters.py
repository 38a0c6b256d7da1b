"""`countersign mail`: where letters stand, never what they say."""

from typing import Annotated
from uuid import UUID

import typer

from cli.asking import AsJson
from cli.output import Fact, instant, print_list
from cli.running import fail, run
from mail import outbox
from models import Letter, LetterState
from twofactor.environment import Environment

app = typer.Typer(
    name="mail", help="Letters on their way: where they stand, never what they say.", no_args_is_help=True
)


@app.command("list")
def list_newest(
    *,
    state: Annotated[LetterState | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the newest letters."""

    async def ask(env: Environment) -> list[Letter]:
        async with env.database.reading():
            return await outbox.list_letters(state, at_most=limit)

    print_list(
        [_facts(letter) for letter in run(ask)],
        columns=["id", "kind", "recipient", "state", "tries", "created_at", "next_try_at", "last_error"],
        as_json=as_json,
        empty="There is no such letter.",
    )


@app.command()
def retry(
    letter_id: Annotated[UUID | None, typer.Argument(metavar="[ID]", help="One letter; else every failed one.")] = None,
) -> None:
    """Let failed letters be sent again, with all their tries."""

    async def wait_again(env: Environment) -> int:
        async with env.database.transaction():
            return await outbox.retry(env.now(), None if letter_id is None else [letter_id])

    count = run(wait_again)
    if letter_id is not None and not count:
        fail("There is no failed letter with this id.")
    typer.echo(f"{count} failed letter{'' if count == 1 else 's'} will be sent again.")


def _facts(letter: Letter) -> dict[str, Fact]:
    is_waiting = letter.state is LetterState.WAITING
    return {
        "id": str(letter.id),
        "kind": letter.kind.value,
        "recipient": letter.recipient_email,
        "state": letter.state.value,
        "tries": letter.tries,
        "created_at": instant(letter.created_at),
        "next_try_at": instant(letter.next_try_at) if is_waiting else None,
        "sent_at": instant(letter.sent_at),
        "last_error": letter.last_error,
    }
