"""Secrets on every path: attacks G6, G7, G9, E8 and J6. They are in the one answer that shows them and nowhere else."""

import base64
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from tortoise import Tortoise

import models
from attacks.deeds import (
    ACKNOWLEDGE,
    CHANGE,
    CONFIRM,
    DEACTIVATE,
    DEEDS,
    LOGIN,
    NEW_PASSWORD,
    POLICY,
    REGENERATE,
    RESET,
    START,
    VERIFY,
    Deed,
    Request,
    otp,
    user_gid,
)
from attacks.scenes import PASSWORD, Person
from attacks.served import Served, served
from mail.letters import compose
from settings import Settings
from tests.support.clock import Clock
from transport.logs import SILENT_LOGGERS, configure_logging

# What an application that asks for everything might ask.
EVERYTHING = """
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


class Vault:
    """Every secret that was shown or typed, in each spelling that it might be found in."""

    def __init__(self) -> None:
        self.patterns: dict[str, re.Pattern[str]] = {}

    def add(self, kind: str, *secrets: str) -> None:
        """Look out for these as well."""
        for secret in secrets:
            # Not within a longer word or number: six digits stand in many a hash.
            pattern = rf"(?<![0-9A-Za-z.]){re.escape(secret)}(?![0-9A-Za-z])"
            self.patterns[f"{kind} {secret}"] = re.compile(pattern, re.IGNORECASE)

    def add_seed(self, key: str) -> None:
        """A seed, which authenticator apps take in base32."""
        seed = base64.b32decode(key)
        spellings = (key, seed.hex(), base64.b64encode(seed).decode(), str(seed), " ".join(re.findall("....", key)))
        self.add("seed", *spellings)

    def found_in(self, text: str) -> list[str]:
        """Those of the secrets that stand in a text."""
        return [name for name, pattern in self.patterns.items() if pattern.search(text)]


@pytest.fixture(params=["DEBUG"])
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """All that is logged, ours and the libraries', from a level on, the lowest if not said: with SQL echoed."""
    root, lines = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logging(request.param, "json", stream=lines)
    root.setLevel(request.param)
    # Of the clients of the test itself.
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
async def service(database_url: str, clock: Clock) -> AsyncIterator[Served]:
    """The application."""
    async with served(Settings(database_url=database_url), clock) as service:
        yield service


async def ask(service: Served, query: str, variables: dict[str, Any], token: str = "") -> dict[str, Any]:
    """An operation that goes through. Its one field."""
    response = await service.post(Request(query, variables, token, Person(models.User().id, "")))
    result = response.json()
    assert "errors" not in result, result
    (answer,) = result["data"].values()
    return dict(answer)


