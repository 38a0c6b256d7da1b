"""Common words, names and passwords, from the lists of other packages. They are loaded when they are first needed."""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from threading import Lock

from accounts.password_guesses import LONGEST_WORD, SHORTEST_WORD, without_marks

# The number of common words in each language. English is in the lists of zxcvbn.
LANGUAGES = {"de": 20_000} | dict.fromkeys(("cs", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "tr", "uk"), 10_000)
# How German is written on other keyboards.
TRANSCRIPTIONS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})

# Few different objects, since each takes memory.
_POWERS = [tenths / 10 for tenths in range(60)]

# Several hashing threads can need the words at the same time. One that reads the lists of zxcvbn while another one
# frees them would fail.
_loading = Lock()


def common_words() -> Mapping[str, float]:
    """Return common words, in the form of `without_marks`, with the power of ten of the rank of each in its list."""
    with _loading:
        return _load()


@cache
def _load() -> Mapping[str, float]:
    # The packages take memory, and most processes of the command line never need them.
    import wordfreq  # noqa: PLC0415
    from zxcvbn import frequency_lists, matching  # noqa: PLC0415

    powers: dict[str, float] = {}
    for ranked in frequency_lists.FREQUENCY_LISTS.values():
        _add(powers, ranked)
    # Free what nothing else uses.
    matching.RANKED_DICTIONARIES.clear()
    frequency_lists.FREQUENCY_LISTS.clear()
    for language, number in LANGUAGES.items():
        ranked = list(islice(wordfreq.iter_wordlist(language, "small"), number))
        wordfreq.get_frequency_list.cache_clear()
        _add(powers, ranked)
        if language == "de":
            _add(powers, (word.translate(TRANSCRIPTIONS) for word in ranked))
    return powers


def _add(powers: dict[str, float], ranked: Iterable[str]) -> None:
    for rank, word in enumerate(ranked, start=1):
        plain = without_marks(word)
        if SHORTEST_WORD <= len(plain) <= LONGEST_WORD:
            power = _POWERS[round(10 * math.log10(rank))]
            powers[plain] = min(power, powers.get(plain, power))
