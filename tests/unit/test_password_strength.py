"""Passwords: which ones are possible, and which ones are too easy to guess."""

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.password_strength import could_be_password, is_weak_password


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


class TestIsWeakPassword:
    @pytest.mark.parametrize(
        "password",
        [
            "",
            "short1!Xq",
            "password1234",
            "Password123!",
            "aaaaaaaaaaaaaaa",
            "123456789012345",
            "qwertyuiop12",
            "a" * 257,
            "\ud800" * 20,
        ],
    )
    def test_password_that_is_easy_to_guess_is_weak(self, password: str) -> None:
        """It is short, common, repetitive or impossible."""
        assert is_weak_password(password)

    @pytest.mark.parametrize(
        "password",
        ["correct horse battery staple", "wq8fJ2kz0Lxp", "пароль для моей собаки", "密" * 3 + "xkcd hunter zwölf"],
    )
    def test_password_that_is_hard_to_guess_is_not_weak(self, password: str) -> None:
        """Script and symbols make no difference."""
        assert not is_weak_password(password)

    def test_password_about_the_user_is_weak(self) -> None:
        """Attackers try the user's email and name first."""
        assert not is_weak_password("zoraidaquimby")
        assert is_weak_password("zoraidaquimby", about=("zoraidaquimby@acme.example", "zoraidaquimby"))

    def test_hostile_password_does_not_slow_the_check_down(self) -> None:
        """zxcvbn has very many readings of this password. Without a limit it takes some seconds."""
        start = time.process_time()
        is_weak_password("4@8({[</369&#!1/|0$5+7%2" * 10)

        assert time.process_time() - start < 1
