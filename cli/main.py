"""`countersign`: the groups of commands, put together."""

import typer

from cli import company, contract, keys, letters, server, user

app = typer.Typer(
    name="countersign",
    help="Run Countersign and look after its company accounts, users, letters and keys. "
    "Settings are read from COUNTERSIGN_* environment variables.",
    no_args_is_help=True,
    # A trace with its values is no answer to an operator, and may hold what nobody is to see.
    pretty_exceptions_enable=False,
)
app.command()(server.serve)
app.command()(server.migrate)
app.add_typer(company.app, name="company")
app.add_typer(user.app, name="user")
app.add_typer(letters.app, name="mail")
app.add_typer(keys.app, name="keys")
app.add_typer(contract.app, name="schema")
