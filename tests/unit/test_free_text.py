"""Free text: line breaks and tabs of all systems are normalised, and the length is counted after that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import InvalidInputError
from accounts.free_text import normalise_free_text
from accounts.identity import is_plain_text
from tests.support.parameter_ids import printable_id


def normalise(text: str, max_length: int = 500) -> str:
    """Normalise a text of a call."""
    return normalise_free_text("reason", text, max_length=max_length)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"], ids=printable_id)
def test_each_line_break_becomes_a_line_feed(line_break: str) -> None:
    """Empty lines stay."""
    assert normalise(f"one{line_break}{line_break}two{line_break}") == "one\n\ntwo"


def test_tabs_become_spaces() -> None:
    """White space around the text is removed."""
    assert normalise("\tCalled back:\tyes \u3000") == "Called back: yes"
    assert normalise(" \r\n\t") == ""


def test_length_is_counted_after_the_normalisation() -> None:
    """500 lines from Windows are 1,000 characters before it. More than four times the length is not read at all."""
    assert normalise("x\r\n" * 250) == "x\n" * 249 + "x"
    assert normalise("é" * 500) == "é" * 500
    for text in ("é" * 501, "x\r\n" * 251, "x" + " " * 2000):
        with pytest.raises(InvalidInputError):
            normalise(text)


@pytest.mark.parametrize("character", ["\0", "\x08", "\x1b", "\x1c", "\x7f", "\x9b", "\ud800"], ids=printable_id)
def test_rejects_other_control_characters(character: str) -> None:
    """They can change what a terminal shows, or the database cannot store them."""
    with pytest.raises(InvalidInputError) as raised:
        normalise(f"a{character}b")

    assert (raised.value.argument, raised.value.reason) == ("reason", "at most 500 characters of plain text")


@given(st.text(max_size=60))
def test_result_is_plain_and_does_not_change_again(text: str) -> None:
    """This is tested with all of Unicode."""
    try:
        normalised = normalise(text, max_length=30)
    except InvalidInputError:
        return

    assert len(normalised) <= 30
    assert is_plain_text(normalised.replace("\n", ""))
    assert normalise(normalised, max_length=30) == normalised
