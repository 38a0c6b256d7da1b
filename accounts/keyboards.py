"""Walks on keyboards and in alphabets: `qwertz`, `1qay2wsx`, `9876`, `aaaa`. They look random, and are not."""

from collections.abc import Iterator
from itertools import pairwise

# Where a key is: its row and its column. A step is the difference of two places.
Place = tuple[int, int]

# The keys of each row, then the same keys with Shift. The second key of a row is above the second key of the next one.
_ROWS = {
    "QWERTY": (
        ("`1234567890-=", "\0qwertyuiop[]\\", "\0asdfghjkl;'", "\0zxcvbnm,./"),
        ("~!@#$%^&*()_+", "\0\0\0\0\0\0\0\0\0\0\0{}|", '\0\0\0\0\0\0\0\0\0\0:"', "\0\0\0\0\0\0\0\0<>?"),
    ),
    "QWERTZ": (
        ("^1234567890ß´", "\0qwertzuiopü+", "\0asdfghjklöä#", "<yxcvbnm,.-"),
        ('°!"§$%&/()=?`', "\0\0\0\0\0\0\0\0\0\0\0\0*", "\0\0\0\0\0\0\0\0\0\0\0\0'", ">\0\0\0\0\0\0\0;:_"),
    ),
    "AZERTY": (
        ("²&é\"'(-è_çà)=", "\0azertyuiop^$", "\0qsdfghjklmù*", "<wxcvbn,;:!"),
        ("\x001234567890°+", "\0\0\0\0\0\0\0\0\0\0\0¨£", "\0\0\0\0\0\0\0\0\0\0\0%µ", ">\0\0\0\0\0\0?./§"),
    ),
    "ЙЦУКЕН": (
        ("ё1234567890-=", "\0йцукенгшщзхъ\\", "\0фывапролджэ", "\0ячсмитьбю."),
        ('\0!"№;%:?*()_+', "\0\0\0\0\0\0\0\0\0\0\0\0\0/", "", "\0\0\0\0\0\0\0\0\0\0,"),
    ),
    "keypad": (("789", "456", "123", "0"), ("", "", "", "")),
}
_KEYBOARDS = tuple(
    {
        key: (row, column)
        for rows in layers
        for row, keys in enumerate(rows)
        for column, key in enumerate(keys)
        if key != "\0"
    }
    for layers in _ROWS.values()
)

SHORTEST_WALK = 3
# A longer walk counts as several ones.
LONGEST_WALK = 24
# Most walks start at these keys, or in the corner of another keyboard.
OBVIOUS_STARTS = frozenset("1aq0z9yйаfцф")

# Powers of ten: in how many ways a walk starts, takes a step, takes a step of the same kind, jumps, and ends.
OBVIOUS_START = 0.5
OTHER_START = 1.5
STEP = 0.9
JUMP = 1.7
LENGTH = 0.5


def walks(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield the walks in a text: their start, their end, and the power of ten of the guesses that find them."""
    for keyboard in _KEYBOARDS:
        yield from _walks([keyboard.get(character) for character in text], text)
    yield from _walks([(0, ord(character)) for character in text], text)


def _walks(places: list[Place | None], text: str) -> Iterator[tuple[int, int, float]]:
    steps = [
        None if before is None or after is None else (after[0] - before[0], after[1] - before[1])
        for before, after in pairwise(places)
    ]
    for start, place in enumerate(places):
        if place is not None:
            first = OBVIOUS_START if text[start] in OBVIOUS_STARTS else OTHER_START
            for length, cost in _costs(steps[start : start + LONGEST_WALK - 1]):
                yield start, start + length, first + cost


def _costs(steps: list[Place | None]) -> Iterator[tuple[int, float]]:
    """Yield the number of keys and the cost of each walk that starts here.

    A walk is cheap if its steps repeat, as in `1q2w3e4r`, or if it has few turns. `borders[n]` is the length of the
    longest proper prefix of the first n steps that also ends them (Knuth, Morris and Pratt), so the steps repeat after
    n - borders[n].
    """
    borders = [0, 0]
    sums = [0.0]
    straight = 0.0
    for count, step in enumerate(steps, start=1):
        if step is None:
            return
        cost = STEP if max(abs(step[0]), abs(step[1])) <= 1 else JUMP
        sums.append(sums[-1] + cost)
        if count == 1 or step != steps[count - 2]:
            straight += cost + LENGTH
        if count > 1:
            border = borders[count - 1]
            while border and step != steps[border]:
                border = borders[border]
            borders.append(border + 1 if step == steps[border] else 0)
        if count + 1 >= SHORTEST_WALK:
            yield count + 1, min(straight, sums[count - borders[count]] + LENGTH)
