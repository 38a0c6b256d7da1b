"""Make untrusted text (names, reasons, user agents) safe for one line of an email."""

import unicodedata

# Control characters, lone surrogates, line and paragraph separators. They break lines or cannot be stored.
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Characters that change the direction of the text after them, so that it reads differently (Unicode UAX #9 §2).
DIRECTION_CHANGES = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def one_line(text: str) -> str:
    """Return the text on one line, without characters that end a line, change its direction or cannot be stored."""
    return " ".join("".join(character if _is_printable(character) else " " for character in text).split())


def _is_printable(character: str) -> bool:
    return (
        unicodedata.category(character) not in UNPRINTABLE
        and unicodedata.bidirectional(character) not in DIRECTION_CHANGES
    )
