"""Decode the text of a file that the operator gives. The encoding is never guessed: a wrong one would change names."""

import codecs

# A file with a byte order mark names its encoding itself. UTF-32 comes first: its mark starts with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}
# The first bytes of an Excel file, which is a ZIP archive.
WORKBOOK = b"PK\x03\x04"


class UnreadableFileError(Exception):
    """Raised when the whole file cannot be read. The message never contains a value of a row."""


def decode(data: bytes, encoding: str | None) -> str:
    """Return the text of a file in this encoding, by default in that of its byte order mark or in UTF-8.

    Raises:
        UnreadableFileError: The file has another encoding, or is no text.
        LookupError: There is no such encoding.
    """
    if data.startswith(WORKBOOK):
        raise UnreadableFileError("the file is a workbook, not text. Save it as `CSV UTF-8`")
    marked = next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = _text(data, encoding or marked)
    except UnicodeError as error:
        line = _last_line(data[: getattr(error, "start", 0)] + b" ")
        hint = "" if encoding else ". Save it as `CSV UTF-8`, or give its encoding, such as --encoding cp1252 for Excel"
        message = (
            f"the file is not {NAMES.get(encoding or marked, encoding or marked)}: line {line} has other bytes{hint}"
        )
        raise UnreadableFileError(message) from None
    if encoding is not None and text != _text_in_utf_8(data, default=text):
        message = f"the file is in UTF-8, and its names would change in {encoding}. Leave out --encoding"
        raise UnreadableFileError(message)
    if "\0" in text:
        line = _last_line(text[: text.index("\0")] + " ")
        message = f"line {line} has a NUL character. If the file is in UTF-16, give --encoding utf-16-le or utf-16-be"
        raise UnreadableFileError(message)
    return text


def _text(data: bytes, encoding: str) -> str:
    # Most codecs keep a byte order mark, which would be part of the first name.
    return data.decode(encoding).removeprefix("\ufeff")


def _text_in_utf_8(data: bytes, *, default: str) -> str:
    try:
        text = _text(data, "utf-8")
    except UnicodeDecodeError:
        return default
    # Text in UTF-16 can be ASCII with NUL characters.
    return default if data.isascii() or "\0" in text else text


def _last_line(text: bytes | str) -> int:
    return len(text.splitlines())
