"""How many guesses find a password, for an attacker who knows how people make passwords.

A password is a sequence of parts: words, names, walks on the keyboard, dates, repetitions, and other characters. The
cheapest sequence counts. The number of steps is bounded by the length of the password, whatever its characters are.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

from accounts.keyboards import walks

# A part of a text: its start, its end, and the power of ten of the guesses that find it.
Part = tuple[int, int, float]

# NFKC makes some characters longer.
MAX_CHARACTERS = 256
SHORTEST_WORD = 2
LONGEST_WORD = 24

# Powers of ten.
CHARACTER = 1.0
CHEAPEST_WORD = 1.5
WORD_OF_THE_CONTEXT = 1.0
REVERSED_OR_REPLACED = 0.3
REPETITION = 1.5
SHORTEST_REPETITION = 3
YEAR = 2.0
DATE = 4.0
SEPARATOR = 1.0
MAX_SEPARATORS = 2

# What people write in place of a letter. Some characters stand for two letters.
_REPLACEMENTS = str.maketrans("@4863€0$5+2µ", "aabgeeosstzu") | {ord(each): "c" for each in "([{<"}
_AMBIGUOUS = (
    str.maketrans("1!|7", "iiit"),
    str.maketrans("1!|7", "llit"),
    str.maketrans("1!|79", "iiilg"),
)

_DATES = (
    (re.compile(r"(?=((?:19|20)[0-9]{2}))", re.ASCII), YEAR),
    # Day, month and year in each order, with or without separators.
    (re.compile(r"(?=([0-3]?[0-9](?P<s>[-/. _]?)[0-3]?[0-9](?P=s)(?:19|20)[0-9]{2}))", re.ASCII), DATE),
    (re.compile(r"(?=((?:19|20)[0-9]{2}(?P<s>[-/. _]?)[0-3]?[0-9](?P=s)[0-3]?[0-9]))", re.ASCII), DATE),
    (re.compile(r"(?=([0-3]?[0-9](?P<s>[-/. _]?)[0-3]?[0-9](?P=s)[0-9]{2}))", re.ASCII), DATE),
)


def power_of_guesses(password: str, words: Mapping[str, float], context: frozenset[str]) -> float:
    """Return the power of ten of the guesses that find a password.

    `words` has common words with the power of each. The words of the `context` are the first that an attacker tries.
    All words have the form of `without_marks`.
    """
    text = unicodedata.normalize("NFKC", password).casefold()[:MAX_CHARACTERS]
    power = _power(text, words, context)
    letters = "".join(character for character in text if character.isalnum())
    separators = set(text) - set(letters)
    if letters and 0 < len(separators) <= MAX_SEPARATORS:
        power = min(power, _power(letters, words, context) + SEPARATOR * len(separators))
    return power


def without_marks(text: str) -> str:
    """Return a text in lower case without accents, of one character for each character of its NFKC form."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return text if text.isascii() else "".join(map(_without_mark, text))


@lru_cache(maxsize=1_000)
def _without_mark(character: str) -> str:
    decomposed = unicodedata.normalize("NFD", character)
    return decomposed[0] if all(map(unicodedata.combining, decomposed[1:])) else character


def _power(text: str, words: Mapping[str, float], context: frozenset[str]) -> float:
    parts_by_end: list[list[tuple[int, float]]] = [[] for _ in range(len(text) + 1)]
    for start, end, power in _parts(text, words, context):
        parts_by_end[end].append((start, power))
    cheapest = [0.0]
    for end in range(1, len(text) + 1):
        power = cheapest[end - 1] + CHARACTER
        for start, more in parts_by_end[end]:
            power = min(power, cheapest[start] + more)
        cheapest.append(power)
    return cheapest[-1]


def _parts(text: str, words: Mapping[str, float], context: frozenset[str]) -> Iterator[Part]:
    plain = "".join(map(_without_mark, text))
    yield from _words(plain, words, context, 0.0)
    length = len(plain)
    for reading in {plain, *_readings(plain)}:
        if reading != plain:
            yield from _words(reading, words, context, REVERSED_OR_REPLACED)
        for start, end, power in _words(reading[::-1], words, context, REVERSED_OR_REPLACED):
            yield length - end, length - start, power
    yield from walks(text)
    yield from _dates(text)
    yield from _repetitions(text)


def _readings(plain: str) -> Iterator[str]:
    replaced = plain.translate(_REPLACEMENTS)
    for letters in _AMBIGUOUS:
        yield replaced.translate(letters)


def _words(text: str, words: Mapping[str, float], context: frozenset[str], more: float) -> Iterator[Part]:
    for start in range(len(text) - SHORTEST_WORD + 1):
        for end in range(start + SHORTEST_WORD, min(start + LONGEST_WORD, len(text)) + 1):
            word = text[start:end]
            if word in context:
                yield start, end, WORD_OF_THE_CONTEXT + more
            elif (power := words.get(word)) is not None:
                yield start, end, max(power, CHEAPEST_WORD) + more


def _dates(text: str) -> Iterator[Part]:
    for pattern, power in _DATES:
        for match in pattern.finditer(text):
            yield match.start(1), match.end(1), power


def _repetitions(text: str) -> Iterator[Part]:
    """Yield the parts that repeat what comes before them, at each distance."""
    for distance in range(1, len(text)):
        length = 0
        for end in range(distance + 1, len(text) + 1):
            length = length + 1 if text[end - 1] == text[end - 1 - distance] else 0
            if length >= SHORTEST_REPETITION:
                yield end - length, end, REPETITION
