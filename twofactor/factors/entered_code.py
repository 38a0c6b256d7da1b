"""The text that a user types or pastes as a code."""

import unicodedata

import regex

# No user enters more characters than this with a code. The server rejects longer text before it processes it.
INPUT_MAX_LENGTH = 256
# What surrounds a code that is copied from an app, a document or a chat: properties of Unicode (UAX #44), and
# characters that keyboards and programs use as a dash or a quotation mark without the property.
SEPARATORS = regex.compile(
    r"[\p{White_Space}\p{Dash}˗⁃ー\p{Quotation_Mark}`′″\p{Default_Ignorable_Code_Point}]+"  # noqa: RUF001
)
# Superscripts, numbers in circles, fractions and Roman numerals: NFKC would make digits and letters of them.
OTHER_NUMBERS = regex.compile(r"[\p{No}\p{Nl}]")


def without_separators(text: str) -> str | None:
    """Return a code without what surrounds it, or None if the text is too long or has numbers that are no digits.

    NFKC makes ASCII of full-width digits, which keyboards for Chinese and Japanese type. It does not change the digits
    of other scripts.
    """
    if len(text) > INPUT_MAX_LENGTH or OTHER_NUMBERS.search(text):
        return None
    code: str = SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    return code
