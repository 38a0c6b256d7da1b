"""Backup codes: ten of ten characters, forgiving to who types them and to nobody else."""

import secrets
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.rules.backup_codes import (
    ALPHABET,
    LONGEST_SPELLING,
    backup_code_hash,
    backup_codes_file,
    canonical_backup_code,
    generate_backup_codes,
)

CODES = st.text(st.sampled_from(ALPHABET), min_size=10, max_size=10)
# What each character may be typed as.
SPELLINGS = {character: {character, character.lower()} for character in ALPHABET}
SPELLINGS["0"] |= set("oO")
SPELLINGS["1"] |= set("iIlL")


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str]:
    """A code, and how somebody may type it."""
    code = draw(CODES)
    separators = st.text(st.sampled_from(" -"), max_size=4)
    typed = "".join(draw(separators) + draw(st.sampled_from(sorted(SPELLINGS[character]))) for character in code)
    return code, typed + draw(separators)


class TestCanonicalBackupCode:
    @given(CODES)
    def test_leaves_a_canonical_code_as_it_is(self, code: str) -> None:
        """So no two different codes are ever taken for each other."""
        assert canonical_backup_code(code) == code

    @given(misspelt())
    def test_reads_what_was_meant(self, case: tuple[str, str]) -> None:
        """Case, spaces, dashes and look-alikes do not matter (Crockford's base32)."""
        code, typed = case

        assert canonical_backup_code(typed) == code

    @given(st.one_of(st.text(), st.text(min_size=10, max_size=10)))
    def test_gives_a_code_of_the_alphabet_or_nothing(self, spelling: str) -> None:
        """For all of Unicode; what it gives is canonical."""
        code = canonical_backup_code(spelling)

        assert code is None or (len(code) == 10 and set(code) <= set(ALPHABET) and canonical_backup_code(code) == code)

    @pytest.mark.parametrize(
        "spelling",
        [
            "",
            "ABCDEFGHJ",
            "ABCDEFGHJKM",
            "ABCDEFGHJU",
            "ABCDEFGHJ\n",
            "ABCDEFGHJ\t0",
            "ABCDE_FGHJK",
            "ＡBCDEFGHJK",
            "ABCDEFGHJſ",
        ],
    )
    def test_refuses_what_cannot_be_a_code(self, spelling: str) -> None:
        """Too short, too long, a letter that is left out, other white space, or not ASCII."""
        assert canonical_backup_code(spelling) is None

    def test_looks_at_no_more_than_anybody_types(self) -> None:
        """At the bound it is a code, one beyond it is not."""
        assert canonical_backup_code("0123456789".ljust(LONGEST_SPELLING)) == "0123456789"
        assert canonical_backup_code("0123456789".ljust(LONGEST_SPELLING + 1)) is None


class TestGenerateBackupCodes:
    def test_gives_ten_different_canonical_codes(self) -> None:
        """Ready to be typed in."""
        codes = generate_backup_codes(secrets.choice)

        assert len(set(codes)) == 10
        assert all(canonical_backup_code(code) == code for code in codes)

    def test_draws_anew_where_chance_repeats_a_code(self) -> None:
        """A set has ten codes whatever chance does."""
        draws = iter("0" * 20 + "".join(f"{number}" * 10 for number in range(1, 10)))

        codes = generate_backup_codes(lambda _alphabet: next(draws))

        assert codes == tuple(str(number) * 10 for number in range(10))

    def test_uses_the_whole_alphabet(self) -> None:
        """Each character has a chance: 50 bits a code."""
        random = Random(1)
        seen = {character for _ in range(20) for code in generate_backup_codes(random.choice) for character in code}

        assert seen == set(ALPHABET)
        assert len(ALPHABET) == 32


class TestBackupCodeHash:
    def test_depends_on_code_and_salt(self) -> None:
        """And on nothing else."""
        first = backup_code_hash("0123456789", b"a" * 16)

        assert first == backup_code_hash("0123456789", b"a" * 16)
        assert first not in {backup_code_hash("0123456789", b"b" * 16), backup_code_hash("0123456788", b"a" * 16)}
        assert len(bytes.fromhex(first)) == 32


def test_file_holds_every_code_on_a_line_of_its_own() -> None:
    """And whose they are."""
    codes = generate_backup_codes(secrets.choice)

    lines = backup_codes_file(codes, product_name="Countersign", account_name="ada@acme.example").splitlines()

    assert lines == [
        "Countersign: backup codes of ada@acme.example",
        "",
        "Each code works once, in place of a one-time password. Keep them where only you can reach them.",
        "",
        *codes,
    ]
