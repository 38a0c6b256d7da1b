"""Passwords: which text can be a password, and which passwords are too easy to guess."""

import unicodedata

from zxcvbn import zxcvbn

from security.constants import ENTERED_PASSWORD_MAX_LENGTH, PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH
from security.password_form import forms_to_check, normal_form

# zxcvbn's score 2 means more than 10⁶ guesses. A password with a lower score can be guessed online.
WEAKEST_PASSWORD_SCORE = 2
# zxcvbn looks at this many characters. Any strong password reaches the score within them.
CHARACTERS_WEIGHED = 24


def could_be_password(password: str) -> bool:
    """Return whether any user can have this password. If not, it is wrong, and the server computes no hash.

    The server normalises a password, and then compares every character (ASVS 6.2.8). An older hash may be of a longer
    normal form.
    """
    if not 0 < len(password) <= ENTERED_PASSWORD_MAX_LENGTH or not _is_encodable(password):
        return False
    return any(len(form) <= PASSWORD_MAX_LENGTH for form in forms_to_check(password))


def is_weak_password(password: str, *, about: tuple[str, ...] = ()) -> bool:
    """Return whether a new password is too short, too long, common or easy to guess (NIST SP 800-63B §3.1.1.2).

    zxcvbn compares it with lists of common passwords and with facts `about` the user. That takes up to 0.25 seconds.
    """
    if not could_be_password(password) or not PASSWORD_MIN_LENGTH <= len(normal_form(password)) <= PASSWORD_MAX_LENGTH:
        return True
    # More characters can only make a password harder to guess. And hostile input, such as `4@8({[`, keeps zxcvbn busy
    # for seconds, since it tries every reading of these characters as letters of the alphabet.
    strength: int = zxcvbn(password[:CHARACTERS_WEIGHED], user_inputs=list(about))["score"]
    return strength < WEAKEST_PASSWORD_SCORE


def _is_encodable(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)
