"""Build the message of an outbox row from templates: subject, text, HTML and headers. No database, no network."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import Any

import idna
from babel import dates
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from typing_extensions import override

import models
from mail.html_parts import description_list, paragraph_with_heading, paragraphs
from mail.plain_text import one_line
from security.device_names import client_names

DEFAULT_LANGUAGE = "en"
# The languages that have templates, each with its locale for dates.
LANGUAGES = {"en": "en_GB", "de": "de"}

# Characters with a meaning in a mail header. Quoting them is not enough: Python drops the quotes of a long name when it
# folds the line, and `a,b a,b …` becomes many addresses (seen with Python 3.11.7).
HEADER_SYNTAX = re.compile(r'[()<>\[\]:;@\\,"=]')
# Enough to recognise a name. The email itself contains the whole name.
HEADER_NAME_MAX_LENGTH = 64
# One @, and no character that separates addresses or ends a line.
SINGLE_ADDRESS = re.compile(r'([^\s()<>\[\]:;@\\,"]+)@([^\s()<>\[\]:;@\\,"]+)')
BLANK_LINES = re.compile(r"\n{3,}")

# The limit of a line with an encoded word (RFC 2047 §2), and of one in quoted-printable (RFC 2045 §6.7). So an encoded
# word has at most 75 characters. By default Python allows longer ones.
LINE_MAX_LENGTH = 76


class _FoldedHeader(BaseHeader):
    """A header whose lines are short, also if a library writes it with another policy."""

    @override
    def fold(self, *, policy: EmailPolicy) -> str:  # type: ignore[override]  # typeshed has no argument name here
        folded = super().fold(policy=policy.clone(max_line_length=LINE_MAX_LENGTH))
        lines = folded.split(policy.linesep)
        # Python does not fold between a name and an address.
        short = [line.replace(" <", f"{policy.linesep} <") if len(line) > LINE_MAX_LENGTH else line for line in lines]
        return policy.linesep.join(short)


POLICY = SMTP.clone(max_line_length=LINE_MAX_LENGTH, header_factory=HeaderRegistry(base_class=_FoldedHeader))


@pass_context
def _format_rfc3339(context: Context, rfc3339: str) -> str:
    return format_time(datetime.fromisoformat(rfc3339), context["language"])


# A missing fact is an error. An incomplete email is worse than one that waits until the code is fixed.
_text_templates = Environment(  # noqa: S701  # plain text
    loader=PackageLoader("mail"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_text_templates.filters |= {"time": _format_rfc3339, "client_names": client_names}
_html_templates = _text_templates.overlay(autoescape=True)
_html_templates.filters = _text_templates.filters | {
    "paragraphs": paragraphs,
    "description_list": description_list,
    "paragraph_with_heading": paragraph_with_heading,
}


def compose(email: models.OutboxEmail, *, product_name: str, sender_address: str) -> EmailMessage:
    """Return the message of an email. Every attempt gives the same bytes, including Message-ID and Date.

    Raises:
        ValueError: The recipient's address is not an email address.
        jinja2.UndefinedError: A fact is missing.
    """
    language = language_of(email.locale)
    template = f"{language}/{email.kind}.txt"
    variables: dict[str, Any] = {
        "language": language,
        "product_name": one_line(product_name),
        "name": one_line(email.recipient_name),
        "facts": {key: one_line(fact) if isinstance(fact, str) else fact for key, fact in email.facts.items()},
        "written_at": format_time(email.created_at, language),
    }
    variables["subject"] = one_line(_render(_text_templates, template, variables | {"layout": "subject.txt"}))

    sender = mailbox(product_name, sender_address)
    message = EmailMessage(policy=POLICY)
    message["Subject"] = variables["subject"]
    message["From"] = sender
    message["To"] = mailbox(email.recipient_name, email.recipient_email)
    message["Date"] = email.created_at
    message["Message-ID"] = f"<{email.id}@{sender.domain}>"
    # Prevents automatic replies (RFC 3834 §5).
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable passes unchanged through servers that do not support 8-bit content or long lines.
    text = _render(_text_templates, template, variables | {"layout": "layout.txt"})
    message.set_content(text, cte="quoted-printable")
    html = _render(_html_templates, template, variables | {"layout": "layout.html"})
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    # Python would choose a new boundary at every attempt.
    message.set_boundary(email.id.hex)
    message["Content-Language"] = language
    return message


def mailbox(display_name: str, address: str) -> Address:
    """Return an address with a display name. Any name is safe. The domain is in ASCII (IDNA 2008), for any server.

    Raises:
        ValueError: The address is not a single email address.
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
    """Return the language of emails for a BCP 47 tag: its own if it has templates, otherwise English."""
    return _language_subtag(locale) if has_templates(locale) else DEFAULT_LANGUAGE


def has_templates(locale: str) -> bool:
    """Return whether emails exist in the language of a BCP 47 tag."""
    return _language_subtag(locale) in LANGUAGES


def _language_subtag(locale: str) -> str:
    return re.split(r"[-_]", locale, maxsplit=1)[0].lower()


def _render(templates: Environment, template: str, variables: dict[str, Any]) -> str:
    text = templates.get_template(template).render(variables)
    return BLANK_LINES.sub("\n\n", text).strip() + "\n"


def format_time(time: datetime, language: str) -> str:
    """Return date and time in UTC as emails show them. `language` is one of `LANGUAGES`."""
    utc = time.astimezone(UTC)
    locale = LANGUAGES[language]
    day, minute = dates.format_date(utc, "long", locale), dates.format_time(utc, "HH:mm", tzinfo=UTC, locale=locale)
    return f"{day}, {minute} UTC"
