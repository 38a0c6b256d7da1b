"""Read files of users, CSV or JSON Lines. Each row is a user or the reason why it is invalid."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from accounts.users import NewUser
from models import Role

REQUIRED = ("email", "name")
COLUMNS = (*REQUIRED, "role", "locale", "password", "password_hash")


class UnreadableFileError(Exception):
    """Raised when the whole file cannot be read. The message never contains a value of a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: a user, or the reason why it is invalid. `number` and `line` count rows and lines from 1."""

    number: int
    line: int
    user: NewUser | None = field(default=None, repr=False)
    problem: str | None = None


class _BadRowError(Exception):
    """Raised when a row is invalid. The message never contains a value of the row."""


def read_rows(lines: Iterable[str], *, is_csv: bool) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        UnreadableFileError: The whole file cannot be read.
    """
    cells = _csv_cells(lines) if is_csv else _json_cells(lines)
    for number, (line, read) in enumerate(cells, start=1):
        if isinstance(read, _BadRowError):
            yield Row(number, line, problem=str(read))
            continue
        try:
            yield Row(number, line, _user(read))
        except _BadRowError as error:
            yield Row(number, line, problem=str(error))


_Cells = Iterator[tuple[int, Mapping[str, str] | _BadRowError]]


def _csv_cells(lines: Iterable[str]) -> _Cells:
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _require_columns(header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                yield reader.line_num, _BadRowError(f"has {len(cells)} cells, but the header has {len(header)}")
            else:
                yield reader.line_num, {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    except csv.Error as error:
        message = f"line {reader.line_num} is not valid CSV: {error}"
        raise UnreadableFileError(message) from None


def _require_columns(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    if not unknown and not missing and len(set(header)) == len(header):
        return
    problem = f"lacks {' and '.join(missing)}" if missing else "has unknown or repeated columns"
    message = f"the header {problem}; the possible columns are {', '.join(COLUMNS)}"
    raise UnreadableFileError(message)


def _json_cells(lines: Iterable[str]) -> _Cells:
    for number, text in enumerate(lines, start=1):
        if text.strip():
            yield number, _json_object(text)


def _json_object(text: str) -> Mapping[str, str] | _BadRowError:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _BadRowError("is not JSON")
    if not isinstance(value, dict):
        return _BadRowError("is not a JSON object")
    if any(name not in COLUMNS for name in value):
        return _BadRowError(f"has unknown names; the possible names are {', '.join(COLUMNS)}")
    if any(not isinstance(cell, str | None) for cell in value.values()):
        return _BadRowError("has a value that is not a string")
    return {name: cell for name, cell in value.items() if cell}


def _user(cells: Mapping[str, str]) -> NewUser:
    for name in REQUIRED:
        if name not in cells:
            message = f"{name}: is missing"
            raise _BadRowError(message)
    try:
        role = Role(cells.get("role", Role.MEMBER).upper())
    except ValueError:
        message = f"role: must be {' or '.join(Role)}"
        raise _BadRowError(message) from None
    return NewUser(
        email=cells["email"],
        name=cells["name"],
        role=role,
        locale=cells.get("locale"),
        password=cells.get("password"),
        password_hash=cells.get("password_hash"),
    )
