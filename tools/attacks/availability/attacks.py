"""The attacks. Each one keeps a number of connections busy, and opens a connection again that the server closes."""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from multiprocessing.synchronize import Event
from typing import TypeAlias
from uuid import uuid4

import uvloop
from graphql import GraphQLError

from accounts.services import utc_now
from schema.root import create_schema
from security.constants import OTP_PERIOD_S
from tests.support.factories import FactoryUser
from tests.support.operations import CONFIRM_OTP, LOGIN
from tools.attacks.availability.accounts import AttackerAccounts
from tools.attacks.availability.http import PROXY, Connection, connect
from tools.bench.load import build_request
from transport.limits import MAX_ROOT_FIELDS
from transport.operations import LimitedSchema

# The time before a client opens a connection again.
PAUSE_S = 0.1
CONNECTED_INTERVAL_S = 0.05
WRONG_PASSWORD = "not the password of anybody"  # noqa: S105  # a wrong password

COMPANY = "company { id name twoFactorEnforced backupCodesEnabled }"
TWO_FACTOR = "twoFactor { enforced setupRequired activatedAt lastUsedAt backupCodesRemaining state }"
USER = f"id email name role locale createdAt lastLoginAt {COMPANY} {TWO_FACTOR}"
EVENT = "id kind occurredAt ipAddress userAgent note"
# What lists can contain. The largest pages and the most repetitions that the limits let through are chosen.
DEAR_SELECTIONS = (
    f"users(first: FIRST) {{ nodes {{ {USER} }} }}",
    f"securityEvents(first: FIRST) {{ nodes {{ {EVENT} user {{ {USER} }} actor {{ {USER} }} }} }}",
    f"users(first: FIRST) {{ nodes {{ id securityEvents(first: FIRST) {{ nodes {{ {EVENT} }} }} }} }}",
    "users(first: FIRST) { nodes { securityEvents(first: FIRST) { nodes { user { id } actor { id } } } } }",
)
PAGE_SIZES = (100, 50, 25, 20, 15, 10, 5)


