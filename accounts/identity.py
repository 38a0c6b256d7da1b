"""Emails and names: which text is valid, and how to normalise it for comparison."""

import re
import unicodedata

from security.constants import EMAIL_MAX_LENGTH, NAME_KEY_MAX_LENGTH, NAME_MAX_LENGTH

# The necessary form of an email: one @, no spaces or control characters, no characters that structure a mail header.
WELL_FORMED_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,253}")


def email_key(email: str) -> str | None:
    """Return the email for comparison, without case and normalised. Return None if it cannot be an email."""
    if len(email) > EMAIL_MAX_LENGTH or not is_plain_text(email) or not WELL_FORMED_EMAIL.fullmatch(email):
        return None
    key = _without_case(email)
    return key if len(key) <= EMAIL_MAX_LENGTH and WELL_FORMED_EMAIL.fullmatch(key) else None


def is_well_formed_name(name: str) -> bool:
    """Return whether a name has 1 to 200 characters, not only spaces, and no control characters.

    Also return False if its search key has more than 600 characters. The search key of some single characters has 18,
    so this rejects names that consist of such characters.
    """
    if not name.strip() or len(name) > NAME_MAX_LENGTH or not is_plain_text(name):
        return False
    return len(search_key(name)) <= NAME_KEY_MAX_LENGTH


def is_plain_text(text: str) -> bool:
    """Return whether the text has no control characters, lone surrogates, or line and paragraph separators."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def search_key(text: str) -> str:
    """Return the text for searching and ordering, without case."""
    return _without_case(text)


def _without_case(text: str) -> str:
    # Unicode Standard §3.13 D146, compatibility caseless matching. Case folding can undo a normalisation, and can
    # produce characters that need normalisation. So one round of both is not always enough.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())
