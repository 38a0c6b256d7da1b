"""Ids of test parameters."""


def printable_id(text: str) -> str:
    """Return the first 20 characters, with every character that is not printable ASCII as its code point.

    Shells and test runners cannot handle some other characters in a test id.
    """
    return "".join(
        each if each.isascii() and each.isprintable() and each != "\\" else f"U+{ord(each):04X}" for each in text[:20]
    )
