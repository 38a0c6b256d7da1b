"""Passwords: which ones are possible, and which ones are too easy to guess."""

import random
import string
import subprocess
import sys
import unicodedata
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from accounts.password_guesses import LONGEST_WORD, MAX_CHARACTERS, power_of_guesses
from accounts.password_strength import PasswordRules, Weakness, could_be_password, is_weak_password, weakness_of


class TestCouldBePassword:
    @pytest.mark.parametrize("password", ["x", " ", "a\x00b", "\n", "🔐" * 256, "a" * 256])
    def test_accepts_text_of_up_to_256_characters(self, password: str) -> None:
        """Control characters are allowed too (ASVS 6.2.8)."""
        assert could_be_password(password)

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    @pytest.mark.parametrize("character", ["ü", "ệ", "한", "ᾂ"])
    def test_counts_characters_in_nfc(self, form: Literal["NFC", "NFD"], character: str) -> None:
        """A character of NFD has up to four code points."""
        assert could_be_password(unicodedata.normalize(form, character * 256))
        assert not could_be_password(unicodedata.normalize(form, character * 257))

    def test_accepts_the_entered_form_of_an_old_hash(self) -> None:
        """Some characters are longer in NFC. Older servers counted the form that the user entered."""
        assert len(unicodedata.normalize("NFC", "\ufb2c" * 200)) == 600
        assert could_be_password("\ufb2c" * 200)

    @pytest.mark.parametrize(
        "password", ["", "a" * 257, "a" * 5000, "\u0301" * 1025, "\ud800", "long enough but \udfff"]
    )
    def test_rejects_other_text(self, password: str) -> None:
        """No user can have such a password, so the server computes no hash."""
        assert not could_be_password(password)

    @given(st.text(max_size=300))
    def test_possible_password_can_be_encoded(self, password: str) -> None:
        """The hash function takes bytes."""
        assert not could_be_password(password) or password.encode() is not None


COMPANY = ("mia.miller@maple.example", "Mia Müller", "Maple")


