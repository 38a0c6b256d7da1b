"""`countersign schema`: the contract as a file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.running import fail
from schema.export import export_sdl

app = typer.Typer(name="schema", help="The GraphQL schema.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `export` a command of its own while the group has but one."""


@app.command()
def export(
    *, output: Annotated[Path | None, typer.Option(help="The file to write; else standard output.")] = None
) -> None:
    """Write the schema that is served, in SDL."""
    sdl = export_sdl()
    if output is None:
        typer.echo(sdl, nl=False)
        return
    try:
        output.write_text(sdl, encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")
