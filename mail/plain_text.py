"""Make untrusted text (names, reasons, user agents) safe for one line of an email."""

import re
import unicodedata

# Control characters, lone surrogates, line and paragraph separators. They break lines or cannot be stored.
UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Characters that change the direction of the text after them, so that it reads differently (Unicode UAX #9 §2).
DIRECTION_CHANGES = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

# The first match gives the name. The order matters: Chrome also contains "Safari", and Edge contains both.
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
# The product token of a client that is not a browser: `name/version` (RFC 9110 §10.1.5).
PRODUCT_TOKEN = re.compile(r"([A-Za-z][A-Za-z-]{0,29})/")


def one_line(text: str) -> str:
    """Return the text on one line, without characters that end a line, change its direction or cannot be stored."""
    return " ".join("".join(character if _is_printable(character) else " " for character in text).split())


def client_names(user_agent: str | None) -> list[str]:
    """Return the browser and the operating system of a `User-Agent`, as far as known.

    An attacker who knows a password chooses this header, and the user reads the email. So the email repeats at most one
    word of it, of ASCII letters and dashes, which cannot be a link.
    """
    if user_agent is None:
        return []
    product = PRODUCT_TOKEN.match(user_agent)
    client = _first_match(BROWSERS, user_agent) or (product[1] if product and product[1] != "Mozilla" else None)
    return [name for name in (client, _first_match(SYSTEMS, user_agent)) if name]


def _first_match(known: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in known if mark in user_agent), None)


def _is_printable(character: str) -> bool:
    return (
        unicodedata.category(character) not in UNPRINTABLE
        and unicodedata.bidirectional(character) not in DIRECTION_CHANGES
    )
