"""Numbers, procedures, commands and paths in documents agree with the code.

Each `Rule` matches the sentences that state one number, whatever the number is, and compares it with the code. In the
documents of `COMPLETE`, each number with a unit must be in a match of a rule or in `NOT_LIMITS`. So a wrong number
fails, and a new number needs a rule.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import typer

from accounts import attempt_limits, cleanup
from cli import keys
from cli.main import app as command_line
from mail import outbox
from resolvers.qr_rendering import PNG_SCALE_MAX
from security import constants, cost_limiter, fair_queue, ip_rate_limiter, key_ring, password_hashing
from settings import Settings, key_of
from tests.contract.docs.markdown import FENCED_CODE, ROOT, markdown_files
from transport import connection_limits, document_cache, error_codes, http_protocol, limits, operations, stranger_delay
from twofactor.factors.backup_code_format import ALPHABET
from twofactor.factors.entered_code import INPUT_MAX_LENGTH

SCHEMA = ROOT / "schema.graphql"
OPERATIONS = ROOT / "docs/security/operations.md"
# Reports of measurements contain numbers of other things.
DOCUMENTS = [SCHEMA, *(path for path in markdown_files() if path.name != "performance.md")]
# In these documents each number with a unit is checked.
COMPLETE = [
    SCHEMA,
    *(ROOT / "docs/guide").glob("*.md"),
    ROOT / "docs/security/limits.md",
    ROOT / "docs/security/operations.md",
    ROOT / "docs/architecture.md",
]

WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "thirty": 30, "hundred": 100, "fifth": 5,
}  # fmt: skip
NUMBER_WORD = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
# `[text](target)` becomes `text`; bold, code and the borders of tables are removed.
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
MARKUP = re.compile(r"\*\*|`")
DESCRIPTION = re.compile(r'"""(.*?)"""', re.DOTALL)
# A paragraph, an item of a list or a row of a table.
BLOCK_BORDER = re.compile(r"\n\s*\n|\n(?=[-|#]|[0-9]+\. )")
UNITS = (
    "seconds?(?! factor)|s|minutes?|min|hours?|h|days?|ms|characters?|bits|bytes|digits|failures|wrong|failed|items|"
    "jobs|rows|tries|codes|wrong OTPs"
)
NUMBER_WITH_UNIT = re.compile(rf"(?<![\w.§-])[0-9][0-9,]*(?: random)? (?:{UNITS})\b")

N = "([0-9][0-9,]*)"


def in_minutes(duration: timedelta) -> int:
    """Return a duration as whole minutes."""
    return duration // timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """A number of the code, and how documents state it. `documents` must state it; others may."""

    name: str
    pattern: str
    values: tuple[float, ...]
    documents: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)
FIRST_WAIT_S = constants.FIRST_WAIT // timedelta(seconds=1)
LONGEST_WAIT_H = constants.LONGEST_WAIT // HOURS
LOCKED_AT = constants.SECOND_FACTOR_FAILURES_ALLOWED
ACTIVATION = in_minutes(constants.ACTIVATION_LIFETIME)
REPLACEMENT = in_minutes(constants.REPLACEMENT_LIFETIME)
CHALLENGE = in_minutes(constants.CHALLENGE_LIFETIME)
PASSWORD = (constants.PASSWORD_MIN_LENGTH, constants.PASSWORD_MAX_LENGTH)
IP_LIMIT = (int(Settings.model_fields["failures_per_address"].default), in_minutes(ip_rate_limiter.WINDOW))
CODES = (constants.BACKUP_CODES_PER_SET, constants.BACKUP_CODE_LENGTH)
CODE_BITS = constants.BACKUP_CODE_LENGTH * (len(ALPHABET).bit_length() - 1)
SENT_EMAILS_DAYS = constants.SENT_EMAILS_KEPT // DAYS
UNKNOWN_EMAILS_DAYS = constants.UNKNOWN_EMAIL_EVENTS_KEPT // DAYS
IDLE_COUNTS_DAYS = constants.IDLE_PASSWORD_COUNTS_KEPT // DAYS
OTP_LIFETIME_S = (2 * constants.OTP_DRIFT_STEPS + 1) * constants.OTP_PERIOD_S

RULES = [
    Rule("waits in a table", f"waits from {N} s, doubling to {N} h", (FIRST_WAIT_S, LONGEST_WAIT_H), ("limits.md",)),
    Rule(
        "waits in a sentence",
        rf"first (?:wait is )?{N} seconds[.,] [^.]*(?:twice|doubles)[^.]* up to {N} hour",
        (FIRST_WAIT_S, LONGEST_WAIT_H),
        ("schema.graphql", "errors.md"),
    ),
    Rule("the longest wait", rf"The wait is {N} hour at most", (LONGEST_WAIT_H,), ("limits.md",)),
    Rule(
        "attempts without a wait",
        rf"After {N} (?:(?:wrong|failed) (?:ones |attempts )?)?in a row",
        (constants.FREE_ATTEMPTS,),
        ("schema.graphql", "errors.md", "log-in.md"),
    ),
    Rule(
        "attempts without a wait, in the table",
        rf"\| (?:password|OTP|backup code)[^|]* \| [^|]+ \| {N} \|",
        (constants.FREE_ATTEMPTS,),
        ("limits.md",),
    ),
    Rule(
        "attempts before a wait",
        f"attempts left before a wait, from 0 to {N}",
        (constants.FREE_ATTEMPTS - 1,),
        ("schema.graphql",),
    ),
    Rule(
        "reminders to set up 2FA",
        f"{N} days, {N} days and {N} day before",
        tuple(each // DAYS for each in constants.SETUP_REMINDERS),
        ("schema.graphql", "security-policy.md", "architecture.md"),
    ),
    Rule(
        "the longest exemption",
        f"at most {N} days from now",
        (constants.EXEMPTION_MAX // DAYS,),
        ("schema.graphql", "admin.md"),
    ),
    Rule(
        "failures of a known device",
        f"[Ww]hen {N} attempts in a row fail on it",
        (constants.DEVICE_FAILURES_ALLOWED,),
        ("schema.graphql", "log-in.md", "limits.md"),
    ),
    Rule(
        "wrong passwords of a session",
        f"{N} wrong (?:passwords|ones) in a row end the session",
        (constants.REAUTHENTICATION_FAILURES_ALLOWED,),
        ("schema.graphql", "limits.md"),
    ),
    Rule(
        "wait for the results of simultaneous attempts",
        f"waits up to {N} seconds for their results",
        (sum(attempt_limits.WAITS_FOR_RESULTS_S),),
        ("limits.md",),
    ),
    Rule(
        "idle lifetime of a known device",
        rf"(?:{N} days after the last login|completed a login within {N} days)",
        (constants.KNOWN_DEVICE_IDLE_LIFETIME // DAYS,),
        ("schema.graphql", "log-in.md", "limits.md"),
    ),
    Rule(
        "known devices of a user",
        f"(?:has at most {N} known devices|A user has at most {N}[.])",
        (constants.KNOWN_DEVICES_PER_USER,),
        ("schema.graphql", "limits.md"),
    ),
    Rule(
        "authenticators of a user",
        f"at most {N} authenticators",
        (constants.AUTHENTICATORS_PER_USER,),
        ("schema.graphql", "limits.md", "new-device.md"),
    ),
    Rule(
        "name of an authenticator",
        f"by its device, at most {N} characters",
        (constants.AUTHENTICATOR_NAME_MAX_LENGTH,),
        ("schema.graphql",),
    ),
    Rule("first warning", f"by email from the {N} failure", (constants.FREE_ATTEMPTS,), ("limits.md",)),
    Rule(
        "wrong OTPs of an activation",
        rf"\b{N} wrong OTPs?,? (?:ends?\b|or after)",
        (constants.CONFIRM_ATTEMPTS,),
        ("schema.graphql", "activate.md", "errors.md", "attacks.md", "deviations.md"),
    ),
    Rule(
        "attempts of an activation",
        f"before this activation ends, from 0 to {N}",
        (constants.CONFIRM_ATTEMPTS,),
        ("schema.graphql",),
    ),
    Rule(
        "attempts of an activation, in the table",
        rf"\| the activation \| {N} \|",
        (constants.CONFIRM_ATTEMPTS,),
        ("limits.md",),
    ),
    Rule(
        "attempts of an activation, in SQL",
        rf"WHERE attempts < {N}",
        (constants.CONFIRM_ATTEMPTS,),
        ("architecture.md",),
    ),
    Rule("lock of a factor", rf"\bat {N} it is locked", (LOCKED_AT,), ("schema.graphql",)),
    Rule("lock of a factor by times", rf"wrong {N} times since", (LOCKED_AT,), ("schema.graphql",)),
    Rule(
        "lock of a factor by failures",
        rf"(?:locked (?:at|after)|lock both factors(?: for strangers)? at|ends? \| at|\| at) {N} failures",
        (LOCKED_AT,),
        ("limits.md", "attacks.md"),
    ),
    Rule(
        "lock of both factors",
        f"more than {N} wrong OTPs and {N} wrong backup codes",
        (LOCKED_AT, LOCKED_AT),
        ("threat-model.md",),
    ),
    Rule(
        "lifetime of an activation",
        rf"(?:[Aa]ctivation (?:\| )?(?:expires after|is older than)|OTPs?, or after) {N} minutes",
        (ACTIVATION,),
        ("schema.graphql", "activate.md", "limits.md"),
    ),
    Rule(
        "lifetime of new backup codes",
        rf"(?:acknowledgeBackupCodes within|acknowledge them within|\| expire after|After) {N} minutes",
        (REPLACEMENT,),
        ("schema.graphql", "backup-codes.md", "limits.md"),
    ),
    Rule(
        "deadline of an activation",
        rf"{N} minutes after (?:its start|the start of the activation)",
        (ACTIVATION,),
        ("schema.graphql",),
    ),
    Rule(
        "lifetime of a challenge",
        r"(?:challengeToken [^.]* at most|challenge is older than|challenge \| expires after|it expires after) "
        rf"{N} minutes",
        (CHALLENGE,),
        ("schema.graphql", "limits.md", "attacks.md"),
    ),
    Rule("deadline of a challenge", f"{N} minutes after login", (CHALLENGE,), ("schema.graphql",)),
    Rule(
        "challenges of a user",
        f"(?:keeps )?the newest {N}",
        (constants.CHALLENGES_PER_USER,),
        ("limits.md", "attacks.md"),
    ),
    Rule(
        "sessions of a user",
        f"has at most {N} sessions",
        (constants.SESSIONS_PER_USER,),
        ("schema.graphql", "limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "cost of an operation", f"cost[^|.]* (?:[|] )?at most {N}:", (limits.MAX_COST,), ("limits.md", "CHANGELOG.md")
    ),
    Rule(
        "errors of an invalid document",
        f"at most {N}, of {N} characters",
        (operations.MAX_ERRORS, error_codes.MAX_MESSAGE_LENGTH),
        ("limits.md",),
    ),
    Rule(
        "length of a name",
        f"name or number in a document [|] at most {N} characters",
        (limits.MAX_TOKEN_LENGTH,),
        ("limits.md",),
    ),
    Rule(
        "memory of cached documents",
        f"cached documents [|] at most {N} MiB",
        (document_cache.MAX_CACHE_BYTES // 2**20,),
        ("limits.md",),
    ),
    Rule(
        "headers of a request",
        rf"(?:headers of a request [|] at most |headers \(){N} KiB, (?:complete within )?{N} seconds",
        (http_protocol.MAX_HEADER_BYTES // 1024, http_protocol.HEADERS_TIMEOUT_S),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "body of a request",
        rf"(?:body of a request [|] complete within |bodies \(){N} seconds",
        (http_protocol.BODY_TIMEOUT_S,),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "connections",
        rf"connections (?:[|] at most |\(){N} for each process(?: and|, )\s*{N}\s*for each",
        (connection_limits.MAX_CONNECTIONS, connection_limits.MAX_CONNECTIONS_PER_ADDRESS),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "cost of an imported hash",
        f"(?:at most|more than) {N} MiB(?: of memory)?, {N} passes, (?:and|or) {N} GiB",
        (
            constants.IMPORTED_HASH_MAX_MEMORY_KIB // 1024,
            constants.IMPORTED_HASH_MAX_PASSES,
            constants.IMPORTED_HASH_MAX_TOTAL_KIB // 2**20,
        ),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "idle lifetime of a session",
        f"after {N} days without",
        (constants.SESSION_IDLE_LIFETIME // DAYS,),
        ("schema.graphql", "sessions.md", "limits.md"),
    ),
    Rule(
        "lifetime of a session",
        rf"(?:{N} days after the login|after {N} days in any case)",
        (constants.SESSION_LIFETIME // DAYS,),
        ("schema.graphql", "sessions.md", "limits.md"),
    ),
    Rule(
        "precision of lastSeenAt",
        f"may be up to {N} minute old",
        (in_minutes(constants.LAST_SEEN_PRECISION),),
        ("schema.graphql",),
    ),
    Rule("backup codes", rf"\b{N} codes of {N} characters", CODES, ("schema.graphql", "limits.md")),
    Rule("length of a backup code", f"backup code of {N} characters", CODES[1:], ("schema.graphql",)),
    Rule("promised length of a backup code", f"promised {N} characters", CODES[1:], ("deviations.md",)),
    Rule("unused backup codes", f"unused backup codes, from 0 to {N}", CODES[:1], ("schema.graphql",)),
    Rule(
        "bits of a backup code",
        f"(?:Backup codes of|Each code has) {N} bits",
        (CODE_BITS,),
        ("deviations.md", "attacks.md"),
    ),
    Rule(
        "few backup codes",
        f"[Ii]f {N} or fewer (?:backup codes )?are left",
        (constants.FEW_BACKUP_CODES,),
        ("schema.graphql", "backup-codes.md"),
    ),
    Rule(
        "length of a password",
        rf"password (?:\| |has |, )?{N} to {N} characters|new password, {N} to {N} characters",
        PASSWORD,
        ("schema.graphql", "account.md", "limits.md"),
    ),
    Rule("a weak password", f"shorter than {N} characters, longer than {N}", PASSWORD, ("schema.graphql",)),
    Rule(
        "size of a page",
        rf"(?:size of a page, from 1 to|items in the page, from 1 to|page of a list \| at most) {N}(?: items)?",
        (constants.PAGE_MAX,),
        ("schema.graphql", "admin.md", "limits.md"),
    ),
    Rule(
        "a page that is too large",
        f"out of bounds, for example a page of {N} users",
        (constants.PAGE_MAX + 1,),
        ("errors.md",),
    ),
    Rule("failures of an IP address", rf"\b{N} failures in {N} min(?:utes)?", IP_LIMIT, ("limits.md", "attacks.md")),
    Rule("window of an IP address", f"when the window of {N} min", IP_LIMIT[1:], ("limits.md",)),
    Rule("prefix of a network in IPv6", f"its /{N} network", (ip_rate_limiter.IPV6_SUBSCRIBER_PREFIX,), ("limits.md",)),
    Rule(
        "digits of an OTP",
        rf"\b{N} (?:ASCII )?digits",
        (constants.OTP_DIGITS,),
        ("schema.graphql", "activate.md", "attacks.md", "standards.md"),
    ),
    Rule(
        "time step",
        rf"(?:time step of|digits,|logs in again within) {N} seconds",
        (constants.OTP_PERIOD_S,),
        ("schema.graphql", "log-in-with-2fa.md"),
    ),
    Rule("lifetime of an OTP", f"can work for about {N} seconds", (OTP_LIFETIME_S,), ("deviations.md",)),
    Rule(
        "response-time padding",
        rf"multiple of {N} ms",
        (round(constants.RESPONSE_PADDING_S * 1000),),
        ("limits.md", "CHANGELOG.md", "0001-response-time-padding.md"),
    ),
    Rule(
        "length of a name",
        f"(?:as people write it|as the user writes it), at most {N} characters",
        (constants.NAME_MAX_LENGTH,),
        ("schema.graphql",),
    ),
    Rule(
        "length of a user agent",
        f"User-Agent [^.]*, at most {N} characters",
        (constants.USER_AGENT_MAX_LENGTH,),
        ("schema.graphql",),
    ),
    Rule(
        "length of a reason",
        f"(?:reason in the admin's words|note for people), at most {N} characters",
        (constants.REASON_MAX_LENGTH,),
        ("schema.graphql",),
    ),
    Rule("length of a search", f"More than {N} characters give", (constants.SEARCH_MAX_LENGTH,), ("schema.graphql",)),
    Rule("text of a code", rf"as a user enters it \| at most {N} characters", (INPUT_MAX_LENGTH,), ("limits.md",)),
    Rule("scale of a QR code", f"in pixels, from 1 to {N}", (PNG_SCALE_MAX,), ("schema.graphql",)),
    Rule(
        "requests without a session",
        f"(?:requests without a session \\| {N} in {N} seconds|after {N} requests without a session in {N} seconds)",
        (Settings.model_fields["strangers_per_address"].default, stranger_delay.WINDOW_S),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "delay of responses to strangers",
        f"(?:each response|the answer) is delayed by {N} second",
        (stranger_delay.DELAY_S,),
        ("limits.md",),
    ),
    Rule(
        "cost of the operations of a viewer",
        f"(?:may cost at most {N} a minute|in a minute \\| at most {N})",
        (cost_limiter.COST_PER_MINUTE,),
        ("limits.md", "CHANGELOG.md"),
    ),
    Rule(
        "queue of the hashing pool",
        f"{N} (?:waiting requests|requests wait)",
        (fair_queue.MAX_WAITING,),
        ("limits.md", "0007-fair-queue-for-slow-hashes.md"),
    ),
    Rule(
        "longest wait in the queue of the hashing pool",
        f"(?:{N} s of waiting|waits (?:up to|at most) {N} seconds for its)",
        (fair_queue.MAX_WAIT_S,),
        ("limits.md", "0007-fair-queue-for-slow-hashes.md", "CHANGELOG.md"),
    ),
    Rule(
        "first turns in the queue of the hashing pool",
        f"comes {N} turns before",
        (fair_queue.FIRST_TURNS,),
        ("0007-fair-queue-for-slow-hashes.md",),
    ),
    Rule(
        "turns of sessions in the queue of the hashing pool",
        f"{N} turns for each turn of a stranger",
        (fair_queue.SESSION_TURNS,),
        ("0007-fair-queue-for-slow-hashes.md",),
    ),
    Rule("niceness", f"niceness {N}", (password_hashing.NICENESS,), ("0004-low-priority-hashing-threads.md",)),
    Rule(
        "warning emails about the second factor",
        rf"at most {N} (?:email )?a day",
        (constants.WARNING_INTERVAL // DAYS,),
        ("schema.graphql",),
    ),
    Rule(
        "warning emails",
        f"at most {N} (?:warning )?of a kind and {N} in all a day",
        (constants.WARNING_INTERVAL // DAYS, constants.WARNINGS_PER_INTERVAL),
        ("limits.md", "attacks.md"),
    ),
    Rule(
        "retention",
        f"sent emails after {N} days, idle attempt counts of passwords after {N} day, and audit events of unknown "
        f"emails after {N} days",
        (SENT_EMAILS_DAYS, IDLE_COUNTS_DAYS, UNKNOWN_EMAILS_DAYS),
        ("architecture.md",),
    ),
    Rule(
        "notice of an enforcement",
        f"at most {N} days in the future",
        (constants.ENFORCEMENT_MAX_NOTICE // DAYS,),
        ("schema.graphql", "security-policy.md"),
    ),
    Rule("retention of audit events", f"those of unknown emails: {N} days", (UNKNOWN_EMAILS_DAYS,), ("operations.md",)),
    Rule(
        "retention of attempt counts",
        f"(?:for|row) {N} day after the last attempt",
        (IDLE_COUNTS_DAYS,),
        ("architecture.md", "0002-keyed-hash-of-emails.md"),
    ),
    Rule(
        "batches of the cleanup",
        f"deletes at most {N} rows on PostgreSQL and {N} on SQLite",
        (cleanup.BATCHES["postgres"], cleanup.BATCHES["sqlite"]),
        ("architecture.md",),
    ),
    Rule(
        "tries of an email",
        f"up to {N} tries in about [^;]*; [^;]* up to {N} tries",
        (outbox.MAX_TRIES, outbox.MAX_TRIES_IF_PERMANENT),
        ("architecture.md",),
    ),
    Rule(
        "lifetime of replaced session tokens",
        rf"(?:at most for|after) {N} seconds",
        (int(constants.REPLACED_TOKEN_LIFETIME.total_seconds()),),
        ("schema.graphql", "sessions.md", "limits.md", "deviations.md", "attacks.md"),
    ),
    Rule(
        "lifetime of a voucher",
        f"(?:valid for|expires,) {N} hours",
        (constants.VOUCHER_LIFETIME // HOURS,),
        ("schema.graphql", "admin.md"),
    ),
    Rule("bits of a token", f"tokens of {N} random bits", (constants.TOKEN_BYTES * 8,), ("architecture.md",)),
    Rule("bytes of a key", f"key is {N} random bytes", (key_ring.KEY_BYTES,), ("operations.md",)),
    Rule(
        "bits of a nonce",
        f"nonces (?:of|are random and have) {N} bits",
        (key_ring.NONCE_BYTES * 8,),
        ("operations.md", "standards.md"),
    ),
    Rule(
        "error of the clock",
        f"(?:to within|CLOCK_SLACK,) {N} hour",
        (constants.CLOCK_SLACK // HOURS,),
        ("threat-model.md", "architecture.md"),
    ),
]

# Numbers with a unit that are not limits of the product.
NOT_LIMITS = [
    "NIST SP 800-63B asks for 1 day and 1 hour at AAL2",
    "in about 4 days",
    "in groups of 4 characters",
]


def blocks(path: Path) -> list[str]:
    """Return the paragraphs, list items and table rows of a document without markup, with digits for number words."""
    text = path.read_text(encoding="utf-8")
    parts = DESCRIPTION.findall(text) if path == SCHEMA else BLOCK_BORDER.split(FENCED_CODE.sub("", text))
    return [_plain(part) for part in parts]


def _plain(text: str) -> str:
    plain = MARKUP.sub("", LINK.sub(r"\1", " ".join(text.split())))
    return NUMBER_WORD.sub(lambda match: str(WORDS[match[1].lower()]), plain)


TEXTS = {path: " ".join(blocks(path)) for path in DOCUMENTS}


def wrong_numbers(rule: Rule, text: str) -> list[str]:
    """Return the statements of a text that contradict a rule."""
    wrong = []
    for match in re.finditer(rule.pattern, text):
        stated = tuple(int(number.replace(",", "")) for number in match.groups() if number)
        if stated != rule.values:
            wrong.append(match[0])
    return wrong


def unknown_numbers(text: str) -> list[str]:
    """Return the numbers with a unit that no rule checks, each with the words around it."""
    known = [match.span() for rule in RULES for match in re.finditer(rule.pattern, text)]
    for words in NOT_LIMITS:
        known += [match.span() for match in re.finditer(re.escape(words), text)]
    return [
        text[max(match.start() - 50, 0) : match.end() + 30]
        for match in NUMBER_WITH_UNIT.finditer(text)
        if not any(start <= match.start() and match.end() <= end for start, end in known)
    ]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_number_agrees_with_the_code(rule: Rule) -> None:
    """Each document that states the number states the value of the code."""
    wrong = {str(path.relative_to(ROOT)): found for path in DOCUMENTS if (found := wrong_numbers(rule, TEXTS[path]))}

    assert not wrong, f"the code has {rule.values}"


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_number_is_stated(rule: Rule) -> None:
    """The listed documents state the number in words that the rule recognises."""
    stating = {path.name for path in DOCUMENTS if re.search(rule.pattern, TEXTS[path])}

    assert set(rule.documents) <= stating


@pytest.mark.parametrize("path", COMPLETE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_number_has_a_rule(path: Path) -> None:
    """A number with a unit that no rule checks could be wrong. Add it to `RULES`, or to `NOT_LIMITS`."""
    assert unknown_numbers(TEXTS[path]) == []


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_wrong_number_is_found(rule: Rule) -> None:
    """A document with another number fails, in each document that has to state it."""
    for path in DOCUMENTS:
        if path.name in rule.documents:
            match = re.search(rule.pattern, TEXTS[path])
            assert match is not None
            number = next(index for index, group in enumerate(match.groups(), 1) if group)
            broken = TEXTS[path][: match.start(number)] + "77" + TEXTS[path][match.end(number) :]
            assert wrong_numbers(rule, broken)


def test_unknown_number_is_found() -> None:
    """A number without a rule is reported with its words."""
    assert unknown_numbers("Wait for 3 minutes.") == ["Wait for 3 minutes."]
    assert unknown_numbers("See section 3 of RFC 6238 §5.2.") == []


# The order of the steps of a key rotation.
ROTATION = re.compile(
    r"keys generate.*?at the end.*?restart every server.*?to the front.*?restart.*?(?:countersign )?keys rotate",
    re.IGNORECASE | re.DOTALL,
)
SECTION_BORDER = re.compile(r"^#+ ", re.MULTILINE)


def rotation_procedures() -> Iterator[tuple[str, str]]:
    """Return each text that describes a rotation of keys, with its place."""
    for path in markdown_files():
        for section in SECTION_BORDER.split(path.read_text(encoding="utf-8")):
            if re.search(r"\bkeys?\b[^.]*\b(?:to the front|in front)\b", " ".join(section.split())):
                yield str(path.relative_to(ROOT)), section
    yield "countersign keys generate --help", f"keys generate {inspect.getdoc(keys.generate)}"


def test_key_rotation_has_one_order() -> None:
    """First the new key at the end and a restart, then in front and a restart, then `keys rotate`."""
    procedures = dict(rotation_procedures())

    assert str(OPERATIONS.relative_to(ROOT)) in procedures
    assert [place for place, text in procedures.items() if not ROTATION.search(text)] == []


def test_documents_link_to_the_key_rotation() -> None:
    """The procedure is in one document. Other documents that mention `keys rotate` link to it."""
    for path in markdown_files():
        text = path.read_text(encoding="utf-8")
        if path != OPERATIONS and "keys rotate" in text:
            assert "operations.md#rotate-the-encryption-keys" in text, path


CODE = re.compile(r"`([^`\n]+)`")
CODE_FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"(?<!install )\bmake ([a-z][a-z-]*)")
COMMAND = re.compile(r"\bcountersign ((?:[a-z][a-z0-9-]* ?)+)")
VARIABLE = re.compile(r"COUNTERSIGN_[A-Z_]*[A-Z]\b(?!_\*)")
REPOSITORY_PATH = re.compile(
    r"(?:accounts|cli|docs|examples|mail|models|requirements|resolvers|schema|security|tests|tools|transport|twofactor)/[\w./-]*"
)


def code_of(path: Path) -> str:
    """Return the code of a Markdown file: code spans, and blocks without a language."""
    text = path.read_text(encoding="utf-8")
    return "\n".join([*CODE_FENCE.findall(text), *CODE.findall(FENCED_CODE.sub("", text))])


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
class TestNames:
    def test_make_targets_exist(self, path: Path) -> None:
        """`make help` lists each command that a document names."""
        targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

        assert set(MAKE.findall(code_of(path))) <= set(targets)

    def test_commands_exist(self, path: Path) -> None:
        """The command line has each command that a document names."""
        group = typer.main.get_command(command_line)
        for words in COMMAND.findall(code_of(path)):
            command, *rest = words.split()
            assert command in group.commands  # type: ignore[attr-defined]  # a group
            sub_commands = getattr(group.commands[command], "commands", {})  # type: ignore[attr-defined]  # a group
            assert not sub_commands or not rest or rest[0] in sub_commands

    def test_settings_exist(self, path: Path) -> None:
        """Each variable is a setting."""
        variables = set(VARIABLE.findall(path.read_text(encoding="utf-8")))

        assert variables <= {key_of(name) for name in Settings.model_fields}

    def test_paths_exist(self, path: Path) -> None:
        """Each path of the repository in a code span exists, or a worked example creates it."""
        text = FENCED_CODE.sub("", path.read_text(encoding="utf-8"))
        created = set(re.findall(r"^New file `([^`]+)`:$", text, re.MULTILINE))
        paths = [span for span in CODE.findall(text) if REPOSITORY_PATH.fullmatch(span) and span not in created]

        assert [each for each in paths if not (ROOT / each).exists()] == []
