"""Secrets in every output. A secret is only in the one result that returns it."""

import base64
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from tortoise import Tortoise

import models
from mail.messages import compose
from settings import Settings
from tests.support.api import Api
from tests.support.app_harness import AppHarness, app_harness
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    REGENERATE_BACKUP_CODES,
    RESET_WITH_VOUCHER,
    START_TWO_FACTOR_ACTIVATION,
    START_WITH_VOUCHER,
    UPDATE_SECURITY_POLICY,
    VERIFY_LOGIN,
)
from tests.support.scenarios import SCENARIOS, Scenario, confirm_request, global_user_id, reset_request
from tests.support.users import NEW_PASSWORD, PASSWORD, set_security_policy
from transport.logs import SILENT_LOGGERS, configure_logging

# All fields that a client can request.
ALL_FIELDS = """
{
  viewer { id email name locale createdAt lastLoginAt company { id name } sessions { id ipAddress userAgent }
           twoFactor { state activatedAt lastUsedAt backupCodesRemaining enforced setupRequired }
           securityEvents { nodes { id kind note userAgent ipAddress occurredAt } } }
  users { nodes { id email name lastLoginAt twoFactor { state backupCodesRemaining } sessions { id }
                  securityEvents { nodes { id kind note } } } }
  securityEvents { nodes { id kind note userAgent user { email } actor { email } } }
  featureFlags { backupCodes } authenticatorApps { name }
}
"""


class SecretScanner:
    """Finds secrets in a text, in each spelling that they may have."""

    def __init__(self) -> None:
        self.patterns: dict[str, re.Pattern[str]] = {}

    def add(self, kind: str, *secrets: str) -> None:
        """Add secrets."""
        for secret in secrets:
            # Do not match inside a longer word or number, since many hashes contain six digits in a row.
            pattern = rf"(?<![0-9A-Za-z.]){re.escape(secret)}(?![0-9A-Za-z])"
            self.patterns[f"{kind} {secret}"] = re.compile(pattern, re.IGNORECASE)

    def add_totp_secret(self, key: str) -> None:
        """Add a TOTP secret, given in base32."""
        secret = base64.b32decode(key)
        spellings = (
            key,
            secret.hex(),
            base64.b64encode(secret).decode(),
            str(secret),
            " ".join(re.findall("....", key)),
        )
        self.add("totp_secret", *spellings)

    def find_in(self, text: str) -> list[str]:
        """Return the secrets that a text contains."""
        return [name for name, pattern in self.patterns.items() if pattern.search(text)]


