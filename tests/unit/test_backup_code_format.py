"""Backup codes: ten codes of ten characters, which a user may type in several spellings."""

import secrets
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.factors.backup_code_format import (
    ALPHABET,
    backup_code_hash,
    generate_backup_codes,
    normalise_backup_code,
)
from twofactor.factors.entered_code import INPUT_MAX_LENGTH

CODES = st.text(st.sampled_from(ALPHABET), min_size=10, max_size=10)
SEPARATORS = " -\t\xa0\u2011\u2013\u2212\u200b\ufeff\"'“”"
# The characters that a user may type for each character of the alphabet.
SPELLINGS = {character: {character, character.lower()} for character in ALPHABET}
SPELLINGS["0"] |= set("oO")
SPELLINGS["1"] |= set("iIlL")


@st.composite
def spellings_of_codes(draw: st.DrawFn) -> tuple[str, str]:
    """Return a code, and a spelling in which a user may type it."""
    code = draw(CODES)
    separators = st.text(st.sampled_from(SEPARATORS), max_size=4)
    list_number = draw(st.sampled_from(["", "1.", "3) ", "10. ", "\u200b 10)"]))
    typed = "".join(draw(separators) + draw(st.sampled_from(sorted(SPELLINGS[character]))) for character in code)
    return code, list_number + typed + draw(separators)


class TestNormaliseBackupCode:
    @given(CODES)
    def test_does_not_change_a_normalised_code(self, code: str) -> None:
        """So two different codes never become equal."""
        assert normalise_backup_code(code) == code

    @given(spellings_of_codes())
    def test_accepts_other_spellings(self, case: tuple[str, str]) -> None:
        """Case, separators and a list number are ignored, and look-alikes are read (Crockford's base32)."""
        code, typed = case

        assert normalise_backup_code(typed) == code

    @given(st.one_of(st.text(), st.text(min_size=10, max_size=10)))
    def test_returns_a_normalised_code_or_none(self, spelling: str) -> None:
        """This is tested with all of Unicode."""
        code = normalise_backup_code(spelling)

        assert code is None or (len(code) == 10 and set(code) <= set(ALPHABET) and normalise_backup_code(code) == code)

    @pytest.mark.parametrize(
        "spelling",
        [
            "",
            "ABCDEFGHJ",
            "ABCDEFGHJKM",
            "ABCDEFGHJU",
            "ABCDEFGHJ\n",
            "ABCDE_FGHJK",
            "ABCDE.FGHJK",
            "1. 2. ABCDEFGHJK",
            "100. ABCDEFGHJK",
            "ABCDEFGHJK 1.",
            "1.",
            "ABCDEFGHJ\u0661",
            "ABCDEFGHJ²",
            "ⅧABCDEF",
            "ABCDEFGHß",
            "АBCDEFGHJK",
        ],
    )
    def test_rejects_invalid_codes(self, spelling: str) -> None:
        """Too short, too long, a character outside the alphabet, or a list number elsewhere."""
        assert normalise_backup_code(spelling) is None

    def test_rejects_text_over_the_maximum_length(self) -> None:
        """Text of exactly this length is accepted."""
        assert normalise_backup_code("0123456789".ljust(INPUT_MAX_LENGTH)) == "0123456789"
        assert normalise_backup_code("0123456789".ljust(INPUT_MAX_LENGTH + 1)) is None


class TestGenerateBackupCodes:
    def test_returns_ten_different_normalised_codes(self) -> None:
        """A user can type them as they are."""
        codes = generate_backup_codes(secrets.choice)

        assert len(set(codes)) == 10
        assert all(normalise_backup_code(code) == code for code in codes)

    def test_replaces_a_repeated_code(self) -> None:
        """A set always has ten different codes."""
        draws = iter("0" * 20 + "".join(f"{number}" * 10 for number in range(1, 10)))

        codes = generate_backup_codes(lambda _alphabet: next(draws))

        assert codes == tuple(str(number) * 10 for number in range(10))

    def test_uses_the_whole_alphabet(self) -> None:
        """32 characters make 50 bits for each code."""
        random = Random(1)
        seen = {character for _ in range(20) for code in generate_backup_codes(random.choice) for character in code}

        assert seen == set(ALPHABET)
        assert len(ALPHABET) == 32


class TestBackupCodeHash:
    def test_depends_on_code_and_salt(self) -> None:
        """The hash has 32 bytes."""
        first = backup_code_hash("0123456789", b"a" * 16)

        assert first == backup_code_hash("0123456789", b"a" * 16)
        assert first not in {backup_code_hash("0123456789", b"b" * 16), backup_code_hash("0123456788", b"a" * 16)}
        assert len(bytes.fromhex(first)) == 32
