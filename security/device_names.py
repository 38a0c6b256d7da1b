"""Name the browser and the operating system of a `User-Agent`, for people to recognise their devices."""

import re

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


def device_name(user_agent: str | None) -> str | None:
    """Return the browser and the operating system, for example `Firefox, Linux`; None if neither is known."""
    return ", ".join(client_names(user_agent)) or None


def client_names(user_agent: str | None) -> list[str]:
    """Return the browser and the operating system of a `User-Agent`, as far as known.

    An attacker who knows a password chooses this header, and the user reads the names in an email. So the names repeat
    at most one word of it, of ASCII letters and dashes, which cannot be a link.
    """
    if user_agent is None:
        return []
    product = PRODUCT_TOKEN.match(user_agent)
    client = _first_match(BROWSERS, user_agent) or (product[1] if product and product[1] != "Mozilla" else None)
    return [name for name in (client, _first_match(SYSTEMS, user_agent)) if name]


def _first_match(known: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in known if mark in user_agent), None)
