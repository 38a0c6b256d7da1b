"""`countersign`: the command line, composed of its groups of commands."""

import sys
from typing import Any

import typer
from typing_extensions import override

from cli import company, emails, keys, schema_export, server, user
from transport.output_streams import failsafe_stream


class CommandLine(typer.Typer):
    """The command line. Its output never makes a command fail."""

    @override
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        sys.stdout, sys.stderr = failsafe_stream(sys.stdout), failsafe_stream(sys.stderr)
        return super().__call__(*args, **kwargs)


app = CommandLine(
    name="countersign",
    help="Run Countersign and manage its company accounts, users, emails and keys. "
    "The settings come from COUNTERSIGN_* environment variables.",
    no_args_is_help=True,
    # A traceback with its values does not help an operator, and may contain secrets.
    pretty_exceptions_enable=False,
)
app.command()(server.serve)
app.command()(server.migrate)
app.add_typer(company.app, name="company")
app.add_typer(user.app, name="user")
app.add_typer(emails.app, name="mail")
app.add_typer(keys.app, name="keys")
app.add_typer(schema_export.app, name="schema")
