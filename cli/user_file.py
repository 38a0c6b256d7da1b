"""Read files of users, CSV or JSON Lines. Each row is a user or the reason why it is invalid."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from accounts.users import NewUser
from cli.file_text import UnreadableFileError
from models import Role

REQUIRED = ("email", "name")
COLUMNS = (*REQUIRED, "role", "locale", "password", "password_hash")
# Every character of these counts. The white space around other values is removed.
EXACT_COLUMNS = {"password", "password_hash"}
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
# Excel writes this line before the header to name the separator.
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)
# Programs write it for bytes that they cannot read.
REPLACEMENT_CHARACTER = "\ufffd"
# What programs leave around a value: white space, and two invisible characters that `str.strip` keeps.
BLANK = re.compile(r"^[\s\u200b\ufeff]+|[\s\u200b\ufeff]+$")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: a user, or the reason why it is invalid. `number` and `line` count rows and lines from 1."""

    number: int
    line: int
    user: NewUser | None = field(default=None, repr=False)
    problem: str | None = None


class _BadRowError(Exception):
    """Raised when a row is invalid. The message never contains a value of the row."""


def read_rows(text: str, *, is_csv: bool) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        UnreadableFileError: The whole file cannot be read.
    """
    # The line ends of all systems become those of this one.
    lines = io.StringIO(text, newline=None)
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


def _csv_cells(lines: io.StringIO) -> _Cells:
    separator, lines_read = _separator(lines)
    header: list[str] = []
    for line, cells in _records(lines, separator, lines_read):
        if not any(map(_trimmed, cells)):
            continue
        if not header:
            header = _header(line, cells, separator)
        else:
            yield line, _named(header, cells, separator)
    if not header:
        raise UnreadableFileError(_header_problem("lacks email and name", 1, separator))


def _records(lines: io.StringIO, separator: str, lines_read: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line. A cell in quotation marks can have several lines."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        line = lines_read + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"line {line} is not valid CSV: {error}"
            raise UnreadableFileError(message) from None
        if cells is None:
            return
        yield line, cells


def _separator(lines: io.StringIO) -> tuple[str, int]:
    """Return the separator, and how many lines were read: those up to the line that names the separator.

    Without that line, it is the separator that gives most known columns in the header.
    """
    number, first = next(((n, line) for n, line in enumerate(lines, start=1) if line.strip(" ,;\t\n")), (0, ""))
    if named := SEPARATOR_LINE.fullmatch(first.strip(" \n")):
        return named[1], number
    lines.seek(0)
    return max(SEPARATORS, key=lambda separator: len(_known(first.split(separator)))), 0


def _known(names: Sequence[str]) -> set[str]:
    return {_column(name.replace('"', "")) for name in names} & set(COLUMNS)


def _column(name: str) -> str:
    return re.sub(r"[\s-]+", "_", _trimmed(name).lower())


def _header(line: int, cells: Sequence[str], separator: str) -> list[str]:
    """Return the names of the columns. Columns without a name may be at the end."""
    names = [_column(cell) for cell in cells]
    while not names[-1]:
        names.pop()
    if missing := [name for name in REQUIRED if name not in names]:
        # Without these names, the line may be a user. So the message does not repeat it.
        raise UnreadableFileError(_header_problem(f"lacks {' and '.join(missing)}", line, separator))
    if wrong := sorted({name or "(empty)" for name in names if name not in COLUMNS or names.count(name) > 1}):
        problem = f"has unknown or repeated columns: {', '.join(wrong)}"
        raise UnreadableFileError(_header_problem(problem, line, separator))
    return names


def _header_problem(problem: str, line: int, separator: str) -> str:
    return (
        f"the header {problem} (line {line}, separated by {SEPARATORS[separator]}s); the possible columns are "
        f"{', '.join(COLUMNS)}, separated by commas, semicolons or tabs"
    )


def _named(header: Sequence[str], cells: Sequence[str], separator: str) -> Mapping[str, str] | _BadRowError:
    filled = len(cells)
    while filled > len(header) and not _trimmed(cells[filled - 1]):
        filled -= 1
    if filled == 1:
        return _BadRowError(f"has 1 cell, but the header has {len(header)}, separated by {SEPARATORS[separator]}s")
    if filled != len(header):
        return _BadRowError(f"has {filled} cells, but the header has {len(header)}")
    return _values(zip(header, cells, strict=False))


def _values(cells: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return the values that are not empty, without white space around them."""
    values = {name: cell if name in EXACT_COLUMNS else _trimmed(cell) for name, cell in cells if cell}
    return {name: value for name, value in values.items() if value}


def _trimmed(cell: str) -> str:
    return BLANK.sub("", cell)


def _json_cells(lines: Iterable[str]) -> _Cells:
    for number, text in enumerate(lines, start=1):
        if _trimmed(text):
            yield number, _json_object(text)


def _json_object(text: str) -> Mapping[str, str] | _BadRowError:
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return _BadRowError("is not JSON")
    if not isinstance(pairs, tuple):
        return _BadRowError("is not a JSON object")
    cells = [(_column(name), cell) for name, cell in pairs]
    names = [name for name, _ in cells]
    if any(name not in COLUMNS or names.count(name) > 1 for name in names):
        return _BadRowError(f"has unknown names or repeated names; the possible names are {', '.join(COLUMNS)}")
    if any(not isinstance(cell, str | None) for _, cell in cells):
        return _BadRowError("has a value that is not a string")
    return _values(cells)


def _user(cells: Mapping[str, str]) -> NewUser:
    for name, value in cells.items():
        if REPLACEMENT_CHARACTER in value:
            message = f"{name}: has U+FFFD, so another program has read the file in a wrong encoding"
            raise _BadRowError(message)
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
