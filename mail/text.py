"""Text that others chose (names, reasons, browsers), made safe to stand in a line of a letter."""

import re
import unicodedata

# Control characters, lone surrogates, line and paragraph separators: they break lines, or cannot be stored at all.
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# What turns the direction of the text after it, so that it reads as something else (Unicode UAX #9 §2).
DIRECTION_CHANGES = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

# The first that fits names the browser or the system. Chrome calls itself Safari too, and Edge calls itself both.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
# How a client that is no browser calls itself: `name/version` (RFC 9110 §10.1.5).
PRODUCT = re.compile(r"([A-Za-z][A-Za-z-]{0,29})/")


def one_line(text: str) -> str:
    """The text on one line, without anything that ends a line, turns its direction or cannot be stored."""
    return " ".join("".join(character if _is_printable(character) else " " for character in text).split())


def device(user_agent: str | None) -> list[str]:
    """Browser and system of a `User-Agent`, as far as known.

    Whoever knows a password chooses what stands in this header and who reads the letter. So none of it is repeated but
    a single word of letters, which cannot be a link.
    """
    if user_agent is None:
        return []
    product = PRODUCT.match(user_agent)
    client = _first(BROWSERS, user_agent) or (product[1] if product and product[1] != "Mozilla" else None)
    return [name for name in (client, _first(SYSTEMS, user_agent)) if name]


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in known if mark in user_agent), None)


def _is_printable(character: str) -> bool:
    return (
        unicodedata.category(character) not in UNPRINTABLE
        and unicodedata.bidirectional(character) not in DIRECTION_CHANGES
    )
