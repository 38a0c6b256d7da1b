"""Emails and names: which ones are valid, and which ones are the same."""

import re
import subprocess
import sys
import unicodedata

import idna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accounts.identity import (
    COLLATOR,
    email_key,
    is_plain_text,
    name_sort_key,
    problem_of_email,
    problem_of_name,
    search_key,
    user_search_key,
)
from mail.messages import mailbox

# Characters without a glyph, and characters that control the direction of text.
INVISIBLE = (
    "\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e",
    "\u200f",
    "\u202a", "\u202e", "\u2060", "\u2066", "\u2069", "\u3164", "\ufe0e", "\ufe0f", "\ufeff", "\uffa0", "\U000e0001",
    "\U000e0041", "\U000e0100",
)  # fmt: skip
SCRIPTS = "aZß09-éŁσςΣЖйאبمनी李例えハ한กไA\u0301İıﬁ"
LABELS = st.text(st.sampled_from(SCRIPTS) | st.characters(categories=["L", "N"]), min_size=1, max_size=12)


def is_domain(domain: str) -> bool:
    """Return whether mail can use a domain."""
    try:
        return bool(idna.encode(domain, uts46=True))
    except idna.IDNAError:
        return False


class TestEmailKey:
    @pytest.mark.parametrize(
        ("email", "key"),
        [
            ("ada@acme.example", "ada@acme.example"),
            ("Ada.Lovelace+work@ACME.example", "ada.lovelace+work@acme.example"),
            ("STRASSE@acme.example", "strasse@acme.example"),
            ("straße@acme.example", "straße@acme.example"),
            ("STRAẞE@acme.example", "straße@acme.example"),
            ("Ju\u0308rgen@acme.example", "jürgen@acme.example"),
            ("jürgen@acme.example", "jürgen@acme.example"),
            ("ΟΔΟΣ@acme.example", "οδος@acme.example"),
            ("ａda@acme.example", "ａda@acme.example"),
            ("anna@bücher.example", "anna@xn--bcher-kva.example"),
            ("ANNA@BU\u0308CHER.example", "anna@xn--bcher-kva.example"),
            ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
            ("anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example"),
            ("anna@straße.example", "anna@xn--strae-oqa.example"),
            ("anna@strasse.example", "anna@strasse.example"),
            ("anna@例え。テスト", "anna@xn--r8jz45g.xn--zckzah"),
            ("anna@пример．test", "anna@xn--e1afmkfd.test"),
            ("a" * 64 + "@b.example", "a" * 64 + "@b.example"),
        ],
    )
    def test_is_the_same_for_all_spellings_of_a_mailbox(self, email: str, key: str) -> None:
        """Case, composition, and the form of the domain make no difference. `ß` and `ss` do."""
        assert email_key(email) == key

    @pytest.mark.parametrize(
        ("email", "key"),
        [
            ("a@💩.example", "a@xn--ls8h.example"),
            ("a@example..com", "a@example..com"),
            ("a@acme.example.", "a@acme.example."),
            ("a\u200bb@acme.example", "a\u200bb@acme.example"),
            ("a@foo_bar.example", "a@foo_bar.example"),
            ("a@\u0378.example", "a@\u0378.example"),
            ("李" * 64 + "@" + "".join(map(chr, range(0x4E00, 0x4E00 + 183))) + ".test", None),
        ],
    )
    def test_users_from_before_the_rules_have_a_key(self, email: str, key: str | None) -> None:
        """Their emails are not accepted any more, but they can log in. The key fits the column."""
        assert problem_of_email(email)
        assert email_key(email) == (key or email)

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
            "ada\u037eeve@acme.example",
            "ada@acme＠evil.example",
            "ada@\ufdfa.example",
            "ada\u2028@acme.example",
            "\ud800@acme.example",
            "a" * 65 + "@acme.example",
            "a@" + "b" * 253,
        ],
    )
    def test_is_none_if_no_user_can_have_the_email(self, email: str) -> None:
        """It could end a mail header, name two recipients, or has a space after normalisation."""
        assert email_key(email) is None
        assert problem_of_email(email)

    @given(
        st.one_of(
            st.emails(),
            st.text(max_size=30).map(lambda text: f"{text}@acme.example"),
            st.text(max_size=30).map(lambda text: f"ada@{text}.example"),
            st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: f"ada@{'.'.join(labels)}"),
        )
    )
    def test_key_of_a_key_is_the_same_key(self, email: str) -> None:
        """So a comparison of keys is a comparison of emails. A key has at most 254 characters."""
        key = email_key(email)

        assert key is None or (email_key(key) == key and len(key) <= 254)

    @given(st.lists(LABELS, min_size=1, max_size=3), st.sampled_from(["NFC", "NFD"]))
    def test_both_spellings_of_a_domain_have_one_key(self, labels: list[str], form: str) -> None:
        """Browsers send the domain in ASCII, other clients as it was typed."""
        domain = ".".join(labels)
        assume(is_domain(domain))
        in_ascii = idna.encode(domain, uts46=True).decode()
        in_unicode = idna.decode(in_ascii)

        spellings = (domain, in_ascii, in_ascii.upper(), in_unicode, unicodedata.normalize(form, in_unicode))  # type: ignore[arg-type]  # a valid name of a form

        assert {email_key(f"Ada@{spelling}") for spelling in spellings} == {f"ada@{in_ascii}"}

    @given(st.text(max_size=20), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    def test_is_the_same_for_every_composition(self, text: str, form: str) -> None:
        """Canonically equivalent text is the same text (Unicode Standard §3.13)."""
        assert search_key(unicodedata.normalize(form, text)) == search_key(text)  # type: ignore[arg-type]  # a valid name of a form


class TestProblemOfEmail:
    @pytest.mark.parametrize(
        "email",
        [
            "ada@acme.example", "o'brien+news@mail.acme.example", "jürgen@bücher.example", "anna@xn--bcher-kva.example",
            "用户@例え.テスト", "a@straße.example", "Pelé@acme.test", "root@localhost", "a@printer.local",
            "a@acme.invalid",
            "a" * 64 + "@acme.example", "é" * 32 + "@acme.example",
        ],
    )  # fmt: skip
    def test_accepts_what_mail_accepts(self, email: str) -> None:
        """This includes international emails, and names that only exist in tests and internal networks."""
        assert problem_of_email(email) is None
        assert mailbox("", email).domain.isascii()

    @pytest.mark.parametrize(
        ("email", "reason"),
        [
            ("ada", "An email address must have an @-sign"),
            ("ada＠acme.example", 'The email address has the "full-width" at-sign'),
            ("a@example..com", "An email address cannot have two periods in a row"),
            ("a..b@acme.example", "An email address cannot have two periods in a row"),
            ("a@acme.example.", "An email address cannot end with a period"),
            (".a@acme.example", "An email address cannot start with a period"),
            ("a.@acme.example", "An email address cannot have a period immediately before the @-sign"),
            ("a@-acme.example", "An email address cannot have a hyphen immediately after the @-sign"),
            ("a@127.0.0.1", "The part after the @-sign is not valid"),
            ("a@[127.0.0.1]", "A bracketed IP address"),
            ("Ada <a@acme.example>", "A display name"),
            ('"a b"@acme.example', "Quoting the part before the @-sign"),
            ("a@💩.example", "the part after the @ is not a domain name (IDNA 2008)"),
            ("a@xn--ls8h.example", "the part after the @ is not a domain name (IDNA 2008)"),
            ("a@xn--zzzzzz.example", "the part after the @ is not a domain name (IDNA 2008)"),
            ("a@" + "b" * 64 + ".example", "After the @-sign, periods cannot be separated by so many characters"),
            ("ada\x00@acme.example", "contains a control character"),
            ("a\u2800@acme.example", "contains the invisible character U+2800"),
            ("a" * 65 + "@acme.example", "longer than 64 bytes before the @"),
            ("é" * 33 + "@acme.example", "longer than 64 bytes before the @"),
            ("李" * 60 + "@" + "例" * 180 + ".test", "longer than 254 bytes"),
            ("a@" + ".".join(["ü"] * 60), "The email address is too long after the @-sign"),
        ],
    )
    def test_gives_the_reason(self, email: str, reason: str) -> None:
        """The reason is for the operator. It does not contain the email."""
        assert (problem_of_email(email) or "").startswith(reason)

    @pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
    def test_rejects_invisible_characters(self, character: str) -> None:
        """Otherwise two emails would look the same."""
        reason = f"contains the invisible character U+{ord(character):04X}"

        assert problem_of_email(f"ad{character}a@acme.example") == reason
        assert problem_of_email(f"ada@ac{character}me.example") == reason

    @given(
        st.one_of(
            st.emails(),
            st.text(max_size=40).map(lambda text: f"{text}@acme.example"),
            st.lists(LABELS, min_size=1, max_size=9).map(lambda labels: f"ada@{'.'.join(labels)}"),
        )
    )
    def test_accepted_emails_can_be_sent_and_stored(self, email: str) -> None:
        """An accepted email has a key, and as SMTP sends it at most 254 bytes."""
        assume(problem_of_email(email) is None)

        assert email_key(email)
        assert len(mailbox("", email).addr_spec.encode()) <= 254

    def test_uses_no_dns(self) -> None:
        """The library for DNS is not even loaded."""
        code = (
            "import sys; from accounts.identity import problem_of_email;"
            "assert not problem_of_email('a@bücher.de'); assert 'dns' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "A", "Ada Lovelace", "O'Brien", "李小龍", "a" * 200, "ß" * 200, "علی\u200cرضا", "ශ්\u200dරී",
            "മോഹന്\u200dലാല്\u200d", "क्\u200dष", "Auf\u200clage",
            "👩🏽\u200d💻", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "🕵🏻\u200d♂\ufe0f", "❤\ufe0f",
            "1\ufe0f\u20e3", "🇩🇪", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
            "©\ufe0f Acme", "⠁⠉⠍⠑\u2800⠁",
        ],
    )  # fmt: skip
    def test_accepts_plain_text_of_up_to_200_characters(self, name: str) -> None:
        """This includes every script, joiners between letters, and emoji sequences."""
        assert problem_of_name(name) is None

    @pytest.mark.parametrize(
        "name", ["", " ", "\u3000", "a" * 201, "a\nb", "a\tb", "a\x7f", "a\u2029", "a\ud800", "\x00"]
    )
    def test_rejects_invalid_names(self, name: str) -> None:
        """A name is not empty, not longer than 200 characters, and has no control characters."""
        assert problem_of_name(name) == "1 to 200 characters of plain text"

    @pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
    def test_rejects_invisible_characters(self, character: str) -> None:
        """Alone, at either end, and next to a space. Joiners belong between letters."""
        reason = f"contains the invisible character U+{ord(character):04X}"

        for name in (character, f"{character}Ada", f"Ada{character}", f"Ada {character} Lovelace", f"1{character}2"):
            assert problem_of_name(name) == reason
        assert problem_of_name(f"Ad{character}a") == (None if character in "\u200c\u200d" else reason)

    @pytest.mark.parametrize("name", ["a\u200d\u200db", "👩\u200d", "\u200d💻", "🏴\U000e0067", "1\ufe0f", "👩\u200da"])
    def test_rejects_joiners_outside_of_letters_and_emoji(self, name: str) -> None:
        """Such a name looks like the one without them."""
        assert (problem_of_name(name) or "").startswith("contains the invisible character")

    @pytest.mark.parametrize("name", ["\u2800", "\u2800 \u2800", "\u0301", "\ufffc", "\ufff9"])
    def test_rejects_names_without_a_visible_character(self, name: str) -> None:
        """Lists would show an empty cell."""
        assert problem_of_name(name) == "no visible character"

    @given(st.text(st.sampled_from("ﷺΐﬃßİ") | st.characters(), max_size=200))
    def test_search_key_fits_the_column(self, name: str) -> None:
        """Case folding can turn one character into 18."""
        assert problem_of_name(name) or len(search_key(name)) <= 600

    @given(st.text())
    def test_plain_text_can_be_stored(self, text: str) -> None:
        """UTF-8 can encode it, and it has no NUL, which PostgreSQL rejects."""
        assert not is_plain_text(text) or b"\0" not in text.encode()


