"""The form of a password that the server hashes.

Keyboards, browsers and operating systems write one character in several ways: `ü` is one code point or two.
"""

import unicodedata


def normal_form(password: str) -> str:
    """Return the password in NFC (NIST SP 800-63B-4 §3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def forms_to_check(password: str) -> tuple[str, ...]:
    """Return the normal form of an entered password, and the entered form if it is another one.

    A hash from another system, or from a server before passwords were normalised, may be of the entered form. The forms
    depend on nothing but the password, so their number reveals nothing about the account.
    """
    normal = normal_form(password)
    return (normal,) if normal == password else (normal, password)
