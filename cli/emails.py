"""`countersign mail`: show the state of emails and retry failed ones. They never show the content."""

from typing import Annotated
from uuid import UUID

import typer

from accounts.services import Services
from cli.formatting import Value, format_time, print_list
from cli.prompts import AsJson
from cli.runner import fail, run
from mail import outbox
from models import EmailState, OutboxEmail

app = typer.Typer(name="mail", help="The state of emails, without their content.", no_args_is_help=True)


@app.command("list")
def list_newest(
    *,
    state: Annotated[
        EmailState | None, typer.Option(case_sensitive=False, help="Show only emails in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number of emails.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the newest emails."""

    async def newest(services: Services) -> list[OutboxEmail]:
        async with services.database.reading():
            return await outbox.list_emails(state, at_most=limit)

    print_list(
        [_values(email) for email in run(newest)],
        columns=["id", "kind", "recipient", "state", "tries", "created_at", "next_try_at", "last_error"],
        as_json=as_json,
        empty="There are no such emails.",
    )


@app.command()
def retry(
    email_id: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="The id of one email. Default: all failed emails.")
    ] = None,
) -> None:
    """Send failed emails again. Their number of attempts starts again at 0."""

    async def make_due(services: Services) -> int:
        async with services.database.transaction():
            return await outbox.retry_failed(services.now(), None if email_id is None else [email_id])

    count = run(make_due)
    if email_id is not None and not count:
        fail("There is no failed email with this id.")
    typer.echo(f"{count} failed email{'' if count == 1 else 's'} will be sent again.")


def _values(email: OutboxEmail) -> dict[str, Value]:
    is_waiting = email.state is EmailState.WAITING
    return {
        "id": str(email.id),
        "kind": email.kind,
        "recipient": email.recipient_email,
        "state": email.state.value,
        "tries": email.tries,
        "created_at": format_time(email.created_at),
        "next_try_at": format_time(email.next_try_at) if is_waiting else None,
        "sent_at": format_time(email.sent_at),
        "last_error": email.last_error,
    }
