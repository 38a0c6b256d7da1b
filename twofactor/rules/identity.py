"""Emails, names and passwords: what is well formed, and how they are compared."""

import re
import unicodedata

from zxcvbn import zxcvbn

from twofactor.rules.policy import (
    EMAIL_MAX_LENGTH,
    NAME_MAX_LENGTH,
    PASSWORD_MAX_LENGTH,
    PASSWORD_MIN_LENGTH,
)

# zxcvbn's score 2: more than 10⁶ guesses. What scores less falls to guessing online.
WEAKEST_PASSWORD_SCORE = 2
# What can be an address at all: one @, no space or control character, none of the characters that build a mail header.
WELL_FORMED_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,253}")


def email_key(email: str) -> str | None:
    """The email as it is compared, whatever its case or composition; None where it cannot be an email."""
    if len(email) > EMAIL_MAX_LENGTH or not is_plain_text(email) or not WELL_FORMED_EMAIL.fullmatch(email):
        return None
    key = unicodedata.normalize("NFKC", email).casefold()
    return key if len(key) <= EMAIL_MAX_LENGTH and WELL_FORMED_EMAIL.fullmatch(key) else None


def is_well_formed_name(name: str) -> bool:
    """Whether a name is text of 1 to 200 characters without control characters."""
    return 0 < len(name.strip()) and len(name) <= NAME_MAX_LENGTH and is_plain_text(name)


def is_plain_text(text: str) -> bool:
    """Whether every character can be stored and shown: no control characters, no lone surrogates, no line separators."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def search_key(text: str) -> str:
    """A text as it is searched and ordered: without case."""
    return unicodedata.normalize("NFKC", text).casefold()


def could_be_password(password: str) -> bool:
    """Whether anybody can have this password. Otherwise it is wrong, and no hash is spent on it.

    A password is compared exactly as it was given (ASVS 6.2.8).
    """
    return 0 < len(password) <= PASSWORD_MAX_LENGTH and _is_encodable(password)


def is_weak_password(password: str, *, about: tuple[str, ...] = ()) -> bool:
    """Whether a new password is too short, too long, common or otherwise soon guessed (NIST SP 800-63B §3.1.1.2).

    Takes some milliseconds: zxcvbn weighs it against lists of common passwords, and against what is known `about` the
    user.
    """
    if not could_be_password(password) or len(password) < PASSWORD_MIN_LENGTH:
        return True
    # zxcvbn takes no more than 72 characters; what is beyond them can only make a password harder to guess.
    strength: int = zxcvbn(password[:72], user_inputs=list(about))["score"]
    return strength < WEAKEST_PASSWORD_SCORE


def _is_encodable(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)
