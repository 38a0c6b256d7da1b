"""Letters say what happened in both languages, and a hostile name changes nothing but itself."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from jinja2 import UndefinedError

from mail.letters import compose, language_of, mailbox
from models import LetterKind
from tests.mail.conftest import a_letter

AT = {"at": "2026-11-04T10:05:00+01:00"}
WHERE = {
    "ip_address": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
FACTS_OF: dict[LetterKind, dict[str, Any]] = {
    LetterKind.TWO_FACTOR_ACTIVATED: AT | WHERE,
    LetterKind.TWO_FACTOR_DEACTIVATED: AT | WHERE,
    LetterKind.TWO_FACTOR_RESET: AT | {"by": "Ada Lovelace", "reason": "Lost her phone"},
    LetterKind.BACKUP_CODE_USED: AT | WHERE | {"remaining": 7},
    LetterKind.BACKUP_CODES_REGENERATED: AT | WHERE,
    LetterKind.FEW_BACKUP_CODES_LEFT: {"remaining": 2},
    LetterKind.PASSWORD_CHANGED: AT | WHERE,
    LetterKind.SECOND_FACTOR_WARNING: AT | WHERE | {"locked": True, "factor": "OTP"},
}
# What each letter must say, besides when and from where.
ESSENTIALS = {
    "en": {
        LetterKind.TWO_FACTOR_ACTIVATED: ["Two-factor authentication is now active"],
        LetterKind.TWO_FACTOR_DEACTIVATED: ["Two-factor authentication has been deactivated"],
        LetterKind.TWO_FACTOR_RESET: ["deactivated two-factor authentication", "Ada Lovelace", "Lost her phone"],
        LetterKind.BACKUP_CODE_USED: ["one of your backup codes", "7 backup codes left"],
        LetterKind.BACKUP_CODES_REGENERATED: ["New backup codes were made", "earlier ones no longer work"],
        LetterKind.FEW_BACKUP_CODES_LEFT: ["2 backup codes left"],
        LetterKind.PASSWORD_CHANGED: ["password of your Countersign account was changed"],
        LetterKind.SECOND_FACTOR_WARNING: [
            "right password",
            "wrong one-time password",
            "accepts no one-time passwords",
        ],
    },
    "de": {
        LetterKind.TWO_FACTOR_ACTIVATED: ["ist die Zwei-Faktor-Authentifizierung jetzt aktiv"],
        LetterKind.TWO_FACTOR_DEACTIVATED: ["wurde die Zwei-Faktor-Authentifizierung deaktiviert"],
        LetterKind.TWO_FACTOR_RESET: ["Zwei-Faktor-Authentifizierung", "Ada Lovelace", "Lost her phone"],
        LetterKind.BACKUP_CODE_USED: ["einem Ihrer Backup-Codes", "noch 7 Backup-Codes"],
        LetterKind.BACKUP_CODES_REGENERATED: ["neue Backup-Codes erstellt", "bisherigen gelten nicht mehr"],
        LetterKind.FEW_BACKUP_CODES_LEFT: ["nur noch 2 Backup-Codes"],
        LetterKind.PASSWORD_CHANGED: ["Passwort Ihres Kontos bei Countersign wurde geändert"],
        LetterKind.SECOND_FACTOR_WARNING: ["richtige Passwort", "falsches Einmalpasswort", "keine Einmalpasswörter"],
    },
}
WHEN = {"en": "4 November 2026, 09:05 UTC", "de": "4. November 2026, 09:05 UTC"}
DEVICE = {"en": "Firefox on Windows", "de": "Firefox unter Windows"}
ADVICE = {
    "en": ["admin from your company", "password"],
    "de": ["Adminrechten in Ihrem Unternehmen", "Passwort"],
}
HOSTILE_NAMES = [
    "Eve\r\nBcc: victim@example.com",
    "Eve\nSubject: You have won",
    "Eve\x00Eve",
    "Eve\u2028Bcc: victim@example.com\u2029",
    '"Eve" <victim@example.com>',
    "Eve, victim@example.com, other@example.com",
    "Eve; <victim@example.com>:",
    'Eve\\" <victim@example.com>, "',
    "=?utf-8?q?Eve=2C_victim=40example=2Ecom?=",
    "(comment) Eve (",
    "\N{GRINNING FACE}" * 200,
    "a,b " * 50,
    "\N{LATIN SMALL LETTER E WITH ACUTE}, <v@x.y>" * 10,
    "\N{RIGHT-TO-LEFT OVERRIDE}evE",
    "Eve\ud800",
    "<script>alert(1)</script>",
    "{{ product_name }}{% raise %}",
    " \r\n ",
    "",
]


def composed(**fields: object) -> EmailMessage:
    """A letter as a mail client reads it: composed, put on the wire and parsed again."""
    message = compose(
        a_letter(**{"created_at": datetime(2026, 11, 4, 9, 5, tzinfo=UTC)} | fields),
        product_name="Countersign",
        sender_address="security@countersign.example",
    )
    parsed = message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(message: EmailMessage, subtype: str) -> str:
    """The words of the text or the HTML part."""
    body = message.get_body((subtype,))
    assert body is not None
    content: str = body.get_content()
    return content


def words(html: str) -> str:
    """What stands in an HTML part for a reader."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("kind", LetterKind)
