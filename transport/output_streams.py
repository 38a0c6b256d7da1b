"""Output streams that do not fail: neither on a character that their encoding lacks nor if their reader is gone."""

import errno
import io
import os
from typing import Any, TextIO

from typing_extensions import Buffer, override

# Windows reports a closed pipe as an invalid argument.
READER_IS_GONE = {errno.EPIPE, errno.EINVAL}


def failsafe_stream(stream: TextIO | None) -> TextIO:
    """Return a stream to the same file that escapes what it cannot encode, and drops what nobody reads any more.

    What a command prints comes after what it has changed. A stream that fails would report a change as failed. If the
    process was started without this stream, return one that drops everything. Return other streams than those of a
    process as they are.
    """
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # open until the process ends
    if type(stream) is not io.TextIOWrapper:
        return stream
    # The buffer is the file itself if Python was started with PYTHONUNBUFFERED.
    file: Any = getattr(stream.buffer, "raw", stream.buffer)
    if isinstance(file, _OutputFile):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_OutputFile(file)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _OutputFile(io.RawIOBase):
    """The file of a stream, without the error for a closed pipe."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file

    @override
    def writable(self) -> bool:
        return True

    @override
    def fileno(self) -> int:
        return self._file.fileno()

    @override
    def isatty(self) -> bool:
        return self._file.isatty()

    @override
    def write(self, data: Buffer, /) -> int | None:
        try:
            return self._file.write(data)
        except OSError as error:
            if error.errno not in READER_IS_GONE:
                raise
            return memoryview(data).nbytes
