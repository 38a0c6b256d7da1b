"""Emails, names and passwords: what is well formed, and how they are compared."""

import re
import unicodedata

from zxcvbn import zxcvbn

from twofactor.rules.policy import (
    EMAIL_MAX_LENGTH,
    NAME_KEY_MAX_LENGTH,
    NAME_MAX_LENGTH,
    PASSWORD_MAX_LENGTH,
    PASSWORD_MIN_LENGTH,
)

# zxcvbn's score 2: more than 10⁶ guesses. What scores less falls to guessing online.
WEAKEST_PASSWORD_SCORE = 2
# How much of a password is weighed: enough for any strong one to score.
CHARACTERS_WEIGHED = 24
# What can be an address at all: one @, no space or control character, none of the characters that build a mail header.
WELL_FORMED_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,253}")


def email_key(email: str) -> str | None:
    """The email as it is compared, whatever its case or composition; None where it cannot be an email."""
    if len(email) > EMAIL_MAX_LENGTH or not is_plain_text(email) or not WELL_FORMED_EMAIL.fullmatch(email):
        return None
    key = _without_case(email)
    return key if len(key) <= EMAIL_MAX_LENGTH and WELL_FORMED_EMAIL.fullmatch(key) else None


def is_well_formed_name(name: str) -> bool:
    """Whether a name is text of 1 to 200 characters without control characters.

    Some characters are up to 18 without case; a name of nothing but these is nobody's.
    """
    if not name.strip() or len(name) > NAME_MAX_LENGTH or not is_plain_text(name):
        return False
    return len(search_key(name)) <= NAME_KEY_MAX_LENGTH


def is_plain_text(text: str) -> bool:
    """Whether every character can be stored and shown: no controls, lone surrogates or line separators."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def search_key(text: str) -> str:
    """A text as it is searched and ordered: without case."""
    return _without_case(text)


def could_be_password(password: str) -> bool:
    """Whether anybody can have this password. Otherwise it is wrong, and no hash is spent on it.

    A password is compared exactly as it was given (ASVS 6.2.8).
    """
    return 0 < len(password) <= PASSWORD_MAX_LENGTH and _is_encodable(password)


def is_weak_password(password: str, *, about: tuple[str, ...] = ()) -> bool:
    """Whether a new password is too short, too long, common or otherwise soon guessed (NIST SP 800-63B §3.1.1.2).

    Takes up to a quarter of a second: zxcvbn weighs it against lists of common passwords, and against what is known
    `about` the user.
    """
    if not could_be_password(password) or len(password) < PASSWORD_MIN_LENGTH:
        return True
    # What follows can only make a password harder to guess, and hostile input keeps zxcvbn busy for seconds: it tries
    # every way to read `4@8({[` as letters.
    strength: int = zxcvbn(password[:CHARACTERS_WEIGHED], user_inputs=list(about))["score"]
    return strength < WEAKEST_PASSWORD_SCORE


def _is_encodable(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)


def _without_case(text: str) -> str:
    # Unicode Standard §3.13 D146, compatibility caseless matching: folding case can undo a normalisation and bring
    # forth what is to be normalised, so that one round of the two does not always settle.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())
