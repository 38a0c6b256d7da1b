"""Tests of the messages: both languages describe the event, and a hostile name cannot change the message."""

import inspect
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtplib.email import flatten_message
from jinja2 import UndefinedError

from accounts.enforcement import EnforcedFor
from accounts.policy_rules import RULES
from mail import emails
from mail.emails import RequestDetails
from mail.messages import compose, language_of, mailbox
from models import ChangedField
from tests.integration.mail.conftest import build_email
from tests.support.mail_servers import text_of

USER_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
AT = datetime(2026, 11, 4, 10, 5, tzinfo=timezone(timedelta(hours=1)))
# An argument for each parameter of the functions of `mail.emails`.
ARGUMENTS = {
    "request": RequestDetails(AT, "203.0.113.7", USER_AGENT),
    "at": AT,
    "by": "Ada Lovelace",
    "name": "Tablet",
    "admin": "Ada Lovelace",
    "reason": "Lost her phone",
    "remaining": 2,
    "factor": "OTP",
    "locked": True,
    "backup_codes": True,
    "enabled": True,
    "role": "ADMIN",
    "changes": [
        {"field": "ENFORCED_FOR", "from": "NOBODY", "to": "ADMINS"},
        {"field": "ENFORCE_FROM", "from": None, "to": "2026-12-01T08:30:00Z"},
        {"field": "BACKUP_CODES_ENABLED", "from": "true", "to": "false"},
    ],
    "was_active": True,
    "needs_voucher": True,
    "voucher_expires_at": AT,
    "exempt_until": AT,
    "required_from": AT,
    "required_now": False,
    "active": False,
}


def example_emails() -> dict[str, Mapping[str, Any]]:
    """Return the facts of an example of each email, by its kind."""
    functions = [
        function
        for name, function in inspect.getmembers(emails, inspect.isfunction)
        if function.__module__ == emails.__name__ and not name.startswith("_")
    ]
    examples = [
        function(**{name: ARGUMENTS[name] for name in inspect.signature(function).parameters}) for function in functions
    ]
    assert [email.kind for email in examples] == [function.__name__ for function in functions]
    return {email.kind: email.facts for email in examples}


