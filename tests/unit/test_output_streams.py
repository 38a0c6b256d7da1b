"""Output streams of a process: they escape what they cannot encode, and ignore that the reader is gone."""

import io
import os
from pathlib import Path
from typing import TextIO

import pytest

from transport.output_streams import failsafe_stream


def stream_to(descriptor: int, encoding: str) -> TextIO:
    """Return a stream as Python opens it for standard output with `PYTHONUNBUFFERED=1`."""
    return io.TextIOWrapper(io.FileIO(descriptor, "w"), encoding=encoding, write_through=True)


@pytest.mark.parametrize(("encoding", "written"), [("ascii", rb"\xe9\u674e"), ("cp1252", b"\xe9\\u674e")])
def test_escapes_characters_that_the_encoding_lacks(encoding: str, written: bytes) -> None:
    """The encoding stays as it is."""
    reader, writer = os.pipe()
    with stream_to(writer, encoding) as original:
        stream = failsafe_stream(original)
        stream.write("é李")
        stream.flush()

        assert os.read(reader, 100) == written
        assert (stream.encoding, stream.fileno(), stream.isatty()) == (encoding, writer, False)
        assert failsafe_stream(stream) is stream
    os.close(reader)


def test_drops_what_nobody_reads() -> None:
    """This includes what is flushed at the end."""
    reader, writer = os.pipe()
    os.close(reader)
    with stream_to(writer, "utf-8") as original:
        stream = failsafe_stream(original)
        stream.write("lost\n" * 10_000)
        stream.flush()


def test_other_errors_are_raised() -> None:
    """A full disk is an error."""
    with Path("/dev/full").open("w", encoding="utf-8") as original:
        stream = failsafe_stream(original)

        with pytest.raises(OSError, match="No space left"):
            stream.buffer.raw.write(b"lost")  # type: ignore[attr-defined]


def test_missing_stream_drops_everything() -> None:
    """Python has no standard output if its file was closed before the start."""
    with failsafe_stream(None) as stream:
        assert stream.write("lost") == 4
