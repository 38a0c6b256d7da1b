"""Emails, names and passwords: what is well formed, what is the same, and what is too easy to guess."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofactor.rules.identity import (
    could_be_password,
    email_key,
    is_plain_text,
    is_weak_password,
    is_well_formed_name,
    search_key,
)


class TestEmailKey:
    @pytest.mark.parametrize(
        ("email", "key"),
        [
            ("ada@acme.example", "ada@acme.example"),
            ("Ada.Lovelace+work@ACME.example", "ada.lovelace+work@acme.example"),
            ("STRASSE@acme.example", "strasse@acme.example"),
            ("straße@acme.example", "strasse@acme.example"),
            ("Ju\u0308rgen@acme.example", "jürgen@acme.example"),
            ("jürgen@acme.example", "jürgen@acme.example"),
            ("ａda@acme.example", "ada@acme.example"),
            ("a" * 64 + "@b.example", "a" * 64 + "@b.example"),
        ],
    )
    def test_is_without_case_and_composition(self, email: str, key: str) -> None:
        """Two spellings of one address are one account."""
        assert email_key(email) == key

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "@",
            "ada",
            "ada@",
            "@acme.example",
            "a@b@c.example",
            "ada @acme.example",
            "ada@acme.example\n",
            "ada\x00@acme.example",
            "ada@acme.example,eve@evil.example",
            "<ada@acme.example>",
            "ada;eve@acme.example",
            "ada\u2028@acme.example",
            "\ud800@acme.example",
            "a" * 65 + "@acme.example",
            "a@" + "b" * 253,
            "ﷺ@acme.example",
        ],
    )
    def test_is_none_where_it_cannot_be_an_email(self, email: str) -> None:
        """Nothing that could end a header or name two people; nor what has a space once it is normalised."""
        assert email_key(email) is None

    @given(st.one_of(st.emails(), st.text(max_size=30).map(lambda text: f"{text}@acme.example")))
    def test_is_settled(self, email: str) -> None:
        """The key of a key is itself, so comparing keys is comparing emails."""
        key = email_key(email)

        assert key is None or (email_key(key) == key and len(key) <= 254)

    @given(st.text(max_size=20), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    def test_is_the_same_for_every_composition(self, text: str, form: str) -> None:
        """Canonically equivalent text is the same text (Unicode Standard §3.13)."""
        assert search_key(unicodedata.normalize(form, text)) == search_key(text)  # type: ignore[arg-type]  # one of its names


class TestNames:
    @pytest.mark.parametrize("name", ["A", "Ada Lovelace", "O'Brien", "李小龍", "👩🏽‍💻", "a" * 200, "ß" * 200])
    def test_may_be_any_plain_text(self, name: str) -> None:
        """Up to 200 characters."""
        assert is_well_formed_name(name)

    @pytest.mark.parametrize(
        "name", ["", " ", "\u3000", "a" * 201, "a\nb", "a\tb", "a\x7f", "a\u2029", "a\ud800", "\x00"]
    )
    def test_may_be_nothing_else(self, name: str) -> None:
        """Not empty, not longer, no control characters."""
        assert not is_well_formed_name(name)

    @given(st.text(st.sampled_from("ﷺΐﬃßİ") | st.characters(), max_size=200))
    def test_always_fit_where_they_are_ordered(self, name: str) -> None:
        """Also those that grow eighteenfold without case."""
        assert not is_well_formed_name(name) or len(search_key(name)) <= 600

    @given(st.text())
    def test_plain_text_can_be_stored(self, text: str) -> None:
        """As UTF-8, and without the NUL that PostgreSQL refuses."""
        assert not is_plain_text(text) or b"\0" not in text.encode()


class TestPasswords:
    @pytest.mark.parametrize("password", ["x", " ", "a\x00b", "\n", "🔐" * 256, "a" * 256])
    def test_may_be_any_text_that_can_be_encoded(self, password: str) -> None:
        """Up to 256 characters, exactly as given (ASVS 6.2.8)."""
        assert could_be_password(password)

    @pytest.mark.parametrize("password", ["", "a" * 257, "\ud800", "long enough but \udfff"])
    def test_may_be_nothing_else(self, password: str) -> None:
        """Nobody can have it, so no hash is spent on it."""
        assert not could_be_password(password)

    @given(st.text(max_size=300))
    def test_that_anybody_can_have_can_be_hashed(self, password: str) -> None:
        """That is, encoded."""
        assert not could_be_password(password) or password.encode() is not None

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
    def test_that_is_soon_guessed_is_weak(self, password: str) -> None:
        """Short, common, repetitive, or impossible."""
        assert is_weak_password(password)

    @pytest.mark.parametrize(
        "password",
        ["correct horse battery staple", "wq8fJ2kz0Lxp", "пароль для моей собаки", "密" * 3 + "xkcd hunter zwölf"],
    )
    def test_that_is_hard_to_guess_is_not(self, password: str) -> None:
        """In any script, with or without symbols."""
        assert not is_weak_password(password)

    def test_about_the_user_is_weak(self) -> None:
        """Their own email and name are the first to be tried."""
        assert not is_weak_password("zoraidaquimby")
        assert is_weak_password("zoraidaquimby", about=("zoraidaquimby@acme.example", "zoraidaquimby"))

    def test_made_to_keep_the_check_busy_does_not(self) -> None:
        """zxcvbn reads this one in very many ways: unbounded it takes some seconds."""
        began = time.process_time()
        is_weak_password("4@8({[</369&#!1/|0$5+7%2" * 10)

        assert time.process_time() - began < 1