FACTS_OF = example_emails()
# A server of the version before may have inserted the email without them.
ADDED_FACTS = {"backup_codes", "enabled", "was_active", "needs_voucher", "voucher_expires_at"}
# Texts that an email must contain, besides time, address and device.
REQUIRED_TEXTS = {
    "en": {
        "two_factor_activated": ["Two-factor authentication is now active"],
        "two_factor_deactivated": ["Two-factor authentication has been deactivated", "delete the entry"],
        "authenticator_replaced": ["now uses a new authenticator app", "no longer work"],
        "authenticator_added": ["One more authenticator app (Tablet) now works"],
        "authenticator_removed": ["authenticator apps (Tablet) no longer works"],
        "two_factor_reset": [
            "deactivated two-factor authentication",
            "delete the old entry",
            "Ada Lovelace",
            "Lost her phone",
            "you need a voucher",
            "in person or by phone, never by email",
        ],
        "sessions_revoked": ["ended all sessions", "Ada Lovelace"],
        "role_changed": ["Ada Lovelace, an admin of your company, has made you an admin", "manage the other users"],
        "user_disabled": ["Ada Lovelace", "has disabled your", "no longer log in", "logged out everywhere"],
        "user_enabled": ["Ada Lovelace", "has enabled your", "You can log in again"],
        "user_unlocked": ["attempts to log in", "failed", "Ada Lovelace", "Did you not ask for this"],
        "policy_changed": [
            "Ada Lovelace, an admin of your company",
            "nobody → admins",
            "no date → 1 December 2026, 08:30 UTC",
            "on → off",
        ],
        "user_enforcement_changed": [
            "You are exempt until",
            "You have to use two-factor authentication from",
            "you can do nothing else in Countersign until you have set it up",
            "Ada Lovelace",
        ],
        "setup_reminder": ["requires two-factor authentication", "you can do nothing else", "security settings"],
        "backup_code_used": ["one of your backup codes", "2 backup codes left"],
        "backup_codes_regenerated": ["New backup codes were created", "earlier ones no longer work"],
        "few_backup_codes_left": ["2 backup codes left"],
        "password_changed": ["password of your Countersign account was changed"],
        "second_factor_warning": [
            "right password",
            "wrong one-time password",
            "accepts no one-time passwords",
        ],
        "voucher_warning": ["right password", "wrong voucher", "get a new voucher"],
        "login_not_completed": ["right password", "no second factor", "The login failed"],
        "new_device": ["that your account did not know"],
        "password_warning": ["wrong password", "up to one hour", "These logins failed"],
        "session_ended": ["ten times in a row", "The session was ended"],
    },
    "de": {
        "two_factor_activated": ["ist die Zwei-Faktor-Authentifizierung jetzt aktiv"],
        "two_factor_deactivated": ["wurde die Zwei-Faktor-Authentifizierung deaktiviert", "löschen Sie den Eintrag"],
        "authenticator_replaced": ["jetzt eine neue Authenticator-App", "gelten nicht mehr"],
        "authenticator_added": ["jetzt eine weitere Authenticator-App (Tablet)"],
        "authenticator_removed": ["Authenticator-Apps (Tablet) gilt für"],
        "two_factor_reset": [
            "löschen Sie den alten Eintrag",
            "Ada Lovelace",
            "Lost her phone",
            "brauchen Sie einen Freigabecode",
            "persönlich oder am Telefon, niemals per E-Mail",
        ],
        "sessions_revoked": ["alle Sitzungen", "Ada Lovelace"],
        "role_changed": ["Ada Lovelace, mit Adminrechten", "hat Ihnen Adminrechte gegeben", "Benutzer"],
        "user_disabled": ["Ada Lovelace", "gesperrt", "nicht mehr anmelden", "überall abgemeldet"],
        "user_enabled": ["Ada Lovelace", "entsperrt", "wieder anmelden"],
        "user_unlocked": ["gescheiterte Anmeldeversuche", "Ada Lovelace", "Haben Sie nicht darum gebeten"],
        "policy_changed": [
            "Ada Lovelace, mit Adminrechten in Ihrem Unternehmen",
            "niemand → Admins",
            "kein Datum → 1. Dezember 2026, 08:30 UTC",
            "an → aus",
        ],
        "user_enforcement_changed": [
            "davon ausgenommen",
            "ist für Sie ab",
            "können Sie bei Countersign nichts anderes tun, bis Sie sie eingerichtet haben",
            "Ada Lovelace",
        ],
        "setup_reminder": ["ist für Ihr Konto bei Countersign", "nichts anderes tun", "Sicherheitseinstellungen"],
        "backup_code_used": ["einem Ihrer Backup-Codes", "noch 2 Backup-Codes"],
        "backup_codes_regenerated": ["neue Backup-Codes erstellt", "bisherigen gelten nicht mehr"],
        "few_backup_codes_left": ["nur noch 2 Backup-Codes"],
        "password_changed": ["Passwort Ihres Kontos bei Countersign wurde geändert"],
        "second_factor_warning": ["richtige Passwort", "falsches Einmalpasswort", "keine Einmalpasswörter"],
        "voucher_warning": ["richtige Passwort", "falschen Freigabecode", "neuen Freigabecode"],
        "login_not_completed": ["richtige Passwort", "keinen zweiten Faktor", "nicht gelungen"],
        "new_device": ["die Ihr Konto noch nicht kannte"],
        "password_warning": ["falsches Passwort", "bis zu eine Stunde", "nicht gelungen"],
        "session_ended": ["zehnmal nacheinander", "Die Sitzung wurde beendet"],
    },
}
WHEN = {"en": "4 November 2026, 09:05 UTC", "de": "4. November 2026, 09:05 UTC"}
DEVICE = {"en": "Firefox on Windows", "de": "Firefox unter Windows"}
ADVICE = {
    "en": ["admin from your company", "password"],
    "de": ["Adminrechten in Ihrem Unternehmen", "Passwort"],
}
ENCODED_WORD = re.compile(rb"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)
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


def parsed_message(**fields: object) -> EmailMessage:
    """Compose an email, serialise it, and parse it as a mail client does."""
    message = compose(
        build_email(**{"created_at": datetime(2026, 11, 4, 9, 5, tzinfo=UTC)} | fields),
        product_name="Countersign",
        sender_address="security@countersign.example",
    )
    parsed = message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def visible_text(html: str) -> str:
    """Return the text that an HTML part shows."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("kind", FACTS_OF)
class TestEveryEmail:
    def test_text_and_html_describe_the_event(self, kind: str, locale: str) -> None:
        """Both parts describe the event and what to do if it was somebody else."""
        message = parsed_message(kind=kind, locale=locale, facts=FACTS_OF[kind])

        assert message["Subject"]
        for text in (text_of(message, "plain"), visible_text(text_of(message, "html"))):
            for required in [*REQUIRED_TEXTS[locale].get(kind, []), *ADVICE[locale], "Grace Hopper", "Countersign"]:
                assert required in text

    def test_contains_time_address_and_device(self, kind: str, locale: str) -> None:
        """The time is in UTC, in the format of the language. Address and device are shown if they are known."""
        facts = FACTS_OF[kind]
        message = parsed_message(kind=kind, locale=locale, facts=facts)

        for text in (text_of(message, "plain"), visible_text(text_of(message, "html"))):
            assert WHEN[locale] in text
            if "ip_address" in facts:
                assert "203.0.113.7" in text
                assert DEVICE[locale] in text

    def test_never_shows_a_missing_value_as_none(self, kind: str, locale: str) -> None:
        """Without address, device, admin and reason, neither part contains `None`."""
        facts = {
            key: None if key in {"ip_address", "user_agent", "by", "reason"} else fact
            for key, fact in FACTS_OF[kind].items()
        }
        message = parsed_message(kind=kind, locale=locale, facts=facts)

        assert "None" not in text_of(message, "plain") + text_of(message, "html")

    def test_a_missing_fact_is_an_error(self, kind: str, locale: str) -> None:
        """If any fact is missing, the email is not built."""
        for missing in FACTS_OF[kind].keys() - ADDED_FACTS:
            facts = {key: fact for key, fact in FACTS_OF[kind].items() if key != missing}
            with pytest.raises((UndefinedError, TypeError)):
                parsed_message(kind=kind, locale=locale, facts=facts)

    def test_has_no_links(self, kind: str, locale: str) -> None:
        """Neither part contains a link or loads anything."""
        message = parsed_message(kind=kind, locale=locale, facts=FACTS_OF[kind])

        for text in (text_of(message, "plain"), text_of(message, "html")):
            assert not re.search(r"https?:|www\.|href|src=|url\(", text)

    @pytest.mark.attack("J6")
    def test_escapes_untrusted_text(self, kind: str, locale: str) -> None:
        """Markup in a name or a fact is shown as text in the HTML part."""
        evil = "<img src=x onerror=alert(1)>\"'&"
        facts = {key: evil if key in {"ip_address", "by", "reason"} else fact for key, fact in FACTS_OF[kind].items()}
        message = parsed_message(kind=kind, locale=locale, recipient_name=evil, facts=facts)

        html = text_of(message, "html")
        assert "<img" not in html
        assert "&lt;img src=x" in html
        assert "<img src=x" in text_of(message, "plain")

    def test_declares_its_language(self, kind: str, locale: str) -> None:
        """A screen reader needs the language for the pronunciation."""
        message = parsed_message(kind=kind, locale=locale, facts=FACTS_OF[kind])

        assert message["Content-Language"] == locale
        assert f'<html lang="{locale}">' in text_of(message, "html")

    def test_is_identical_at_every_attempt(self, kind: str, locale: str) -> None:
        """Two builds give the same bytes, so that a receiver can detect a duplicate."""
        email = build_email(kind=kind, locale=locale, facts=FACTS_OF[kind])

        first, second = (
            compose(email, product_name="Countersign", sender_address="s@countersign.example").as_bytes()
            for _ in range(2)
        )

        assert first == second


@pytest.mark.parametrize(("remaining", "text"), [(0, "no backup codes left"), (1, "1 backup code left")])
@pytest.mark.parametrize("kind", ["backup_code_used", "few_backup_codes_left"])
def test_describes_zero_and_one_remaining_codes(kind: str, remaining: int, text: str) -> None:
    """The texts for zero codes and for one code are correct English."""
    message = parsed_message(kind=kind, facts=dict(FACTS_OF[kind]) | {"remaining": remaining})

    assert text in text_of(message, "plain")
    assert text in visible_text(text_of(message, "html"))


@pytest.mark.parametrize("locale", ["en", "de"])
def test_warning_differs_if_the_factor_is_locked(locale: str) -> None:
    """A warning about failed attempts does not say that the factor is locked."""
    kind = "second_factor_warning"
    attempts = parsed_message(
        kind=kind, locale=locale, facts=dict(FACTS_OF[kind]) | {"locked": False, "factor": "BACKUP_CODE"}
    )
    locked = parsed_message(kind=kind, locale=locale, facts=FACTS_OF[kind])

    assert attempts["Subject"] != locked["Subject"]
    assert not re.search("locked|gesperrt|no longer|keine Backup", text_of(attempts, "plain"))
    assert re.search("backup code|Backup-Code", text_of(attempts, "plain"))


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("kind", ["two_factor_deactivated", "two_factor_reset"])
def test_removal_speaks_of_backup_codes_only_if_they_are_on(kind: str, locale: str) -> None:
    """An email from a server of the version before does not say whether they are."""
    facts = dict(FACTS_OF[kind])
    words = re.compile("backup code|Backup-Code")

    for is_on in (True, False):
        message = parsed_message(kind=kind, locale=locale, facts=facts | {"backup_codes": is_on})
        for text in (text_of(message, "plain"), visible_text(text_of(message, "html"))):
            assert bool(words.search(text)) == is_on
    del facts["backup_codes"]
    assert words.search(text_of(parsed_message(kind=kind, locale=locale, facts=facts), "plain"))


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("kind", ["two_factor_reset", "password_changed"])
def test_disabled_user_is_not_asked_to_log_in_or_to_change_the_password(kind: str, locale: str) -> None:
    """They could do neither. An email from a server of the version before is to a user who can."""
    facts = dict(FACTS_OF[kind])
    advice = re.compile("log in with|[Mm]elden Sie sich|Consider|Erwägen")

    disabled = parsed_message(kind=kind, locale=locale, facts=facts | {"enabled": False})
    for text in (text_of(disabled, "plain"), visible_text(text_of(disabled, "html"))):
        assert not advice.search(text)
        assert ADVICE[locale][0] in text
    del facts["enabled"]
    assert advice.search(text_of(parsed_message(kind=kind, locale=locale, facts=facts), "plain"))


@pytest.mark.parametrize("kind", [kind for kind, facts in FACTS_OF.items() if "by" in facts])
def test_change_from_the_command_line_names_the_operator(kind: str) -> None:
    """Without an admin, the email says that the operator did it."""
    texts = {"en": ["The operator of Countersign has", "By: the operator of Countersign"],
             "de": ["Der Betreiber von Countersign hat", "Von: Betreiber von Countersign"]}  # fmt: skip
    for locale, required in texts.items():
        message = parsed_message(kind=kind, locale=locale, facts=dict(FACTS_OF[kind]) | {"by": None})
        assert [text for text in required if text not in text_of(message, "plain")] == []


@pytest.mark.parametrize(
    ("facts", "en", "de"),
    [
        ({"required_now": True, "active": True}, "You cannot deactivate it", "Deaktivieren können Sie sie nicht"),
        ({"required_now": True, "active": False}, "please log in and set it up", "Bitte melden Sie sich an"),
        ({"active": True}, "from 4 November 2026, 09:05 UTC on", "ab 4. November 2026, 09:05 UTC"),
        ({"required_from": None, "active": True}, "Yours stays active", "Ihre bleibt aktiv"),
        ({"required_from": None, "active": False}, "We recommend", "Wir empfehlen"),
    ],
)
def test_change_of_the_rule_says_what_holds_and_what_to_do(facts: Mapping[str, object], en: str, de: str) -> None:
    """An email about a rule that does not exempt the user names no exemption."""
    kind = "user_enforcement_changed"
    for locale, text in {"en": en, "de": de}.items():
        message = parsed_message(kind=kind, locale=locale, facts={**FACTS_OF[kind], "exempt_until": None, **facts})
        for part in (text_of(message, "plain"), visible_text(text_of(message, "html"))):
            assert text in part
            assert not re.search("exempt|ausgenommen", part)
            assert ("do nothing else" in part or "nichts anderes tun" in part) == (
                not facts["active"] and facts.get("required_from", AT) is not None
            )


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("rule", sorted(RULES.keys() - {ChangedField.TWO_FACTOR_ENFORCED}))
def test_every_rule_of_the_policy_has_a_name_and_values(rule: ChangedField, locale: str) -> None:
    """The email shows no name of the API. A rule without a text would delay the email until the code is fixed."""
    values: dict[str, list[str | None]] = {"ENFORCED_FOR": [*EnforcedFor], "ENFORCE_FROM": [None, AT.isoformat()]}
    for value in values.get(rule, ["true", "false"]):
        facts = {**FACTS_OF["policy_changed"], "changes": [{"field": rule.value, "from": value, "to": value}]}
        message = parsed_message(kind="policy_changed", locale=locale, facts=facts)
        (line,) = (line for line in text_of(message, "plain").splitlines() if "→" in line)
        assert re.fullmatch(r"[^:_]+: ([^_]+) → \1", line), line
        assert not {rule.value, value} & set(line.split())


@pytest.mark.parametrize(("locale", "text"), [("en", "has made you a member"), ("de", "die Adminrechte entzogen")])
def test_email_about_a_lost_role_says_so(locale: str, text: str) -> None:
    """It does not speak of the set-up of 2FA, which is asked of admins."""
    facts = dict(FACTS_OF["role_changed"]) | {"role": "MEMBER"}
    message = text_of(parsed_message(kind="role_changed", locale=locale, facts=facts), "plain")

    assert text in message
    assert "Faktor" not in message
    assert "factor" not in message


@pytest.mark.parametrize(
    ("facts", "texts", "others"),
    [
        ({"needs_voucher": False}, ["has deactivated"], ["voucher"]),
        ({"was_active": False}, ["has created a new voucher", "earlier voucher is no longer valid"], ["deactivated"]),
        ({"voucher_expires_at": None}, ["Ask an admin of your company or the operator"], ["in person"]),
        ({"by": None}, ["The operator of Countersign gives it to you in person or by phone"], []),
    ],
)
def test_reset_says_who_has_the_voucher(facts: dict[str, Any], texts: list[str], others: list[str]) -> None:
    """Users without one have to ask for it. Without the rule, the email says nothing about vouchers."""
    kind = "two_factor_reset"
    text = text_of(parsed_message(kind=kind, facts=dict(FACTS_OF[kind]) | facts), "plain")

    words = " ".join(text.split())
    assert [each for each in texts if each not in words] == []
    assert [each for each in others if each in words] == []


class TestHeaders:
    def test_mark_an_automatic_email(self) -> None:
        """Message-ID and Date come from the outbox row. `Auto-Submitted` prevents automatic replies."""
        email = build_email(created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        message = compose(email, product_name="Countersign", sender_address="security@countersign.example")

        assert message["Message-ID"] == f"<{email.id}@countersign.example>"
        assert message["Date"].datetime == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["From"] == "Countersign <security@countersign.example>"
        assert message["To"] == "Grace Hopper <grace@example.org>"

    @pytest.mark.attack("J1")
    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
    def test_keep_their_structure_with_any_recipient_name(self, name: str) -> None:
        """A hostile name adds no header, no recipient and no part."""
        message = parsed_message(recipient_name=name)

        assert sorted(message.keys()) == sorted(parsed_message().keys())
        to = message["To"]
        assert isinstance(to, AddressHeader)
        assert [address.addr_spec for address in to.addresses] == ["grace@example.org"]
        assert [alternative.get_content_type() for alternative in message.iter_parts()] == ["text/plain", "text/html"]
        assert "<script" not in text_of(message, "html")
        greeting = text_of(message, "plain").splitlines()[0]
        assert greeting.startswith("Hello")
        assert greeting.endswith(",")
        assert text_of(message, "plain").splitlines()[1:] == text_of(parsed_message(), "plain").splitlines()[1:]

    @pytest.mark.parametrize(
        "name", [*HOSTILE_NAMES, "Zoë " * 30, "李小龍" * 30, "Łukasz Müller-Lüdenscheidt"], ids=ascii
    )
    @pytest.mark.parametrize("address", ["grace@example.org", f"{'g' * 60}@{'e' * 60}.example"])
    def test_have_short_lines(self, name: str, address: str) -> None:
        """An encoded word has at most 75 characters and its line 76 (RFC 2047 §2), as lines of the body (RFC 2045)."""
        email = build_email(recipient_name=name, recipient_email=address)
        message = compose(email, product_name=f"{name} x", sender_address="security@countersign.example")

        # The library that sends emails writes them with a policy of its own.
        for written in (message.as_bytes(), flatten_message(message)):
            head, _, body = written.partition(b"\r\n\r\n")
            assert all(len(word) <= 75 for word in ENCODED_WORD.findall(head))
            assert all(len(line) <= 76 for line in head.split(b"\r\n") if ENCODED_WORD.search(line))
            assert all(len(line) <= 76 for line in body.split(b"\r\n"))
            assert all(len(line) <= 998 for line in written.split(b"\r\n"))
            parsed = message_from_bytes(written, policy=default)
            assert [each.addr_spec for each in parsed["To"].addresses] == [address]

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
    def test_keep_their_structure_with_any_product_name(self, name: str) -> None:
        """A hostile product name adds no header either."""
        message = compose(build_email(), product_name=name, sender_address="security@countersign.example")
        parsed = message_from_bytes(message.as_bytes(), policy=default)

        assert [address.addr_spec for address in parsed["From"].addresses] == ["security@countersign.example"]
        assert sorted(parsed.keys()) == sorted(parsed_message().keys())

    def test_keep_a_name_in_any_script(self) -> None:
        """A harmless name does not change."""
        for name in ("Zoë Müller-Łukasik", "李小龍", "O'Brien", "Dr. Ada Lovelace", "नेहा"):
            assert parsed_message(recipient_name=name)["To"].addresses[0].display_name == name

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
    def test_reject_anything_but_one_address(self, address: str) -> None:
        """An invalid address or several addresses raise ValueError."""
        with pytest.raises(ValueError):  # noqa: PT011  # the text of the error does not matter
            compose(build_email(recipient_email=address), product_name="C", sender_address="s@countersign.example")

    def test_write_domains_in_ascii(self) -> None:
        """An internationalised domain is encoded for any server, and ß is not mapped to ss (IDNA 2008)."""
        assert mailbox("", "grace@straße.example").addr_spec == "grace@xn--strae-oqa.example"


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("en-US", "en"), ("fr", "en"), ("den", "en"), ("", "en")],
)
def test_falls_back_to_english(locale: str, language: str) -> None:
    """German locales give German, all others English."""
    assert language_of(locale) == language
