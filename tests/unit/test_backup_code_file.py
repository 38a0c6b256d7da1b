"""The file of backup codes: in the language of the user, under a name that every operating system accepts."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.messages import LANGUAGES
from twofactor.factors.backup_code_file import WORDS, backup_codes_file

CODES = ("0123456789", "ABCDEFGHJK")
CREATED_AT = datetime(2026, 11, 4, 23, 59, tzinfo=UTC)


def file(*, product: str = "Countersign", account: str = "ada@acme.example", locale: str = "en") -> tuple[str, str]:
    """Return name and content of a file."""
    return backup_codes_file(CODES, product_name=product, account_name=account, created_at=CREATED_AT, locale=locale)


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        (
            "en",
            [
                "Countersign: backup codes of ada@acme.example",
                "Created: 4 November 2026, 23:59 UTC",
                "",
                "Each code works once, in place of a one-time password. Keep them where only you can reach them.",
            ],
        ),
        (
            "de-AT",
            [
                "Countersign: Backup-Codes von ada@acme.example",
                "Erstellt: 4. November 2026, 23:59 UTC",
                "",
                (
                    "Jeder Code gilt einmal, anstelle eines Einmalpassworts. Bewahren Sie die Codes so auf, dass nur "
                    "Sie sie erreichen."
                ),
            ],
        ),
    ],
)
def test_text_has_product_account_date_and_one_code_a_line(locale: str, lines: list[str]) -> None:
    """A user who finds the file years later knows what it is for."""
    _, content = file(locale=locale)

    assert content == "\n".join([*lines, "", *CODES, ""])


def test_has_words_for_each_language_of_emails() -> None:
    """A language that is added needs them. Any other language is English, as in emails."""
    assert WORDS.keys() == LANGUAGES.keys()
    assert file(locale="fr") == file(locale="en")


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "backup-codes_Countersign_ada@acme.example_2026-11-04.txt"),
        ({"locale": "de"}, "Backup-Codes_Countersign_ada@acme.example_2026-11-04.txt"),
        ({"product": "Müller & Söhne: Straße"}, "backup-codes_Muller-Sohne-Strasse_ada@acme.example_2026-11-04.txt"),
        ({"account": "zoë+test@bücher.example"}, "backup-codes_Countersign_zoe+test@bucher.example_2026-11-04.txt"),
        ({"account": "../a/b\\c@x.example"}, "backup-codes_Countersign_a-b-c@x.example_2026-11-04.txt"),
        ({"product": "製品"}, "backup-codes_ada@acme.example_2026-11-04.txt"),
    ],
)
def test_name_has_product_account_and_date(values: dict[str, str], name: str) -> None:
    """Letters lose their accents. What is left of other characters is a dash."""
    assert file(**values)[0] == name


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(sorted(WORDS)))
def test_name_is_valid_on_every_operating_system(product: str, account: str, locale: str) -> None:
    """No reserved name, no leading dot, no character with a meaning, and no more bytes than any file system allows."""
    name, _ = file(product=product, account=account, locale=locale)

    assert re.fullmatch(r"(?i:backup-codes)_[A-Za-z0-9@+._-]*2026-11-04\.txt", name, re.ASCII)
    assert len(name) <= 143
