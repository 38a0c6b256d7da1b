"""From a row of the outbox to a message: the words, the languages and the headers. No database, no network."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import idna
from babel.dates import format_date, format_time
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

import models
from mail.text import device, one_line

DEFAULT_LANGUAGE = "en"
# The languages that have templates, and how each writes dates.
LANGUAGES = {"en": "en_GB", "de": "de"}

# Characters that build a mail header. Quoting them would do, if Python did not drop the quotes of a long name when it
# folds the line: `a,b a,b …` then becomes many addresses (seen with Python 3.11.7).
HEADER_SYNTAX = re.compile(r'[()<>\[\]:;@\\,"=]')
# Enough to recognise oneself by. The whole name stands in the letter.
HEADER_NAME_MAX_LENGTH = 64
# One @, and nothing in it that separates addresses or ends a line.
SINGLE_ADDRESS = re.compile(r'([^\s()<>\[\]:;@\\,"]+)@([^\s()<>\[\]:;@\\,"]+)')
BLANK_LINES = re.compile(r"\n{3,}")


@pass_context
def _instant(context: Context, rfc3339: str) -> str:
    return _in_words(datetime.fromisoformat(rfc3339), context["language"])


# Missing facts are errors: a letter with a hole in it is worse than one that waits for a repair.
_templates = Environment(
    loader=PackageLoader("mail"),
    autoescape=select_autoescape(enabled_extensions=("html",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"instant": _instant, "device": device}


def compose(letter: models.Letter, *, product_name: str, sender_address: str) -> EmailMessage:
    """The message of a letter: the same at every try, Message-ID and Date included.

    Raises:
        ValueError: The recipient's address is none.
        jinja2.UndefinedError: A fact is missing.
    """
    language = language_of(letter.locale)
    folder = f"{language}/{letter.kind.value}"
    words: dict[str, Any] = {
        "language": language,
        "product_name": one_line(product_name),
        "name": one_line(letter.recipient_name),
        "facts": {key: one_line(fact) if isinstance(fact, str) else fact for key, fact in letter.facts.items()},
        "written_at": _in_words(letter.created_at, language),
    }
    words["subject"] = one_line(_render(f"{folder}/subject.txt", words))

    sender = mailbox(product_name, sender_address)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = words["subject"]
    message["From"] = sender
    message["To"] = mailbox(letter.recipient_name, letter.recipient_email)
    message["Date"] = letter.created_at
    message["Message-ID"] = f"<{letter.id}@{sender.domain}>"
    # Keeps holiday replies and the like away (RFC 3834 §5).
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable passes every server unchanged, whatever it thinks of 8 bits and of long lines.
    message.set_content(_render(f"{folder}/body.txt", words), cte="quoted-printable")
    message.add_alternative(_render(f"{folder}/body.html", words), subtype="html", cte="quoted-printable")
    # Chosen by Python it would be another one at every try.
    message.set_boundary(letter.id.hex)
    message["Content-Language"] = language
    return message


def mailbox(display_name: str, address: str) -> Address:
    """An address with a name, whatever the name. The domain is in ASCII (IDNA 2008), so that every server knows it.

    Raises:
        ValueError: The address is none.
    """
    parts = SINGLE_ADDRESS.fullmatch(address)
    if parts is None or one_line(address) != address:
        message = "not a single email address"
        raise ValueError(message)
    local_part, domain = parts.groups()
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()
    name = HEADER_SYNTAX.sub(" ", one_line(display_name))[:HEADER_NAME_MAX_LENGTH]
    return Address(" ".join(name.split()), local_part, domain)


def language_of(locale: str) -> str:
    """The language of letters for a BCP 47 tag: its own where there are templates, English otherwise."""
    language = re.split(r"[-_]", locale, maxsplit=1)[0].lower()
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


def _render(template: str, words: dict[str, Any]) -> str:
    text = _templates.get_template(template).render(words)
    return BLANK_LINES.sub("\n\n", text).strip() + "\n"


def _in_words(instant: datetime, language: str) -> str:
    utc = instant.astimezone(UTC)
    locale = LANGUAGES[language]
    return f"{format_date(utc, 'long', locale=locale)}, {format_time(utc, 'HH:mm', tzinfo=UTC, locale=locale)} UTC"
