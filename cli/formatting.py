"""Output of the commands: tables for people, JSON for programs, and a progress bar."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

# The width of a table if standard output is not a terminal. It is enough for any row, so that no cell is folded.
FILE_WIDTH = 500

Value = str | int | bool | None


def print_list(rows: Sequence[Mapping[str, Value]], *, columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print rows: as a table of `columns`, or as JSON with all values. If there are no rows, the table is `empty`."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        typer.echo(empty)
    else:
        print_table(columns, [[_cell(row[column]) for column in columns] for row in rows])


def print_json(value: object) -> None:
    """Print a value as indented JSON. It escapes characters outside ASCII if standard output is not in Unicode."""
    is_unicode = sys.stdout.encoding.lower().startswith("utf")
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not is_unicode))


def print_table(columns: Iterable[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table. Long cells are folded, not cut off. Markup in a cell is printed as it is."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(table)


def progress_bar() -> Progress:
    """Return a progress bar on standard error, which disappears at the end. Without a terminal it shows nothing."""
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


def format_time(value: datetime | None) -> str | None:
    """Return a time in the format of the API (RFC 3339, in UTC, whole seconds)."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