async def live_a_life(service: Served, clock: Clock, vault: Vault) -> str:
    """Everything that can happen to an account, and to the secrets of it. The session token of an admin."""
    company = await service.scene.company()
    admin = await service.scene.admin(company)
    person = await service.scene.member(company)
    vault.add("password", PASSWORD, NEW_PASSWORD, "a wrong password of canaries")
    vault.add("token", admin.session_token, person.session_token)
    # Who types their password where the email belongs.
    vault.add("mistyped", "canary-in-the-wrong-field")
    for email in ("canary-in-the-wrong-field", "canary-in-the-wrong-field@acme.example"):
        await ask(service, LOGIN, {"email": email, "password": PASSWORD})
    await ask(service, LOGIN, {"email": person.email, "password": "a wrong password of canaries"})
    session = await ask(service, LOGIN, {"email": person.email, "password": PASSWORD})
    token = session["sessionToken"]
    vault.add("token", token)

    started = await ask(service, START, {"password": PASSWORD}, token)
    key, activation = started["key"], started["activationId"]
    vault.add_seed(key)
    holder = Person(person.user_id, person.email, key=key)
    vault.add("token", activation)
    vault.add("otp", otp(holder, clock()), "918273")
    await ask(service, CONFIRM, {"activation": activation, "otp": "918273"}, token)
    issued = await ask(service, CONFIRM, {"activation": activation, "otp": otp(holder, clock())}, token)
    vault.add("code", *issued["codes"])
    await ask(service, ACKNOWLEDGE, {"activation": activation}, token)

    for factor in ("otp", "wrong", "code"):
        clock.advance(timedelta(seconds=30))
        challenge = (await ask(service, LOGIN, {"email": person.email, "password": PASSWORD}))["challengeToken"]
        proof = {
            "otp": {"otp": otp(holder, clock())},
            "wrong": {"otp": "918273"},
            "code": {"backupCode": issued["codes"][0]},
        }[factor]
        vault.add("token", challenge)
        vault.add("otp", otp(holder, clock()))
        answer = await ask(service, VERIFY, {"token": challenge, "factor": proof})
        if factor != "wrong":
            token = answer["sessionToken"]
            vault.add("token", token)

    fresh = await ask(service, REGENERATE, {"password": PASSWORD}, token)
    vault.add("code", *fresh["codes"])
    await ask(service, CHANGE, {"old": PASSWORD, "new": NEW_PASSWORD}, token)
    await ask(service, DEACTIVATE, {"password": "a wrong password of canaries"}, token)
    await ask(service, DEACTIVATE, {"password": NEW_PASSWORD}, token)
    other, _ = await service.scene.enrolled(company)
    vault.add_seed(other.key)
    await ask(service, RESET, {"user": user_gid(other), "password": PASSWORD}, admin.session_token)
    await ask(service, POLICY, {"password": PASSWORD, "codes": False}, admin.session_token)
    # Half done, so that a dump of the database has a seed in every table that can hold one.
    begun = await ask(service, START, {"password": NEW_PASSWORD}, token)
    vault.add_seed(begun["key"])
    vault.add("token", begun["activationId"])
    lasting, tokens = await service.scene.enrolled(company)
    vault.add_seed(lasting.key)
    vault.add("code", lasting.backup_code)
    vault.add("token", lasting.session_token, *tokens)
    return admin.session_token


async def dump(service: Served) -> str:
    """Every value in the database, bytes in each spelling that they might be read in."""
    values: list[str] = []
    async with service.env.database.reading():
        connection = service.env.database.connection
        tables = [each._meta.db_table for each in Tortoise.apps["models"].values()]
        for table in tables:
            for row in await connection.execute_query_dict(f"SELECT * FROM {table}"):  # noqa: S608  # our own names
                for value in dict(row).values():
                    if isinstance(value, bytes):
                        values += [value.hex(), base64.b32encode(value).decode(), str(value)]
                    values.append(str(value))
    assert len(tables) >= 10
    return "\n".join(values)


async def letters(service: Served) -> str:
    """Every letter, whole."""
    async with service.env.database.reading():
        kept = await models.Letter.all()
    assert {letter.kind for letter in kept} >= {"two_factor_activated", "backup_code_used", "two_factor_reset"}
    return "\n".join(
        str(part.get_content())
        for letter in kept
        for part in compose(letter, product_name="Countersign", sender_address="no-reply@acme.example").walk()
        if not part.is_multipart()
    )


async def test_g7_e8_j6_no_secret_is_found_in_logs_echoed_sql_letters_answers_or_a_dump(
    service: Served, clock: Clock, logged: io.StringIO
) -> None:
    """After everything that can happen to an account, with every log at its lowest level."""
    vault = Vault()
    admin = await live_a_life(service, clock, vault)
    text = logged.getvalue()

    assert "INSERT INTO" in text
    # An email is looked for under its own name, so echoed SQL has what was typed in its place; no log of ours has.
    assert vault.found_in(text) in ([], ["mistyped canary-in-the-wrong-field"])
    assert vault.found_in("\n".join(line for line in text.split("\n") if "SELECT" not in line)) == []
    assert vault.found_in(await dump(service)) == []
    assert vault.found_in(await letters(service)) == []
    answer = await service.post(Request(EVERYTHING, {}, admin, Person(models.User().id, "")))
    assert answer.json()["data"]["users"]["nodes"]
    assert vault.found_in(answer.text) == []


