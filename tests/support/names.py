"""What a parameter is called in the name of its test."""


def plain(text: str) -> str:
    """The beginning of a text, with all but printable ASCII by code point: no shell and no runner trips over it."""
    return "".join(
        each if each.isascii() and each.isprintable() and each != "\\" else f"U+{ord(each):04X}" for each in text[:20]
    )