class TestNameSortKey:
    def test_orders_names_of_many_scripts(self) -> None:
        """Letters with marks are beside those without, case does not count, and other scripts come after Latin."""
        ordered = [
            "-y", "10", "9", "Ångström", "Äpfel", "apple", "Ç", "Cz", "d'Arc", "Darc", "Dora", "Đorđe", "Emil", "émile",
            "Finn", "Luka", "Lukas", "Łukasz", "Muller", "Müller", "ñandu", "nz", "Öd", "oder", "Ödön", "Ørsted",
            "Osten", "Strasse", "Straße", "Zebra", "Zoe", "Zoë", "zz", "Ωμέγα", "Иван", "Яна", "דוד", "أحمد", "山田",
        ]  # fmt: skip

        assert sorted(set(ordered), key=name_sort_key) == ordered

    @pytest.mark.parametrize(
        ("one", "other"), [("anna", "ANNA"), ("Zoë", "Zoe\u0308"), ("Đ", "đ"), ("a\u0327\u0301", "a\u0301\u0327")]
    )
    def test_case_and_composition_do_not_count(self, one: str, other: str) -> None:
        """The id decides between such users."""
        assert name_sort_key(one) == name_sort_key(other)

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("Äpfel", "2b493533410145960800"),
            ("Łukasz", "41533f2b4f5d0145b20900"),
            ("Иван", "62460e0678010800"),
            ("山田", "fa8f66fb7298010600"),
        ],
    )
    def test_keys_are_those_that_the_database_stores(self, name: str, key: str) -> None:
        """If a newer ICU computes other keys, add a migration that computes the stored ones again, like 0011."""
        assert name_sort_key(name) == key

    @given(st.text(st.sampled_from("ﷺ株ΐ") | st.characters(exclude_categories=["Cs"]), max_size=200))
    def test_fits_the_column_and_has_one_order_in_all_collations(self, name: str) -> None:
        """Hexadecimal digits have the same order by their bytes and in every language."""
        assert re.fullmatch("[0-9a-f]{0,600}", name_sort_key(name))

    @given(st.text(SCRIPTS, max_size=20), st.text(SCRIPTS, max_size=20))
    def test_order_is_that_of_the_collator(self, one: str, other: str) -> None:
        """To compare two keys is to compare the names."""
        assert (name_sort_key(one) < name_sort_key(other)) == (COLLATOR.compare(one, other) < 0)


class TestUserSearchKey:
    @pytest.mark.parametrize(
        "email", ["Anna@Bücher.example", "anna@xn--bcher-kva.example", "anna@bu\u0308cher．example"]
    )
    def test_has_both_spellings_of_the_domain(self, email: str) -> None:
        """A search finds the user by either, and as the email was entered."""
        lines = user_search_key("Anna", email).split("\n")

        assert lines[0] == "anna"
        assert {"anna@bücher.example", "anna@xn--bcher-kva.example", search_key(email)} == set(lines[1:])

    def test_has_each_spelling_once(self) -> None:
        """Most domains have one."""
        assert user_search_key("Ada Lovelace", "Ada@Acme.example") == "ada lovelace\nada@acme.example"

    def test_fits_the_column(self) -> None:
        """Even if name and email consist of characters with the longest keys."""
        key = user_search_key("ﷺ" * 33, "ﷺ" * 21 + "@" + ".".join(["株" * 15] * 5))

        assert len(key) == 1400
        assert key.startswith(search_key("ﷺ" * 33) + "\n")