class TestEveryLetter:
    def test_says_what_happened_in_text_and_html(self, kind: LetterKind, locale: str) -> None:
        """Text and HTML both say what happened and what to do if it was somebody else."""
        message = composed(kind=kind, locale=locale, facts=FACTS_OF[kind])

        assert message["Subject"]
        for said in (part(message, "plain"), words(part(message, "html"))):
            for essential in [*ESSENTIALS[locale][kind], *ADVICE[locale], "Grace Hopper", "Countersign"]:
                assert essential in said

    def test_says_when_and_from_where(self, kind: LetterKind, locale: str) -> None:
        """The instant is told in UTC in the reader's language, and address and device where they are known."""
        facts = FACTS_OF[kind]
        message = composed(kind=kind, locale=locale, facts=facts)

        for said in (part(message, "plain"), words(part(message, "html"))):
            assert WHEN[locale] in said
            if "ip_address" in facts:
                assert "203.0.113.7" in said
                assert DEVICE[locale] in said

    def test_can_be_written_without_address_and_device(self, kind: LetterKind, locale: str) -> None:
        """What is not known is said to be unknown; `None` is never shown."""
        facts = {
            key: None if key in {"ip_address", "user_agent", "by", "reason"} else fact
            for key, fact in FACTS_OF[kind].items()
        }
        message = composed(kind=kind, locale=locale, facts=facts)

        assert "None" not in part(message, "plain") + part(message, "html")

    def test_needs_every_fact(self, kind: LetterKind, locale: str) -> None:
        """A missing fact is an error, whichever it is, rather than a hole in the letter."""
        for missing in FACTS_OF[kind]:
            facts = {key: fact for key, fact in FACTS_OF[kind].items() if key != missing}
            with pytest.raises((UndefinedError, TypeError)):
                composed(kind=kind, locale=locale, facts=facts)

    def test_has_no_links(self, kind: LetterKind, locale: str) -> None:
        """There is nothing to click, and nothing is loaded from elsewhere."""
        message = composed(kind=kind, locale=locale, facts=FACTS_OF[kind])

        for said in (part(message, "plain"), part(message, "html")):
            assert not re.search(r"https?:|www\.|href|src=|url\(", said)

    def test_escapes_what_others_wrote(self, kind: LetterKind, locale: str) -> None:
        """Markup in a name or a fact stays text in the HTML part."""
        evil = "<img src=x onerror=alert(1)>\"'&"
        facts = {key: evil if key in {"ip_address", "by", "reason"} else fact for key, fact in FACTS_OF[kind].items()}
        message = composed(kind=kind, locale=locale, recipient_name=evil, facts=facts)

        html = part(message, "html")
        assert "<img" not in html
        assert "&lt;img src=x" in html
        assert "<img src=x" in part(message, "plain")

    def test_declares_its_language(self, kind: LetterKind, locale: str) -> None:
        """A screen reader knows how to pronounce it."""
        message = composed(kind=kind, locale=locale, facts=FACTS_OF[kind])

        assert message["Content-Language"] == locale
        assert f'<html lang="{locale}">' in part(message, "html")

    def test_is_the_same_at_every_try(self, kind: LetterKind, locale: str) -> None:
        """Composed again it is byte for byte the same, so that a receiver can tell that it came twice."""
        letter = a_letter(kind=kind, locale=locale, facts=FACTS_OF[kind])

        first, second = (
            compose(letter, product_name="Countersign", sender_address="s@countersign.example").as_bytes()
            for _ in range(2)
        )

        assert first == second