@dataclass
class Attacker:
    """What the clients of an attack share."""

    accounts: AttackerAccounts
    outcomes: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    activating: Iterator[FactoryUser] = field(init=False)
    # The clients that have opened a connection.
    connected: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Let all clients take the activations in turn."""
        self.activating = itertools.cycle(self.accounts.activating)

    async def send(
        self,
        connection: Connection,
        client: int,
        query: str,
        variables: Mapping[str, str] | None = None,
        *,
        user: FactoryUser | None = None,
    ) -> None:
        """Send an operation from the address of the client, and count the outcome."""
        request = build_request(
            "/graphql",
            {"query": query, "variables": variables or {}},
            session_token=user.session_token if user else None,
            forwarded_for=f"203.0.113.{1 + client}",
        )
        self.outcomes[await connection.exchange(request)] += 1

    async def log_in(self, connection: Connection, client: int, email: str) -> None:
        """Try a wrong password."""
        await self.send(connection, client, LOGIN, {"email": email, "password": WRONG_PASSWORD})


# Uses one connection until the server closes it. The number of the client is the third argument.
Client: TypeAlias = Callable[[Attacker, Connection, int], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """An attack by a number of clients at the same time, each with one connection."""

    name: str
    description: str
    clients: int
    run_client: Client
    # The number of clients with the same source address, for attacks without a proxy.
    clients_per_address: int | None = None

    def source_address(self, client: int) -> str:
        """Return the address from which a client connects."""
        return PROXY if self.clients_per_address is None else f"127.0.1.{1 + client // self.clients_per_address}"


async def _invalid_documents(attacker: Attacker, connection: Connection, client: int) -> None:
    kinds = " ".join(["$a"] * 100)
    while True:
        name = f"{'A' * 60_000}{next(attacker.numbers)}"
        query = f"query {name} {{ securityEvents(filter: {{kinds: [{kinds}]}}) {{ nodes {{ id }} }} }}"
        await attacker.send(connection, client, query)


async def _sessions_query(attacker: Attacker, connection: Connection, client: int) -> None:
    sessions = " ".join(f"a{number}: sessions {{ id }}" for number in range(20))
    query = f"{{ viewer {{ securityEvents(first: 100) {{ nodes {{ user {{ {sessions} }} }} }} }} }}"
    while True:
        await attacker.send(connection, client, query, user=attacker.accounts.members[client])


async def _dear_queries(attacker: Attacker, connection: Connection, client: int) -> None:
    while True:
        queries = dearest_queries()
        query = queries[next(attacker.numbers) % len(queries)]
        await attacker.send(connection, client, query, user=attacker.accounts.admins[client])


async def _endless_header(attacker: Attacker, connection: Connection, _client: int) -> None:
    connection.writer.write(b"GET /health/alive HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
    while not connection.reader.at_eof():
        connection.writer.write(b"x" * 4_000)
        await connection.writer.drain()
        # `drain` does not let other clients run unless the buffer is full.
        await asyncio.sleep(0)
    attacker.outcomes["closed"] += 1


HEAD = b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"


async def _half_sent_requests(attacker: Attacker, connection: Connection, client: int) -> None:
    if client % 4 == 0:
        await _half_sent_bodies(attacker, connection, client)
    else:
        await _send_and_wait(attacker, connection, HEAD[:-20])


async def _half_sent_bodies(attacker: Attacker, connection: Connection, _client: int) -> None:
    await _send_and_wait(attacker, connection, HEAD + b'{"query": "')


async def _send_and_wait(attacker: Attacker, connection: Connection, part: bytes) -> None:
    connection.writer.write(part)
    await connection.reader.read()
    attacker.outcomes["closed"] += 1
    await asyncio.sleep(1)


async def _unknown_emails(attacker: Attacker, connection: Connection, client: int) -> None:
    while True:
        await attacker.log_in(connection, client, f"{uuid4().hex}@unknown.example")


async def _same_email(attacker: Attacker, connection: Connection, client: int) -> None:
    email = attacker.accounts.members[0].email
    while True:
        await attacker.log_in(connection, client, email)


async def _activations(attacker: Attacker, connection: Connection, client: int) -> None:
    while True:
        user = next(attacker.activating)
        # An activation accepts each time step once, in this order. The last codes replace the earlier ones.
        for steps in (-1, 0, 1):
            code = user.authenticator.otp(utc_now() + steps * timedelta(seconds=OTP_PERIOD_S))
            variables = {"activationId": user.activation_token, "otp": code}
            await attacker.send(connection, client, CONFIRM_OTP, variables, user=user)


async def _upgrade(attacker: Attacker, connection: Connection, _client: int) -> None:
    while True:
        number = next(attacker.numbers)
        request = build_request("/graphql", {"query": "{ authenticatorApps { name } }"})
        upgrade = b"websocket" if number % 2 else b"h2c"
        head, _, body = request.partition(b"\r\n\r\n")
        connection.writer.write(head + b"\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n")
        await asyncio.sleep(0.01)
        connection.writer.write(body)
        attacker.outcomes[await connection.read_outcome()] += 1


ATTACKS = (
    Attack(
        "invalid-documents", "8 strangers send invalid documents of 60 KB, each one only once.", 8, _invalid_documents
    ),
    Attack("sessions-query", "3 members ask 20 times for the sessions in each of 100 events.", 3, _sessions_query),
    Attack("dear-queries", "3 admins send the dearest queries that the limits let through.", 3, _dear_queries),
    Attack("endless-header", "50 connections from 5 addresses send an endless header.", 50, _endless_header, 10),
    Attack(
        "half-sent-requests",
        "1,500 connections from 30 addresses stop in the middle of the head, every fourth one in the body.",
        1_500,
        _half_sent_requests,
        50,
    ),
    Attack(
        "half-sent-bodies",
        "900 connections from 9 addresses stop in the middle of the body.",
        900,
        _half_sent_bodies,
        100,
    ),
    Attack("unknown-emails", "70 addresses log in with unknown emails.", 70, _unknown_emails),
    Attack("one-address", "One address logs in with unknown emails over 100 connections.", 100, _unknown_emails, 100),
    Attack("activations", "50 members confirm activations, which costs ten slow hashes each.", 50, _activations),
    Attack("upgrade", "20 connections ask for an upgrade and send the body in a later packet.", 20, _upgrade, 20),
    Attack("same-email", "70 addresses log in with one email.", 70, _same_email),
)
ATTACK_BY_NAME: Mapping[str, Attack] = {attack.name: attack for attack in ATTACKS}


class _Process:
    """The state of the process of the attackers."""

    # Set when all clients of an attack have connected.
    all_connected: Event


def prepare_process(all_connected: Event) -> None:
    """Let all other processes run first, since attackers do not run on the machine of the server."""
    os.nice(19)
    _Process.all_connected = all_connected
    dearest_queries()


def run_attack(name: str, port: int, accounts: AttackerAccounts, seconds: float) -> Counter[str]:
    """Attack a server for `seconds` from when all clients have connected. Return the outcomes of their requests."""
    attacker = Attacker(accounts)
    uvloop.run(_run_attack(ATTACK_BY_NAME[name], port, attacker, seconds))
    return attacker.outcomes


async def _run_attack(attack: Attack, port: int, attacker: Attacker, seconds: float) -> None:
    clients = [asyncio.create_task(_run_client(attack, port, attacker, client)) for client in range(attack.clients)]
    while len(attacker.connected) < attack.clients and not any(  # noqa: ASYNC110  # a client can fail instead
        client.done() for client in clients
    ):
        await asyncio.sleep(CONNECTED_INTERVAL_S)
    _Process.all_connected.set()
    ended, running = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for client in running:
        client.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for client in ended:
        # A client ends only by an error of this program.
        client.result()


async def _run_client(attack: Attack, port: int, attacker: Attacker, client: int) -> None:
    while True:
        try:
            async with connect(port, attack.source_address(client)) as connection:
                attacker.connected.add(client)
                await attack.run_client(attacker, connection, client)
        except (OSError, asyncio.IncompleteReadError):
            attacker.outcomes["connection error"] += 1
        except asyncio.CancelledError:
            attacker.outcomes["open at the end"] += 1
            raise
        await asyncio.sleep(PAUSE_S)


@cache
def dearest_queries() -> list[str]:
    """Return the dearest query of each selection that the limits let through."""
    schema = create_schema(LimitedSchema, introspection=False)
    return [_dearest(schema, selection) for selection in DEAR_SELECTIONS]


def _dearest(schema: LimitedSchema, selection: str) -> str:
    levels = selection.count("FIRST")
    sizes = itertools.product(range(1, MAX_ROOT_FIELDS + 1), PAGE_SIZES)
    for copies, first in sorted(sizes, key=lambda size: size[0] * size[1] ** levels, reverse=True):
        fields = selection.replace("FIRST", str(first))
        query = f"{{ {' '.join(f'a{number}: {fields}' for number in range(copies))} }}"
        try:
            if not schema.parse_document(query).errors:
                return query
        except GraphQLError:
            continue
    message = f"the limits let through no page of: {selection}"
    raise AssertionError(message)
