"""Codes as users paste them: what surrounds a code is removed, and its characters stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.factors.entered_code import INPUT_MAX_LENGTH, without_separators

SEPARATORS = {
    "white space": " \t\r\n\v\f\x85\xa0\u1680\u2007\u2009\u2028\u2029\u202f\u3000",
    "dashes": "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u207b\u02d7\u2043\u30fc\uff70\ufe58\ufe63\uff0d\u301c",
    "quotation marks": "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u2032\u2033\u2039\u203a\xab\xbb\u300c\u300d\uff02",
    "default-ignorable": "\xad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069"
    "\u3164\ufe0f\ufeff\uffa0\U000e0020",
}


@pytest.mark.parametrize("kind", SEPARATORS)
def test_removes_separators(kind: str) -> None:
    """They are removed before the code, inside and after it."""
    for separator in SEPARATORS[kind]:
        assert without_separators(f"{separator}12{separator}{separator}34{separator}") == "1234", ascii(separator)


@pytest.mark.parametrize(("text", "code"), [("０１２３", "0123"), ("ＡｂＣ", "AbC"), ("𝟎𝟏𝟐", "012"), ("１．ａ", "1.a")])
def test_maps_compatible_forms_to_ascii(text: str, code: str) -> None:
    """Full-width letters and digits come from keyboards for Chinese and Japanese."""
    assert without_separators(text) == code


@pytest.mark.parametrize("digits", ["٠١٢٣", "۰۱۲۳", "०१२३", "𐒠𐒡𐒢"])
def test_does_not_change_the_digits_of_other_scripts(digits: str) -> None:
    """So they are not digits of a code."""
    assert without_separators(digits) == digits


@pytest.mark.parametrize("number", ["①", "²", "₂", "½", "⒈", "⑴", "Ⅷ", "〇"])
def test_rejects_other_numbers(number: str) -> None:
    """Nobody types them in a code, but NFKC would make digits and letters of most of them."""
    assert without_separators(f"12345{number}") is None


def test_rejects_text_over_the_maximum_length() -> None:
    """It is rejected before it is normalised."""
    assert without_separators("1" * INPUT_MAX_LENGTH) == "1" * INPUT_MAX_LENGTH
    assert without_separators("1".ljust(INPUT_MAX_LENGTH + 1)) is None


@given(st.text(max_size=20))
def test_is_stable(text: str) -> None:
    """A code of ASCII characters does not change any more."""
    code = without_separators(text)

    assert code is None or not code.isascii() or without_separators(code) == code
