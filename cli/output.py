"""What is printed: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# Wide enough for any row: where nobody looks, nothing is to be folded.
WIDTH_OF_A_FILE = 500

Fact = str | int | bool | None


def print_list(rows: Sequence[Mapping[str, Fact]], *, columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print facts by name, as a table of some of them or as JSON of all of them."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        typer.echo(empty)
    else:
        print_table(columns, [[_shown(row[column]) for column in columns] for row in rows])


def print_json(value: object) -> None:
    """Print JSON that any program reads."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Iterable[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table. Nothing of a cell is cut off or taken for markup."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)


def progress_bar() -> Progress:
    """A bar on standard error, gone when it is done; nothing where nobody looks."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def instant(value: datetime | None) -> str | None:
    """An instant as the API writes it."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def _shown(value: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
