"""`countersign schema`: export the GraphQL schema."""

from pathlib import Path
from typing import Annotated

import typer

from cli.runner import fail
from schema.export import export_sdl

app = typer.Typer(name="schema", help="The GraphQL schema.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `export` as a subcommand. Without a callback, typer makes the only command of a group the group itself."""


@app.command()
def export(
    *, output: Annotated[Path | None, typer.Option(help="The file to write. Default: standard output.")] = None
) -> None:
    """Write the GraphQL schema of the server in SDL."""
    sdl = export_sdl()
    if output is None:
        # UTF-8 as in a file, whatever the encoding of the terminal is.
        typer.echo(sdl.encode(), nl=False)
        return
    try:
        output.write_text(sdl, encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")