class TestIsWeakPassword:
    @pytest.mark.parametrize(
        "password",
        [
            pytest.param("", id="empty"),
            pytest.param("short1!Xq", id="short"),
            pytest.param("a" * 257, id="long"),
            pytest.param("\ud800" * 20, id="lone surrogates"),
            *["password1234", "Password123!", "P4ssw0rd!2026", "pass\u200bword\u200b1234", "passwordpasswordpassword"],
            *["drowssappassword", "p a s s w o r d 1 2", "Passwort!Passwort!", "парольпароль", "приветпривет"],
            *["ｐａｓｓｗｏｒｄ１２３４", "hallohallo12", "geheim123456"],
            *["aaaaaaaaaaaaaaa", "123456789012345", "987654321987654", "aabbccddeeff", "xyzxyzxyzxyz", "x9k2x9k2x9k2"],
            *[
                "qwertyuiop12",
                "qwertzuiopü+",
                "+üpoiuztrewq",
                "1qay2wsx3edc",
                "1q2w3e4r5t6z",
                "qayxswedcvfr",
                "yxcvbnm,.-#+",
            ],
            *[
                "azertyuiop^$",
                "qsdfghjklmù*",
                "wxcvbn,;:!qs",
                "йцукенгшщзхъ",
                "ъхзщшгнекуцй",
                "1йфя2цыч3увс",
                '!QAY"WSX§EDC',
            ],
            *["789456123789", "qwertzuiopasdf", "qwertyuiopasdfghjklzxcvbnm"],
            *[
                "sommer2026!!",
                "Winter2025/2026",
                "Frühling2026!",
                "fruehling2026!",
                "Weihnachten2026!!",
                "Лето2026Лето",
            ],
            *["septembre2026!", "primavera2026!", "Donnerstag12!", "12.04.198512.04.1985", "Schatzi19850412"],
            *["ichliebedich", "ich liebe dich", "jetaimemonamour", "tequieromucho", "teamoteamo12", "яТебяЛюблю123"],
            *["seniseviyorum1", "ikhouvanjou12", "kochamcie1234", "iloveyouverymuch"],
            *["countersign1", "c0untersign!!", "ngisretnuoc12", "countersign2026"],
        ],
    )
    def test_password_that_is_easy_to_guess_is_weak(self, password: str) -> None:
        """It is short, common, a walk on a keyboard, repetitive, or impossible."""
        assert is_weak_password(password)

    @pytest.mark.parametrize(
        "password",
        [
            *["correct horse battery staple", "wq8fJ2kz0Lxp", "seven quiet herons wade", "hunaze-pivoka-limuto-71"],
            *["haus baum auto hund", "ApfelWolkeFahrradKerze", "Grüße-Zürich-Käse-9", "密" * 3 + "xkcd hunter zwölf"],
            *["lampe rivière chaise bleu", "chat maison arbre pluie", "sol agua perro verde", "cane casa luna mare"],
            *[
                "пароль для моей собаки",
                "стол окно река зима",
                "さくら でんしゃ ねこ りんご",
                "りんごねこでんしゃつくえ",
            ],
            pytest.param("a" * 24 + "kq3vz8wm1xt9rb5ncy7d", id="random characters after a repetition"),
            "passwordpasswordpassword and 9 green elephants dance",
        ],
    )
    def test_password_that_is_hard_to_guess_is_not_weak(self, password: str) -> None:
        """Script and symbols make no difference, and neither does a weak beginning."""
        assert not is_weak_password(password)

    @pytest.mark.parametrize(("alphabet", "length"), [(string.ascii_letters + string.digits, 16), ("abcdefghij", 20)])
    def test_random_password_is_not_weak(self, alphabet: str, length: int) -> None:
        """A password manager makes such passwords."""
        rng = random.Random(1)
        assert not [
            password
            for password in ("".join(rng.choices(alphabet, k=length)) for _ in range(100))
            if is_weak_password(password)
        ]

    @pytest.mark.parametrize(
        "password",
        ["Maple2026!!!", "M4pl32026!!!", "mia.miller@maple", "MiaMüller1985", "miamueller1985", "elpamelpam26"],
    )
    def test_password_about_the_user_is_weak(self, password: str) -> None:
        """Attackers try the user's email and name first, and the name of the company account."""
        assert is_weak_password(password, about=COMPANY)

    def test_password_of_the_product_is_weak(self) -> None:
        """The operator may give the product another name."""
        rules = PasswordRules(("Zorbyx Quvil",))

        assert weakness_of("zorbyxquvil-2026") is None
        assert weakness_of("zorbyxquvil-2026", rules=rules) is Weakness.EASY_TO_GUESS

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_length_is_counted_in_nfc(self, form: Literal["NFC", "NFD"]) -> None:
        """The same characters have the same length, however they are entered."""
        assert weakness_of(unicodedata.normalize(form, "ü" * 11)) is Weakness.TOO_SHORT
        assert weakness_of(unicodedata.normalize(form, "ü" * 256)) is Weakness.EASY_TO_GUESS
        assert weakness_of(unicodedata.normalize(form, "ü" * 257)) is Weakness.TOO_LONG


class CountedWords(dict[str, float]):
    """Counts the look-ups."""

    look_ups = 0

    @override
    def get(self, *arguments: Any) -> Any:
        self.look_ups += 1
        return super().get(*arguments)


@given(st.text(alphabet="4@8({[</369&#!1|0$5+7%2ab\ufdfa\ufb2cü ", max_size=1024))
@example("4@8({[</369&#!1/|0$5+7%2" * 11)
@example("\ufdfa" * 256)
@example("1!|7" * 64)
@settings(max_examples=25, deadline=None)
def test_no_password_takes_more_steps_than_another(password: str) -> None:
    """The number of look-ups has a bound, however many readings the characters have."""
    words = CountedWords()
    power_of_guesses(password, words, frozenset())

    assert words.look_ups <= 2 * 9 * MAX_CHARACTERS * LONGEST_WORD


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=50, deadline=None)
def test_power_of_guesses_is_at_most_that_of_single_characters(first: str, second: str) -> None:
    """No text is an error, and a text is at most as hard to guess as its characters."""
    length = len(unicodedata.normalize("NFKC", first + second).casefold())

    assert 0 <= power_of_guesses(first + second, {}, frozenset()) <= length


def test_threads_that_need_the_words_first_get_the_same() -> None:
    """The first new passwords of a process can come at the same time. Only a new process has not loaded the words."""
    code = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from accounts.password_strength import weakness_of\n"
        "sys.setswitchinterval(0.001)\n"
        "with ThreadPoolExecutor(4) as threads:\n"
        "    found = list(threads.map(weakness_of, ['tausend kleine Igel'] * 8))\n"
        "assert found == [None] * 8"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