@pytest.mark.parametrize(("remaining", "said"), [(0, "no backup codes left"), (1, "1 backup code left")])
@pytest.mark.parametrize("kind", [LetterKind.BACKUP_CODE_USED, LetterKind.FEW_BACKUP_CODES_LEFT])
def test_counts_in_words_that_fit(kind: LetterKind, remaining: int, said: str) -> None:
    """None and one are said as one says them."""
    message = composed(kind=kind, facts=FACTS_OF[kind] | {"remaining": remaining})

    assert said in part(message, "plain")
    assert said in words(part(message, "html"))


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_warning_says_whether_the_factor_is_locked(locale: str) -> None:
    """A warning of attempts does not claim that anything is locked."""
    kind = LetterKind.SECOND_FACTOR_WARNING
    attempts = composed(kind=kind, locale=locale, facts=FACTS_OF[kind] | {"locked": False, "factor": "BACKUP_CODE"})
    locked = composed(kind=kind, locale=locale, facts=FACTS_OF[kind])

    assert attempts["Subject"] != locked["Subject"]
    assert not re.search("locked|gesperrt|no longer|keine Backup", part(attempts, "plain"))
    assert re.search("backup code|Backup-Code", part(attempts, "plain"))


def test_a_reset_by_nobody_is_the_operators() -> None:
    """A reset at the command line is said to be the operator's, not an admin's."""
    kind = LetterKind.TWO_FACTOR_RESET
    message = composed(kind=kind, facts=AT | {"by": None, "reason": None})

    assert "The operator of Countersign has deactivated" in part(message, "plain")


class TestHeaders:
    def test_are_those_of_an_automatic_letter(self) -> None:
        """Message-ID and Date come from the letter, and nobody's holiday reply answers it."""
        letter = a_letter(created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        message = compose(letter, product_name="Countersign", sender_address="security@countersign.example")

        assert message["Message-ID"] == f"<{letter.id}@countersign.example>"
        assert message["Date"].datetime == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["From"] == "Countersign <security@countersign.example>"
        assert message["To"] == "Grace Hopper <grace@example.org>"

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
    def test_keep_their_structure_whatever_the_name(self, name: str) -> None:
        """A hostile name adds no header, no recipient and no part."""
        message = composed(recipient_name=name)

        assert sorted(message.keys()) == sorted(composed().keys())
        to = message["To"]
        assert isinstance(to, AddressHeader)
        assert [address.addr_spec for address in to.addresses] == ["grace@example.org"]
        assert [alternative.get_content_type() for alternative in message.iter_parts()] == ["text/plain", "text/html"]
        assert "<script" not in part(message, "html")
        greeting = part(message, "plain").splitlines()[0]
        assert greeting.startswith("Hello")
        assert greeting.endswith(",")
        assert part(message, "plain").splitlines()[1:] == part(composed(), "plain").splitlines()[1:]

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
    def test_keep_their_structure_whatever_the_product_is_called(self, name: str) -> None:
        """The operator's name for the product builds no header either."""
        message = compose(a_letter(), product_name=name, sender_address="security@countersign.example")
        parsed = message_from_bytes(message.as_bytes(), policy=default)

        assert [address.addr_spec for address in parsed["From"].addresses] == ["security@countersign.example"]
        assert sorted(parsed.keys()) == sorted(composed().keys())

    def test_keep_a_name_in_any_script(self) -> None:
        """An honest name arrives as it is."""
        for name in ("Zoë Müller-Łukasik", "李小龍", "O'Brien", "Dr. Ada Lovelace", "नेहा"):
            assert composed(recipient_name=name)["To"].addresses[0].display_name == name

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "grace",
            "grace@",
            "grace@example.org, victim@example.com",
            "grace@example.org\r\nRCPT TO:<victim@example.com>",
            "grace@example.org>",
            "gr ace@example.org",
            "grace@exa\x00mple.org",
            "grace@example.org\u2028",
            "a@b@example.org",
            "grace@\N{LATIN SMALL LETTER E WITH ACUTE}..org",
        ],
        ids=ascii,
    )
    def test_admit_a_single_address_alone(self, address: str) -> None:
        """What is no single address is refused, never guessed at."""
        with pytest.raises(ValueError):  # noqa: PT011  # the message is nobody's business
            compose(a_letter(recipient_email=address), product_name="C", sender_address="s@countersign.example")

    def test_write_domains_in_ascii(self) -> None:
        """An internationalised domain is reached through any server, and ß keeps its own domain (IDNA 2008)."""
        assert mailbox("", "grace@straße.example").addr_spec == "grace@xn--strae-oqa.example"


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("en-US", "en"), ("fr", "en"), ("den", "en"), ("", "en")],
)
def test_falls_back_to_english(locale: str, language: str) -> None:
    """Every German locale reads German, every other English."""
    assert language_of(locale) == language
