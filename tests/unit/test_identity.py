"""Emails and names: which ones are valid, and which ones are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.identity import email_key, is_plain_text, is_well_formed_name, search_key


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
    def test_ignores_case_and_composition(self, email: str, key: str) -> None:
        """Two spellings of one email belong to one account."""
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
    def test_returns_none_for_an_invalid_email(self, email: str) -> None:
        """It could end a mail header, name two recipients, or has a space after normalisation."""
        assert email_key(email) is None

    @given(st.one_of(st.emails(), st.text(max_size=30).map(lambda text: f"{text}@acme.example")))
    def test_key_of_a_key_is_the_same_key(self, email: str) -> None:
        """So a comparison of keys is a comparison of emails. A key has at most 254 characters."""
        key = email_key(email)

        assert key is None or (email_key(key) == key and len(key) <= 254)

    @given(st.text(max_size=20), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    def test_is_the_same_for_every_composition(self, text: str, form: str) -> None:
        """Canonically equivalent text is the same text (Unicode Standard §3.13)."""
        assert search_key(unicodedata.normalize(form, text)) == search_key(text)  # type: ignore[arg-type]  # a valid name of a form


class TestNames:
    @pytest.mark.parametrize("name", ["A", "Ada Lovelace", "O'Brien", "李小龍", "👩🏽‍💻", "a" * 200, "ß" * 200])
    def test_accepts_plain_text_of_up_to_200_characters(self, name: str) -> None:
        """This includes every script and emoji sequences."""
        assert is_well_formed_name(name)

    @pytest.mark.parametrize(
        "name", ["", " ", "\u3000", "a" * 201, "a\nb", "a\tb", "a\x7f", "a\u2029", "a\ud800", "\x00"]
    )
    def test_rejects_invalid_names(self, name: str) -> None:
        """A name is not empty, not longer than 200 characters, and has no control characters."""
        assert not is_well_formed_name(name)

    @given(st.text(st.sampled_from("ﷺΐﬃßİ") | st.characters(), max_size=200))
    def test_search_key_fits_the_column(self, name: str) -> None:
        """Case folding can turn one character into 18."""
        assert not is_well_formed_name(name) or len(search_key(name)) <= 600

    @given(st.text())
    def test_plain_text_can_be_stored(self, text: str) -> None:
        """UTF-8 can encode it, and it has no NUL, which PostgreSQL rejects."""
        assert not is_plain_text(text) or b"\0" not in text.encode()
