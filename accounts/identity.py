"""Emails and names: which text is valid, and how to normalise it for comparison."""

import re
import unicodedata

import email_validator
import icu
import idna
import regex

from security.constants import (
    EMAIL_LOCAL_PART_MAX_BYTES,
    EMAIL_MAX_LENGTH,
    NAME_KEY_MAX_LENGTH,
    NAME_MAX_LENGTH,
    USER_SEARCH_KEY_MAX_LENGTH,
)

# Names such as `localhost`, `test` and `example` belong to test installations and internal networks.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# The order of names is that of the Unicode Collation Algorithm in no language (the root of the CLDR). It ignores case.
COLLATOR = icu.Collator.createInstance(icu.Locale.getRoot())
COLLATOR.setStrength(icu.Collator.SECONDARY)
# Otherwise some decomposed letters would sort apart from their composed forms.
COLLATOR.setAttribute(icu.UCollAttribute.NORMALIZATION_MODE, icu.UCollAttributeValue.ON)

# The necessary form of an email: one @, no spaces or control characters, no characters that structure a mail header.
WELL_FORMED_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,253}")

# Characters without a glyph (Unicode Standard §5.21). They include all characters that control the direction of text.
INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
# Where an invisible character belongs to the spelling of a name. Joiners form letters of Persian and of Indic scripts,
# for example after a virama (RFC 5892 Appendix A). In emoji, they are in sequences, keycaps and flags (UTS #51 §1.4).
SPELLED_WITH_INVISIBLE = regex.compile(
    r"""
    (?<=\p{Canonical_Combining_Class=Virama}) [\u200c\u200d]
    | (?<=[\p{L}\p{M}]) [\u200c\u200d] (?=[\p{L}\p{M}])
    | (?<=\p{Extended_Pictographic} [\ufe0f\p{Emoji_Modifier}]?) \u200d (?=\p{Extended_Pictographic})
    | (?<=\p{Extended_Pictographic}) \ufe0f
    | (?<=[0-9\#*]) \ufe0f (?=\u20e3)
    | (?<=\U0001f3f4) [\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6} \U000e007f
    """,
    regex.VERBOSE,
)
# Symbols and letters with a blank glyph, such as the pattern of Braille without dots.
BLANK = "\u2800\ufffc\U0001d159\U00013441\U00013442"
# A mark needs a letter to be on.
NOT_VISIBLE_ALONE = regex.compile(rf"[\s\p{{M}}\p{{Cf}}{BLANK}]")
INVISIBLE_IN_EMAIL = regex.compile(rf"[\p{{Default_Ignorable_Code_Point}}{BLANK}]")


def email_key(email: str) -> str | None:
    """Return the email for comparison. Return None if no user can have it.

    All spellings of a mailbox have one key: the local part in lower case, and the domain in ASCII, as mail and browsers
    send it. The key does not depend on `problem_of_email`: users from before its rules can still log in.
    """
    if len(email) > EMAIL_MAX_LENGTH or not is_plain_text(email) or not WELL_FORMED_EMAIL.fullmatch(email):
        return None
    local_part, _, domain = email.partition("@")
    # Not case-folded: `ß` and `ss` are two mailboxes.
    local_key = _nfc(_nfc(local_part).lower())
    key = f"{local_key}@{_domain_in_ascii(domain)}"
    if len(key) > EMAIL_MAX_LENGTH:
        # A domain that is too long in ASCII does not exist, but the column has to hold the key.
        key = f"{local_key}@{_nfc(domain.lower())}"
    return key if len(key) <= EMAIL_MAX_LENGTH and WELL_FORMED_EMAIL.fullmatch(key) else None


def problem_of_email(email: str) -> str | None:
    """Return why mail servers would reject the email of a new user, or None. It is not looked up in DNS."""
    if not is_plain_text(email):
        return "contains a control character"
    if invisible := INVISIBLE_IN_EMAIL.search(email):
        return _invisible_character(invisible.group())
    if len(email.encode()) > EMAIL_MAX_LENGTH:
        return f"longer than {EMAIL_MAX_LENGTH} bytes"
    local_part, _, domain = email.rpartition("@")
    if len(_nfc(local_part).encode()) > EMAIL_LOCAL_PART_MAX_BYTES:
        return f"longer than {EMAIL_LOCAL_PART_MAX_BYTES} bytes before the @"
    try:
        # The name of a machine or of an internal network can be a single label.
        email_validator.validate_email(email, check_deliverability=False, globally_deliverable="." in domain)
    except email_validator.EmailNotValidError as error:
        # The message of an IDNAError quotes the email.
        is_about_domain = isinstance(error.__cause__, idna.IDNAError)
        return "the part after the @ is not a domain name (IDNA 2008)" if is_about_domain else str(error).rstrip(".")
    return None


def problem_of_name(name: str) -> str | None:
    """Return why this cannot be the name of a new user or company account, or None.

    A name has 1 to 200 characters, at least one of them visible, and no control characters. Its search key has at most
    600 characters. The search key of some single characters has 18, so this rejects names that consist of them.
    """
    if not name.strip() or len(name) > NAME_MAX_LENGTH or not is_plain_text(name):
        return f"1 to {NAME_MAX_LENGTH} characters of plain text"
    if invisible := INVISIBLE.search(SPELLED_WITH_INVISIBLE.sub("", name)):
        return _invisible_character(invisible.group())
    if not NOT_VISIBLE_ALONE.sub("", name):
        return "no visible character"
    return None if len(search_key(name)) <= NAME_KEY_MAX_LENGTH else "too long to search for"


def is_plain_text(text: str) -> bool:
    """Return whether the text has no control characters, lone surrogates, or line and paragraph separators."""
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def name_sort_key(name: str) -> str:
    """Return a text by whose bytes names are ordered: `Äpfel` beside `Apfel`, upper and lower case alike.

    The database stores it, so that both databases have one order, and an index gives it. The key of a very long name is
    cut off. If another version of ICU computes other keys, a migration has to compute the stored ones again.
    """
    key: bytes = COLLATOR.getSortKey(name)
    return key.hex()[:NAME_KEY_MAX_LENGTH]


def search_key(text: str) -> str:
    """Return the text for searching, without case."""
    # Unicode Standard §3.13 D146, compatibility caseless matching. Case folding can undo a normalisation, and can
    # produce characters that need normalisation. So one round of both is not always enough.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())


def user_search_key(name: str, email: str) -> str:
    """Return what a search for a user looks at: the name, and the email in each spelling of its domain, one a line."""
    local_part, _, domain = (email_key(email) or email).partition("@")
    emails = (email, f"{local_part}@{domain}", f"{local_part}@{_domain_in_unicode(domain)}")
    lines = dict.fromkeys(search_key(line) for line in (name, *emails))
    return "\n".join(lines)[:USER_SEARCH_KEY_MAX_LENGTH]


def _domain_in_ascii(domain: str) -> str:
    """Return the A-labels (IDNA 2008, mapped by UTS #46) of a domain. Other labels stay as they are, in lower case."""
    domain = _nfc(domain)
    if domain.isascii():
        return domain.lower()
    try:
        mapped = idna.uts46_remap(domain, std3_rules=False)
    except idna.IDNAError:
        return _nfc(domain.lower())
    # Also labels that IDNA 2008 excludes, such as emoji: browsers send them so.
    labels = mapped.split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def _domain_in_unicode(domain: str) -> str:
    try:
        return idna.decode(domain, display=True)
    except idna.IDNAError:
        return domain


def _invisible_character(character: str) -> str:
    return f"contains the invisible character U+{ord(character):04X}"


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
