"""The operator's file of passwords that nobody may have, one a line, for example from breaches."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from security.errors import OverloadedError

# A file of up to this size is read through for each new password, which takes a fraction of a second. A larger one must
# be sorted, so that a few lines are read, whatever its size.
READ_THROUGH_BYTES = 256 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
# Nobody can have a longer password. A file may have longer lines.
LONGEST_LINE_BYTES = 4096
# The number of lines that show whether a large file is sorted.
SAMPLES = 1000
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
RETRY_AFTER_S = 1


class PasswordBlocklist:
    """Searches the file. Call `contains` in a thread."""

    def __init__(self, path: Path) -> None:
        """Check that the file can be searched.

        Raises:
            OSError: It cannot be read.
            ValueError: It has another form.
        """
        self._path = path
        with path.open("rb") as file:
            mark = file.read(len(UTF8_MARK))
            if problem := _problem(mark):
                raise ValueError(problem)
            self._start = len(UTF8_MARK) if mark == UTF8_MARK else 0
            size = file.seek(0, 2)
            self._is_large = size > READ_THROUGH_BYTES
            if self._is_large and not SortedLines(file, self._start, size).seem_sorted():
                message = "is larger than 256 MiB, so it must be sorted by bytes: LC_ALL=C sort -u"
                raise ValueError(message)

    def contains(self, passwords: Iterable[str]) -> bool:
        """Return whether a line is one of these passwords. Case matters only in a file that must be sorted.

        Raises:
            OverloadedError: Somebody removed the file.
        """
        lines = {password.encode() for password in passwords}
        try:
            with self._path.open("rb") as file:
                if self._is_large:
                    in_file = SortedLines(file, self._start, file.seek(0, 2))
                    return any(in_file.contain(line) for line in lines)
                file.seek(self._start)
                return _read_through(file, {line.lower() for line in lines})
        except OSError as error:
            raise OverloadedError(RETRY_AFTER_S, "password_blocklist") from error


def _problem(mark: bytes) -> str | None:
    if not mark:
        return "is empty"
    return "must be UTF-8, not UTF-16" if mark.startswith(UTF16_MARKS) else None


def _read_through(file: BinaryIO, lines: set[bytes]) -> bool:
    wanted = [b"\n" + line + b"\n" for line in lines]
    before = b"\n"
    while chunk := file.read(CHUNK_BYTES):
        text = (before + chunk).lower().replace(b"\r\n", b"\n")
        if any(line in text for line in wanted):
            return True
        before = text[-LONGEST_LINE_BYTES:]
    return any((before + b"\n").endswith(line) for line in wanted)


class SortedLines:
    """Searches the lines of a sorted file."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._end = end

    def contain(self, wanted: bytes) -> bool:
        """Return whether a line is this one, by a binary search."""
        low, high = self._start, self._end
        while low < high:
            middle = (low + high) // 2
            start, line = self._line_after(middle)
            if start >= self._end or line >= wanted:
                high = middle
            else:
                low = start + 1
        return self._line_after(low)[1] == wanted

    def seem_sorted(self) -> bool:
        """Return whether lines from all parts of the file are sorted, and all at its end, where people add some."""
        last_chunk = max(self._start, self._end - CHUNK_BYTES)
        positions = range(self._start, last_chunk, max(1, self._end // SAMPLES))
        lines = [line for start, line in map(self._line_after, positions) if start < last_chunk]
        start, _ = self._line_after(last_chunk)
        self._file.seek(start)
        lines += [line.rstrip(b"\r") for line in self._file.read().removesuffix(b"\n").split(b"\n")]
        return lines == sorted(lines)

    def _line_after(self, position: int) -> tuple[int, bytes]:
        """Return the first line that starts at this position or after it, and where it starts."""
        start = position
        if position > self._start:
            self._file.seek(position - 1)
            while (rest := self._file.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            start = self._file.tell()
        self._file.seek(start)
        return start, self._file.readline(LONGEST_LINE_BYTES).rstrip(b"\r\n")