@pytest.mark.parametrize("logged", ["INFO"], indirect=True)
async def test_j6_the_log_in_use_names_nobody(service: Served, clock: Clock, logged: io.StringIO) -> None:
    """Neither an email nor a name is in it, whether somebody has it or only typed it."""
    await live_a_life(service, clock, Vault())
    async with service.env.database.reading():
        people = await models.User.all().values_list("email", "name")
    named = Vault()
    named.add("personal", "canary-in-the-wrong-field", *(text for person in people for text in person))

    assert logged.getvalue().count('"event": "request"') >= 20
    assert len(people) >= 2
    assert named.found_in(logged.getvalue()) == []


async def test_the_vault_finds_what_it_looks_for(service: Served, clock: Clock) -> None:
    """Each kind of secret, where it does stand: so that finding none means something."""
    vault = Vault()
    await live_a_life(service, clock, vault)

    kinds = {name.partition(" ")[0] for name in vault.patterns}
    assert kinds == {"password", "token", "seed", "otp", "code", "mistyped"}
    for name in vault.patterns:
        secret = name.partition(" ")[2]
        assert vault.found_in(f'{{"event": "{secret}"}}') != []


class Breaking(Clock):
    """A clock that breaks when it is told to, with a secret on its lips."""

    words = ""
    # How many more readings go well.
    left = 0

    def __call__(self) -> datetime:
        """The present instant, or an error."""
        if self.words:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError(self.words)
        return super().__call__()


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
async def test_g6_g7_an_exception_on_any_path_tells_clients_and_logs_no_secret(
    database_url: str, logged: io.StringIO, deed: Deed
) -> None:
    """Wherever a use case reads the clock, it breaks, and its words repeat all that was sent."""
    clock, vault = Breaking(), Vault()
    async with served(Settings(database_url=database_url), clock) as service:
        for left in range(20):
            request = await deed.prepare(service.scene, clock())
            secrets = [PASSWORD, NEW_PASSWORD, request.session_token, *map(str, request.variables.values())]
            secrets += [
                str(each) for value in request.variables.values() if isinstance(value, dict) for each in value.values()
            ]
            vault.add("sent", *(each for each in secrets if each and len(each) > 5 and "@" not in each))
            vault.add("seed", *filter(None, [request.about.key]))
            clock.words, clock.left = " ".join(secrets), left
            response = await service.post(request)
            clock.words = ""
            if "errors" not in response.json():
                break
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert error["extensions"]["correlationId"]
            assert vault.found_in(response.text) == []
        assert 0 < left < 19
    # What names the person is no secret, and the admin's reset is about their id.
    allowed = {f"sent {user_gid(request.about)}"}
    assert set(vault.found_in(logged.getvalue())) - allowed == set()
    assert "RuntimeError" in logged.getvalue()


BREAKS = ("\n", "\r\nINFO ", "\x1b[31m", "\u2028", "\u2029", "\x85", "\x00", "\x0b", "\x0c", "\u202e")


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_g9_no_line_can_be_forged_by_anything_that_a_client_sends(
    service: Served, logged: io.StringIO, log_format: str
) -> None:
    """User agents, names of operations, emails, ids, paths: a line stays a line, and no terminal is coloured."""
    configure_logging("DEBUG", log_format, stream=logged)
    logged.truncate(0)
    logged.seek(0)
    for forged in (f"begin{each}end" for each in BREAKS):
        for name in (forged, "x"):
            body = {"query": "query x { viewer { id } }", "operationName": name}
            await service.http.post("/graphql", json=body, headers=[(b"User-Agent", forged.encode())])
        await ask(service, LOGIN, {"email": f"{forged}@acme.example", "password": forged})
        await service.http.get(f"/{quote(forged)}")
        await service.http.post("/graphql", content=json.dumps({"query": forged}))
    text = logged.getvalue()
    lines = text.split("\n")[:-1]

    assert len(lines) >= 4 * len(BREAKS)
    assert lines == text.splitlines()
    assert all(line.isprintable() for line in lines)
    if log_format == "json":
        assert all(isinstance(json.loads(line), dict) for line in lines)
