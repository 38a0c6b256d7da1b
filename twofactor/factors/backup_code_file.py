"""The file of backup codes that the user saves: its text and its name, in the language of the user."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from mail.messages import format_time, language_of

# What every operating system accepts in the name of a file.
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9@+._-]+", re.ASCII)
# The longest name is that of eCryptfs: 143 bytes. These lengths leave room for what a browser adds: ` (10)`.
PRODUCT_IN_FILE_NAME_MAX_LENGTH = 32
ACCOUNT_IN_FILE_NAME_MAX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the file in one language."""

    # The first part of the file name. No operating system reserves it, whatever follows.
    file_name: str
    title: str
    created: str
    advice: str


WORDS = {
    "en": Words(
        file_name="backup-codes",
        title="{product}: backup codes of {account}",
        created="Created: {time}",
        advice="Each code works once, in place of a one-time password. Keep them where only you can reach them.",
    ),
    "de": Words(
        file_name="Backup-Codes",
        title="{product}: Backup-Codes von {account}",
        created="Erstellt: {time}",
        advice=(
            "Jeder Code gilt einmal, anstelle eines Einmalpassworts. Bewahren Sie die Codes so auf, dass nur Sie sie "
            "erreichen."
        ),
    ),
}


def backup_codes_file(
    codes: tuple[str, ...], *, product_name: str, account_name: str, created_at: datetime, locale: str
) -> tuple[str, str]:
    """Return name and content of the text file that the user downloads."""
    language = language_of(locale)
    words = WORDS[language]
    lines = [
        words.title.format(product=product_name, account=account_name),
        words.created.format(time=format_time(created_at, language)),
        "",
        words.advice,
        "",
        *codes,
    ]
    parts = (
        words.file_name,
        _in_file_name(product_name)[:PRODUCT_IN_FILE_NAME_MAX_LENGTH],
        _in_file_name(account_name)[:ACCOUNT_IN_FILE_NAME_MAX_LENGTH],
        f"{created_at:%Y-%m-%d}",
    )
    return "_".join(filter(None, parts)) + ".txt", "\n".join(lines) + "\n"


def _in_file_name(text: str) -> str:
    """Return the text in ASCII without accents, and with a dash for what a file name cannot contain."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return NOT_IN_FILE_NAMES.sub("-", plain).strip("-._")
