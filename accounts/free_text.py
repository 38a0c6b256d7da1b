"""Free text of users: normalise line breaks and white space, before anything checks or stores it."""

import re

from accounts.errors import InvalidInputError
from accounts.identity import is_plain_text

# Line breaks of all systems, and those of word processors and terminals (Unicode Standard §5.8).
LINE_BREAK = re.compile("\r\n|[\n\v\f\r\x85\u2028\u2029]")
# A pair of characters can become one, and white space around the text is removed. No text needs more.
INPUT_CHARACTERS_PER_CHARACTER = 4


def normalise_free_text(argument: str, text: str, *, max_length: int) -> str:
    r"""Return the text with `\n` for each line break and a space for each tab, without white space around it.

    Reject other control characters: nobody types them, and they can change what a terminal shows.

    Raises:
        InvalidInputError: The result is too long, or is not plain text.
    """
    if len(text) <= max_length * INPUT_CHARACTERS_PER_CHARACTER:
        normalised = LINE_BREAK.sub("\n", text).replace("\t", " ").strip()
        if len(normalised) <= max_length and is_plain_text(normalised.replace("\n", " ")):
            return normalised
    raise InvalidInputError(
        argument,
        f"at most {max_length} characters of plain text",
        de=f"höchstens {max_length} Zeichen einfacher Text",
    )