@pytest.fixture(params=["DEBUG"])
def log_output(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Return the log of the product and its libraries at a level. The default is `DEBUG`, which includes SQL."""
    root, lines = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logging(request.param, "json", stream=lines)
    root.setLevel(request.param)
    # Disable the loggers of the test's own clients.
    others = [logging.getLogger(name) for name in ("httpx", "httpcore", "hypothesis")]
    for other in others:
        other.disabled = True
    yield lines
    for other in (*others, *map(logging.getLogger, SILENT_LOGGERS)):
        other.disabled = False
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def harness(database_url: str, clock: Clock) -> AsyncIterator[AppHarness]:
    """Return the application."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        yield harness


async def execute(harness: AppHarness, query: str, variables: dict[str, Any], token: str = "") -> dict[str, Any]:
    """Execute an operation that succeeds. Return its only field."""
    return await Api(harness.http, token or None).execute_one(query, **variables)


async def use_all_features(harness: AppHarness, clock: Clock, scanner: SecretScanner) -> str:
    """Use each feature of an account, and add each secret to the scanner. Return the session token of an admin."""
    company = await harness.factory.company()
    admin = await harness.factory.logged_in_admin(company)
    user = await harness.factory.logged_in_member(company)
    scanner.add("password", PASSWORD, NEW_PASSWORD, "a wrong password of canaries")
    scanner.add("token", admin.session_token, user.session_token)
    # A user types the password into the email field.
    scanner.add("mistyped", "canary-in-the-wrong-field")
    for email in ("canary-in-the-wrong-field", "canary-in-the-wrong-field@acme.example"):
        await execute(harness, LOGIN, {"email": email, "password": PASSWORD})
    await execute(harness, LOGIN, {"email": user.email, "password": "a wrong password of canaries"})
    session = await execute(harness, LOGIN, {"email": user.email, "password": PASSWORD})
    token = session["sessionToken"]
    scanner.add("token", token)

    started = await execute(harness, START_TWO_FACTOR_ACTIVATION, {"password": PASSWORD}, token)
    key, activation = started["key"], started["activationId"]
    scanner.add_totp_secret(key)
    phone = Authenticator(key)
    scanner.add("token", activation)
    scanner.add("otp", phone.otp(clock()), "918273")
    await execute(harness, CONFIRM_OTP, {"activationId": activation, "otp": "918273"}, token)
    issued = await execute(harness, CONFIRM_OTP, {"activationId": activation, "otp": phone.otp(clock())}, token)
    scanner.add("code", *issued["codes"])
    await execute(harness, ACKNOWLEDGE_BACKUP_CODES, {"activationId": activation}, token)

    for factor in ("otp", "wrong", "code"):
        clock.advance(TIME_STEP)
        challenge = (await execute(harness, LOGIN, {"email": user.email, "password": PASSWORD}))["challengeToken"]
        proof = {
            "otp": {"otp": phone.otp(clock())},
            "wrong": {"otp": "918273"},
            "code": {"backupCode": issued["codes"][0]},
        }[factor]
        scanner.add("token", challenge)
        scanner.add("otp", phone.otp(clock()))
        answer = await execute(harness, VERIFY_LOGIN, {"challengeToken": challenge, "secondFactor": proof})
        if factor != "wrong":
            token = answer["sessionToken"]
            scanner.add("token", token)

    regenerated = await execute(harness, REGENERATE_BACKUP_CODES, {"password": PASSWORD}, token)
    scanner.add("code", *regenerated["codes"])
    await execute(harness, CHANGE_PASSWORD, {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}, token)
    await execute(harness, DEACTIVATE_TWO_FACTOR, {"password": "a wrong password of canaries"}, token)
    await execute(harness, DEACTIVATE_TWO_FACTOR, {"password": NEW_PASSWORD}, token)
    other, _ = await harness.factory.member_with_2fa(company)
    scanner.add_totp_secret(other.authenticator.key)
    await harness.execute_one(reset_request(admin, other))
    await reset_with_voucher(harness, scanner, company, admin.session_token)
    await confirm_without_acknowledgement(harness, clock, scanner, company)
    await regenerate_without_acknowledgement(harness, scanner, company)
    await execute(
        harness, UPDATE_SECURITY_POLICY, {"password": PASSWORD, "backupCodesEnabled": False}, admin.session_token
    )
    # Leave activations unfinished, so that each table that can hold a secret has one.
    activation_result = await execute(harness, START_TWO_FACTOR_ACTIVATION, {"password": NEW_PASSWORD}, token)
    scanner.add_totp_secret(activation_result["key"])
    scanner.add("token", activation_result["activationId"])
    enrolled, tokens = await harness.factory.member_with_2fa(company)
    scanner.add_totp_secret(enrolled.authenticator.key)
    scanner.add("code", enrolled.backup_code)
    scanner.add("token", enrolled.session_token, *tokens)
    return admin.session_token


async def reset_with_voucher(
    harness: AppHarness, scanner: SecretScanner, company: models.Company, admin_token: str
) -> None:
    """Reset a user with a voucher, and leave the voucher in force. Add the secrets to the scanner."""
    user, tokens = await harness.factory.member_with_2fa(company)
    scanner.add_totp_secret(user.authenticator.key)
    await set_security_policy(harness.services.database, company, resets_need_voucher=True)
    reset = await execute(
        harness, RESET_WITH_VOUCHER, {"userId": global_user_id(user), "password": PASSWORD}, admin_token
    )
    session = await execute(harness, LOGIN, {"email": user.email, "password": PASSWORD})
    token = session["sessionToken"]
    scanner.add("voucher", reset["voucher"], "7777777777")
    scanner.add("token", token, *tokens)
    for voucher in ("7777777777", reset["voucher"]):
        started = await execute(harness, START_WITH_VOUCHER, {"password": PASSWORD, "voucher": voucher}, token)
    scanner.add_totp_secret(started["key"])
    scanner.add("token", started["activationId"])
    await set_security_policy(harness.services.database, company, resets_need_voucher=False)


async def regenerate_without_acknowledgement(
    harness: AppHarness, scanner: SecretScanner, company: models.Company
) -> None:
    """Leave new backup codes of a user unacknowledged, and add the secrets to the scanner."""
    user, _ = await harness.factory.member_with_2fa(company)
    scanner.add_totp_secret(user.authenticator.key)
    variables = {"password": PASSWORD, "untilAcknowledged": True}
    new = await execute(harness, REGENERATE_BACKUP_CODES, variables, user.session_token)
    scanner.add("code", *new["codes"])
    scanner.add("token", user.session_token, new["activationId"])


async def confirm_without_acknowledgement(
    harness: AppHarness, clock: Clock, scanner: SecretScanner, company: models.Company
) -> None:
    """Let a user confirm an activation, and leave the codes unacknowledged. Add the secrets to the scanner."""
    user = await harness.factory.member_activating_2fa(company, confirmed=False)
    issued = await harness.execute_one(confirm_request(user, clock()))
    scanner.add_totp_secret(user.authenticator.key)
    scanner.add("code", *issued["codes"])
    scanner.add("token", user.session_token, user.activation_token)


async def database_dump(harness: AppHarness) -> str:
    """Return each value in the database, and bytes in each spelling that they may be read in."""
    values: list[str] = []
    async with harness.services.database.reading():
        connection = harness.services.database.connection
        tables = [each._meta.db_table for each in Tortoise.apps["models"].values()]
        for table in tables:
            for row in await connection.execute_query_dict(f"SELECT * FROM {table}"):  # noqa: S608  # our own names
                for value in dict(row).values():
                    if isinstance(value, bytes):
                        values += [value.hex(), base64.b32encode(value).decode(), str(value)]
                    values.append(str(value))
    assert len(tables) >= 10
    return "\n".join(values)


async def email_texts(harness: AppHarness) -> str:
    """Return the complete text of each email."""
    async with harness.services.database.reading():
        rows = await models.OutboxEmail.all()
    assert {email.kind for email in rows} >= {"two_factor_activated", "backup_code_used", "two_factor_reset"}
    return "\n".join(
        str(part.get_content())
        for email in rows
        for part in compose(email, product_name="Countersign", sender_address="no-reply@acme.example").walk()
        if not part.is_multipart()
    )


@pytest.mark.attack("E8", "G7", "J6")
async def test_no_secret_is_in_logs_sql_emails_results_or_a_database_dump(
    harness: AppHarness, clock: Clock, log_output: io.StringIO
) -> None:
    """Use all features of an account, with every log at its lowest level."""
    scanner = SecretScanner()
    admin = await use_all_features(harness, clock, scanner)
    text = log_output.getvalue()

    assert "INSERT INTO" in text
    # The server searches for the email that was typed, so SQL contains it. No log line of the product does.
    assert scanner.find_in(text) in ([], ["mistyped canary-in-the-wrong-field"])
    assert scanner.find_in("\n".join(line for line in text.split("\n") if "SELECT" not in line)) == []
    assert scanner.find_in(await database_dump(harness)) == []
    assert scanner.find_in(await email_texts(harness)) == []
    answer = await Api(harness.http, admin).post(ALL_FIELDS)
    assert answer.json()["data"]["users"]["nodes"]
    assert scanner.find_in(answer.text) == []


@pytest.mark.parametrize("log_output", ["INFO"], indirect=True)
async def test_log_at_info_level_contains_no_personal_data(
    harness: AppHarness, clock: Clock, log_output: io.StringIO
) -> None:
    """The log contains no email address and no name, neither of a user nor typed by a client."""
    await use_all_features(harness, clock, SecretScanner())
    async with harness.services.database.reading():
        users = await models.User.all().values_list("email", "name")
    personal_data = SecretScanner()
    personal_data.add("personal", "canary-in-the-wrong-field", *(text for row in users for text in row))

    assert log_output.getvalue().count('"event": "request"') >= 20
    assert len(users) >= 2
    assert personal_data.find_in(log_output.getvalue()) == []


async def test_scanner_finds_each_kind_of_secret(harness: AppHarness, clock: Clock) -> None:
    """The scanner finds each secret in a text that contains it. Otherwise an empty result would prove nothing."""
    scanner = SecretScanner()
    await use_all_features(harness, clock, scanner)

    kinds = {name.partition(" ")[0] for name in scanner.patterns}
    assert kinds == {"password", "token", "totp_secret", "otp", "code", "voucher", "mistyped"}
    for name in scanner.patterns:
        secret = name.partition(" ")[2]
        assert scanner.find_in(f'{{"event": "{secret}"}}') != []


class FailingClock(Clock):
    """A clock that fails on demand, with secrets in the error message."""

    message = ""
    # The number of calls before the error.
    calls_left = 0

    def __call__(self) -> datetime:
        """Return the current time, or raise an error."""
        if self.message:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise RuntimeError(self.message)
        return super().__call__()


@pytest.mark.attack("G6", "G7")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_exception_on_any_path_reveals_no_secret(
    database_url: str, log_output: io.StringIO, scenario: Scenario
) -> None:
    """The clock fails at each call of a use case, with all sent values in the error message."""
    clock, scanner = FailingClock(), SecretScanner()
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        for calls in range(20):
            request = await scenario.prepare(harness.factory, clock())
            secrets = [PASSWORD, NEW_PASSWORD, request.session_token, *map(str, request.variables.values())]
            secrets += [
                str(each) for value in request.variables.values() if isinstance(value, dict) for each in value.values()
            ]
            scanner.add("sent", *(each for each in secrets if each and len(each) > 5 and "@" not in each))
            scanner.add("totp_secret", *filter(None, [request.affected_user.authenticator.key]))
            clock.message, clock.calls_left = " ".join(secrets), calls
            response = await harness.post(request)
            clock.message = ""
            if "errors" not in response.json():
                break
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert error["extensions"]["correlationId"]
            assert scanner.find_in(response.text) == []
        assert 0 < calls < 19
    # The user id and the reason are no secrets, and the admin's reset sends them.
    allowed = {f"sent {global_user_id(request.affected_user)}", f"sent {request.variables.get('reason')}"}
    assert set(scanner.find_in(log_output.getvalue())) - allowed == set()
    assert "RuntimeError" in log_output.getvalue()


CONTROL_CHARACTERS = ("\n", "\r\nINFO ", "\x1b[31m", "\u2028", "\u2029", "\x85", "\x00", "\x0b", "\x0c", "\u202e")


@pytest.mark.attack("G9")
@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_client_input_cannot_forge_log_lines(
    harness: AppHarness, log_output: io.StringIO, log_format: str
) -> None:
    """User agents, operation names, emails, ids and paths cannot add a line or a terminal control sequence."""
    configure_logging("DEBUG", log_format, stream=log_output)
    log_output.truncate(0)
    log_output.seek(0)
    for forged in (f"begin{each}end" for each in CONTROL_CHARACTERS):
        for name in (forged, "x"):
            body = {"query": "query x { viewer { id } }", "operationName": name}
            await harness.http.post("/graphql", json=body, headers=[(b"User-Agent", forged.encode())])
        await execute(harness, LOGIN, {"email": f"{forged}@acme.example", "password": forged})
        await harness.http.get(f"/{quote(forged)}")
        await harness.http.post("/graphql", content=json.dumps({"query": forged}))
    text = log_output.getvalue()
    lines = text.split("\n")[:-1]

    assert len(lines) >= 4 * len(CONTROL_CHARACTERS)
    assert lines == text.splitlines()
    assert all(line.isprintable() for line in lines)
    if log_format == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines)
