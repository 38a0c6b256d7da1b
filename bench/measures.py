"""What is measured, and how: rounds of what is compared take turns, and medians of the rounds are told."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pyotp
from argon2 import PasswordHasher

from bench import load, people
from bench.load import Outcome
from bench.people import PASSWORD, Company
from bench.processes import Server, cores_kept_busy, cpu_seconds
from bench.report import Row
from bench.sqlite_copy import copy_tables
from bench.stage import Stage, migrate, postgres_processes
from twofactor.pages import encode_cursor
from twofactor.rules.policy import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES

VIEWER = "{ viewer { twoFactor { state } } }"
LOGIN = "mutation ($e: String!, $p: String!) { login(email: $e, password: $p) { __typename } }"
VERIFY = """
    mutation ($token: String!, $factor: SecondFactorInput!) {
        verifyLogin(challengeToken: $token, secondFactor: $factor) {
            __typename ... on LoggedIn { sessionToken session { id } viewer { id } } } }
"""
START = """
    mutation ($p: String!) { startTwoFactorActivation(password: $p) {
        __typename ... on TwoFactorActivation { activationId key %s expiresAt } } }
"""
QR_CODES = {"": "", "svg": "qrCode { svg }", "png": "qrCode { pngDataUri }"}
CONFIRM = """
    mutation ($activationId: ID!, $otp: String!) { confirmOtp(activationId: $activationId, otp: $otp) {
        __typename ... on BackupCodesIssued { codes file { content } expiresAt } } }
"""
USERS = """
    query ($after: String, $filter: UserFilter, $order: UserOrder!) {
        users(first: 25, after: $after, filter: $filter, orderBy: $order) { nodes {
            id name email role twoFactor { state backupCodesRemaining } lastLoginAt }
            pageInfo { hasNextPage endCursor } } }
"""
# What is selected of users, and the order; each is asked for its first page and for one in the middle of the list.
LISTS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "no filter": ({}, "NEWEST_FIRST"),
    "search for a surname": ({"search": people.surname(120)}, "NEWEST_FIRST"),
    "search for what all have and digits": ({"search": "user120@"}, "NEWEST_FIRST"),
    "search for a first name": ({"search": "ida"}, "NEWEST_FIRST"),
    "role": ({"role": "ADMIN"}, "NEWEST_FIRST"),
    "twoFactor ACTIVE": ({"twoFactor": "ACTIVE"}, "NEWEST_FIRST"),
    "twoFactor INACTIVE": ({"twoFactor": "INACTIVE"}, "NEWEST_FIRST"),
    "backupCodesRemainingAtMost": ({"backupCodesRemainingAtMost": 2}, "NEWEST_FIRST"),
    "by name": ({}, "NAME"),
    "by last login": ({}, "LAST_LOGIN"),
}
COLUMNS = {"NEWEST_FIRST": "created_at DESC, id DESC", "NAME": "name_key, id", "LAST_LOGIN": "last_login_at, id"}

BESIDE_FLOOR = "Beside the floor (CPU of a request)"
VERIFYING = "verifyLogin with an OTP"
VIEWING = "viewer { twoFactor { state } }"
LOGGING_IN = "login to a challenge"
LISTING = "users(first: 25)"
CONNECTIONS = 8
# More than the queue of the hashing pool has places, with two cores.
FLOOD = 160
SQLITE_CONNECTIONS = 32


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    accounts: Sequence[int]
    rounds: int
    # Requests in a round.
    verifications: int
    views: int
    logins: int
    lists: int
    activations: int


FULL = Extent(
    (1_000, 100_000, 1_000_000), rounds=5, verifications=1000, views=2000, logins=240, lists=24, activations=24
)
QUICK = Extent((1_000, 5_000, 20_000), rounds=2, verifications=200, views=300, logins=40, lists=10, activations=10)


@dataclass
class Series:
    """What came of the rounds of one thing."""

    cpu_ms: list[float] = field(default_factory=list)
    # Of it, that of the thread that runs the event loop.
    loop_ms: list[float] = field(default_factory=list)
    postgres_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def cpu(self) -> float:
        """The median of the CPU milliseconds of a request."""
        return statistics.median(self.cpu_ms)


Send = Callable[[], Awaitable[tuple[Server, list[bytes], bytes]]]


@dataclass
class Bench:
    """The stage with everybody on it."""

    stage: Stage
    extent: Extent
    rows: list[Row] = field(default_factory=list)
    companies: dict[int, Company] = field(default_factory=dict)
    urls: dict[int, str] = field(default_factory=dict)
    products: dict[int, Server] = field(default_factory=dict)
    # The CPU milliseconds of a request on PostgreSQL, by what is asked for.
    costs: dict[str, float] = field(default_factory=dict)

    @property
    def usual(self) -> int:
        """The size at which everything is measured that is not about size."""
        return self.extent.accounts[1]

    def tell(self, what: str) -> None:
        """Say on the terminal what is going on."""
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")

    async def send(  # noqa: PLR0913  # each has its default
        self,
        server: Server,
        requests: Sequence[bytes],
        expected: bytes,
        *,
        connections: int = CONNECTIONS,
        seconds: float | None = None,
        may_fail: bool = False,
    ) -> Outcome:
        """Let a client of its own send requests, which have to go well."""
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(
            self.stage.clients, load.run, server.port, list(requests), connections, expected, seconds
        )
        if outcome.failures and not may_fail:
            message = f"{outcome.failures} of {len(requests)} requests failed: {outcome.failed}"
            raise RuntimeError(message)
        return outcome

    async def rounds(
        self, compared: Mapping[str, Send], *, connections: int = CONNECTIONS, may_fail: bool = False
    ) -> dict[str, Series]:
        """Let each take its turn, round after round. Of one round before them nothing but failures is counted."""
        series = {name: Series() for name in compared}
        async with self.stage.connected("/postgres") as connection:
            for number in range(self.extent.rounds + 1):
                for name, prepare in compared.items():
                    server, requests, expected = await prepare()
                    backends = await postgres_processes(connection)
                    before = server.cpu(), server.cpu_of_event_loop(), _cpu(backends)
                    outcome = await self.send(server, requests, expected, connections=connections, may_fail=may_fail)
                    took = series[name]
                    took.failures += outcome.failures
                    if number == 0:
                        continue
                    took.cpu_ms.append((server.cpu() - before[0]) * 1000 / len(requests))
                    took.loop_ms.append((server.cpu_of_event_loop() - before[1]) * 1000 / len(requests))
                    took.postgres_ms.append((_cpu(backends) - before[2]) * 1000 / len(requests))
                    took.p50_ms.append(statistics.median(outcome.latencies) * 1000)
                    took.rate.append(len(requests) / outcome.seconds)
        return series

    def verifying(self, server: Server, size: int, *, by_hand: bool = False) -> Send:
        """Second steps with an OTP, each of another person."""

        async def prepare() -> tuple[Server, list[bytes], bytes]:
            chosen = self.companies[size].people[: self.extent.verifications]
            async with self.stage.connected(f"/{_name(size)}") as connection:
                challenges = await people.challenge(connection, chosen)
            return server, verifications(challenges, by_hand=by_hand), b"sessionToken"

        return prepare

    def views(self, tokens: Sequence[str], *, by_hand: bool = False) -> list[bytes]:
        """Looks at one's own 2FA."""
        path, body = ("/viewer", {}) if by_hand else ("/graphql", {"query": VIEWER})
        return [
            load.request(path, body, session_token=tokens[number % len(tokens)]) for number in range(self.extent.views)
        ]

    async def admin(self, size: int) -> str:
        """The token of an admin who has just signed in."""
        async with self.stage.connected(f"/{_name(size)}") as connection:
            admin = await connection.fetchval("SELECT id FROM user_account WHERE role = 'ADMIN' LIMIT 1")
            (token,) = await people.sign_in(connection, [admin])
        return token

    def logins(self, size: int, *, by_hand: bool = False) -> list[bytes]:
        """First steps with the right password."""
        people = self.companies[size].people[: self.extent.logins]
        if by_hand:
            return [load.request("/login", {"email": person.email, "password": PASSWORD}) for person in people]
        return [
            load.request("/graphql", {"query": LOGIN, "variables": {"e": person.email, "p": PASSWORD}})
            for person in people
        ]


def sending(server: Server, requests: list[bytes], expected: bytes) -> Send:
    """The same requests each time."""

    async def prepare() -> tuple[Server, list[bytes], bytes]:
        return server, requests, expected

    return prepare


def verifications(challenges: Sequence[tuple[str, str]], *, by_hand: bool = False) -> list[bytes]:
    """The requests for challenges and their OTPs."""
    if by_hand:
        return [load.request("/verifyLogin", {"challengeToken": token, "otp": otp}) for token, otp in challenges]
    return [
        load.request("/graphql", {"query": VERIFY, "variables": {"token": token, "factor": {"otp": otp}}})
        for token, otp in challenges
    ]


def lists(
    token: str, after: str | None = None, wanted: Mapping[str, object] | None = None, order: str = "NEWEST_FIRST"
) -> bytes:
    """The request for a page of users."""
    variables = {"after": after, "filter": wanted or {}, "order": order}
    return load.request("/graphql", {"query": USERS, "variables": variables}, session_token=token)


def starts(tokens: Sequence[str], drawn: str, *, by_hand: bool) -> list[bytes]:
    """The requests that begin activations."""
    if by_hand:
        body: dict[str, object] = {"password": PASSWORD, "draw": drawn}
        return [load.request("/startTwoFactorActivation", body, session_token=token) for token in tokens]
    body = {"query": START % QR_CODES[drawn], "variables": {"p": PASSWORD}}
    return [load.request("/graphql", body, session_token=token) for token in tokens]


def confirmations(tokens: Sequence[str], started: Outcome, *, by_hand: bool) -> list[bytes]:
    """The requests that confirm them."""
    requests = []
    for token, answer in zip(tokens, map(json.loads, started.answers), strict=True):
        activation = answer if by_hand else answer["data"]["startTwoFactorActivation"]
        given = {"activationId": activation["activationId"], "otp": pyotp.TOTP(activation["key"]).at(datetime.now(UTC))}
        path, body = ("/confirmOtp", given) if by_hand else ("/graphql", {"query": CONFIRM, "variables": given})
        requests.append(load.request(path, body, session_token=token))
    return requests


async def measure(stage: Stage, extent: Extent) -> list[Row]:
    """Measure everything."""
    bench = Bench(stage, extent)
    for size in extent.accounts:
        bench.tell(f"making {size} accounts")
        bench.urls[size] = await stage.make_database(_name(size))
        async with stage.connected(f"/{_name(size)}") as connection:
            enrolled = min(extent.verifications, size // 5)
            bench.companies[size] = await people.make_company(connection, f"acme{size}", size, enrolled)
    with ExitStack() as servers:
        for size in extent.accounts:
            bench.products[size] = servers.enter_context(stage.product(bench.urls[size]))
        floor = servers.enter_context(stage.floor(bench.urls[bench.usual]))
        parts: tuple[Callable[[Bench, Server], Awaitable[None]], ...] = (
            _started,
            _verify_and_view,
            _login,
            _users,
            _lists,
            _activation,
            _event_loop,
            _size,
        )
        for part in parts:
            bench.tell(part.__doc__ or "")
            await part(bench, floor)
    for alone in (_processes, _sqlite, _disk):
        bench.tell(alone.__doc__ or "")
        await alone(bench)
    groups = list(dict.fromkeys(row.group for row in bench.rows))
    return sorted(bench.rows, key=lambda row: groups.index(row.group))


async def _started(bench: Bench, floor: Server) -> None:
    """How long it takes to start."""
    product = bench.products[bench.usual]
    bench.rows += [
        Row("Start and size", "seconds to the first answer", f"{product.seconds_to_first_answer:.2f} s",
            f"floor {floor.seconds_to_first_answer:.2f} s"),
        Row("Start and size", "resident memory, idle", f"{product.resident_mib():.0f} MiB",
            f"floor {floor.resident_mib():.0f} MiB"),
    ]  # fmt: skip


async def _verify_and_view(bench: Bench, floor: Server) -> None:
    """Second steps and sessions, beside the floor and at each size."""
    size = bench.usual
    compared = {"floor": bench.verifying(floor, size, by_hand=True)} | {
        _name(each): bench.verifying(product, each) for each, product in bench.products.items()
    }
    series = await bench.rounds(compared)
    ours, beside = series[_name(size)], series["floor"]
    bench.rows.append(_beside_floor(VERIFYING, ours, beside, goal=1.5))
    async with bench.stage.connected(f"/{_name(size)}") as connection:
        ids = [person.id for person in bench.companies[size].people[:100]]
        tokens = await people.sign_in(connection, ids)
    views = await bench.rounds(
        {
            "floor": sending(floor, bench.views(tokens, by_hand=True), b"ACTIVE"),
            "ours": sending(bench.products[size], bench.views(tokens), b"ACTIVE"),
        }
    )
    bench.rows.append(_beside_floor(VIEWING, views["ours"], views["floor"], goal=2))
    bench.costs |= {VERIFYING: ours.cpu, VIEWING: views["ours"].cpu}
    smallest = series[_name(bench.extent.accounts[0])]
    for each in bench.extent.accounts:
        took = series[_name(each)]
        both = [server + postgres for server, postgres in zip(took.cpu_ms, took.postgres_ms, strict=True)]
        least = statistics.median(smallest.cpu_ms) + statistics.median(smallest.postgres_ms)
        bench.rows.append(
            Row("verifyLogin by the number of accounts", f"verifyLogin at {each:,} accounts",
                f"{took.cpu:.2f} ms CPU + {statistics.median(took.postgres_ms):.2f} in PostgreSQL",
                f"p50 {statistics.median(took.p50_ms):.1f} ms", statistics.median(both) / least, 1.2, rounds=both)
        )  # fmt: skip


async def _login(bench: Bench, floor: Server) -> None:
    """First steps: how much of them is the hash."""
    requests, by_hand = bench.logins(bench.usual), bench.logins(bench.usual, by_hand=True)
    series = await bench.rounds(
        {
            "floor": sending(floor, by_hand, b"challengeToken"),
            "ours": sending(bench.products[bench.usual], requests, b"SecondFactorRequired"),
        }
    )
    ours = series["ours"]
    # Hashes are all that runs in other threads.
    shares = [1 - loop / whole for loop, whole in zip(ours.loop_ms, ours.cpu_ms, strict=True)]
    share = statistics.median(shares)
    bench.rows += [
        Row(BESIDE_FLOOR, f"{LOGGING_IN}, the hash of it", f"{share:.1%}",
            aim="≥ 85 %", met=share >= 0.85, rounds=shares),  # noqa: PLR2004  # the aim
        _beside_floor(LOGGING_IN, ours, series["floor"]),
    ]  # fmt: skip
    bench.costs[LOGGING_IN] = ours.cpu


async def _users(bench: Bench, floor: Server) -> None:
    """The first page of users."""
    token, times = await bench.admin(bench.usual), bench.extent.logins
    by_hand = load.request("/users", {}, session_token=token)
    series = await bench.rounds(
        {
            "floor": sending(floor, [by_hand] * times, b'"nodes":['),
            "ours": sending(bench.products[bench.usual], [lists(token)] * times, b'"nodes":['),
        }
    )
    bench.rows.append(_beside_floor(LISTING, series["ours"], series["floor"]))
    bench.costs[LISTING] = series["ours"].cpu


async def _lists(bench: Bench, _floor: Server) -> None:
    """The users of a small and of a large company account."""
    small, large = bench.extent.accounts[0], bench.extent.accounts[-1]
    tokens = {size: await bench.admin(size) for size in (small, large)}
    for name, (wanted, order) in LISTS.items():
        for page in ("first page", "middle"):
            took: dict[int, list[float]] = {small: [], large: []}
            for number in range(bench.extent.rounds + 1):
                for size in (small, large):
                    after = None if page == "first page" else await _middle(bench, size, order)
                    sent = [lists(tokens[size], after, wanted, order)] * bench.extent.lists
                    outcome = await bench.send(bench.products[size], sent, b'"users":{', connections=1)
                    if number:
                        took[size] += outcome.latencies
            few, many = (statistics.median(took[size]) * 1000 for size in (small, large))
            bench.rows.append(
                Row(f"users(first: 25) of {large:,}, p50 beside {small:,}", f"{name}, {page}", f"{many:.2f} ms",
                    f"{few:.2f} ms", many / few, 1.3)
            )  # fmt: skip


async def _middle(bench: Bench, size: int, order: str) -> str:
    column = COLUMNS[order].split()[0].rstrip(",")
    async with bench.stage.connected(f"/{_name(size)}") as connection:
        row = await connection.fetchrow(
            f"SELECT {column} AS value, id FROM user_account WHERE company_id = $1 "  # noqa: S608  # our own names
            f"ORDER BY {COLUMNS[order]} LIMIT 1 OFFSET $2",
            bench.companies[size].id,
            size // 2,
        )
    value = row["value"].isoformat() if isinstance(row["value"], datetime) else row["value"]
    return encode_cursor(order, value, row["id"])


async def _activation(bench: Bench, floor: Server) -> None:
    """Activations without their hashing, and QR codes."""
    product = bench.products[bench.usual]
    async with bench.stage.connected(f"/{_name(bench.usual)}") as connection:
        ids = await connection.fetch(
            "SELECT id FROM user_account WHERE two_factor_activated_at IS NULL LIMIT $1", bench.extent.activations
        )
        tokens = await people.sign_in(connection, [row["id"] for row in ids])

    def starting(server: Server, drawn: str = "") -> Send:
        return sending(server, starts(tokens, drawn, by_hand=server is floor), b"activationId")

    def confirming(server: Server) -> Send:
        async def prepare() -> tuple[Server, list[bytes], bytes]:
            _, requests, expected = await starting(server)()
            started = await bench.send(server, requests, expected, connections=1)
            return server, confirmations(tokens, started, by_hand=server is floor), b"codes"

        return prepare

    pictures = ("svg", "png")
    steps: dict[str, Callable[[Server], Send]] = {"confirm": confirming, "start": starting}
    steps |= {drawn: partial(starting, drawn=drawn) for drawn in pictures}
    series = await bench.rounds(
        {f"floor {name}": step(floor) for name, step in steps.items()}
        | {f"ours {name}": step(product) for name, step in steps.items()}
    )
    group = "Without their hashing (CPU of a request)"
    bench.rows.append(
        Row(group, "the hash of a password, alone", f"{statistics.median(_hash_ms() for _ in range(10)):.2f} ms")
    )
    for what, name in (("startTwoFactorActivation", "start"), ("confirmOtp, with ten backup codes", "confirm")):
        ours, by_hand = (statistics.median(series[f"{whose} {name}"].loop_ms) for whose in ("ours", "floor"))
        bench.rows.append(
            Row(group, what, f"{ours:.2f} ms", f"floor {by_hand:.2f} ms", ours / by_hand,
                rounds=series[f"ours {name}"].loop_ms)
        )  # fmt: skip
    for drawn in pictures:
        # A picture is drawn in another thread, as a hash is made: it takes what the whole takes more with it.
        ours, by_hand = (series[f"{whose} {drawn}"].cpu - series[f"{whose} start"].cpu for whose in ("ours", "floor"))
        bench.rows.append(
            Row(group, f"QR code as {drawn.upper()}", f"{ours:.2f} ms", f"floor {by_hand:.2f} ms", ours / by_hand)
        )


async def _event_loop(bench: Bench, _floor: Server) -> None:
    """Whether the event loop waits while hashes are made."""
    product = bench.products[bench.usual]
    async with bench.stage.connected(f"/{_name(bench.usual)}") as connection:
        tokens = await people.sign_in(connection, [person.id for person in bench.companies[bench.usual].people[:100]])
    views = bench.views(tokens)[: bench.extent.views // 2]

    async def viewing() -> float:
        outcome = await bench.send(product, views, b"ACTIVE", connections=1)
        return load.p99(outcome.latencies) * 1000

    idle, beside, busy = [], [], []
    for _ in range(bench.extent.rounds):
        idle.append(await viewing())
        with cores_kept_busy():
            beside.append(await viewing())
        flood = asyncio.create_task(
            bench.send(
                product,
                bench.logins(bench.usual),
                b"SecondFactorRequired",
                connections=2 * CONNECTIONS,
                seconds=len(views) / 100,
            )
        )
        await asyncio.sleep(0.5)
        busy.append(await viewing())
        await flood
    group = "The event loop"
    bench.rows.append(
        Row(group, "p99 of viewer while the hashing pool is full", f"{statistics.median(busy):.1f} ms",
            f"idle {statistics.median(idle):.1f} ms", statistics.median(busy) / statistics.median(idle), 3, rounds=busy)
    )  # fmt: skip
    # What the kernel alone makes of it: no hash, no login, nothing that the event loop could wait for.
    bench.rows.append(
        Row(group, "p99 of viewer beside programs that only spin", f"{statistics.median(beside):.1f} ms",
            f"idle {statistics.median(idle):.1f} ms", statistics.median(beside) / statistics.median(idle),
            rounds=beside)
    )  # fmt: skip
    flooded = await bench.send(
        product, bench.logins(bench.usual) * 2, b"SecondFactorRequired", connections=FLOOD, may_fail=True
    )
    refused = flooded.failure_latencies
    told = sum("retryAfter" in answer for answer in flooded.failed)
    p99 = load.p99(refused) * 1000 if refused else 0.0
    bench.rows.append(
        Row(group, f"refusals at {FLOOD} logins at once", f"p99 {p99:.0f} ms",
            f"{len(refused)} refused, {len(flooded.latencies)} answered", aim="prompt, with retryAfter",
            met=bool(refused) and told == len(flooded.failed) and p99 < 1000)  # noqa: PLR2004  # a second is prompt
    )  # fmt: skip


async def _size(bench: Bench, floor: Server) -> None:
    """How much memory it holds after all this."""
    product = bench.products[bench.usual]
    bench.rows.append(
        Row("Start and size", "resident memory after all of the load", f"{product.resident_mib():.0f} MiB",
            f"floor {floor.resident_mib():.0f} MiB")
    )  # fmt: skip


async def _processes(bench: Bench) -> None:
    """One server process and two."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    shares: dict[int, str] = {}
    async with bench.stage.connected("/postgres") as connection:
        for workers in (1, 2):
            with bench.stage.product(bench.urls[bench.usual], workers=workers) as server:
                for number in range(3):
                    _, requests, expected = await bench.verifying(server, bench.usual)()
                    backends = await postgres_processes(connection)
                    before = server.cpu(), _cpu(backends)
                    outcome = await bench.send(server, requests, expected, connections=2 * CONNECTIONS)
                    if number:
                        rates[workers].append(len(requests) / outcome.seconds)
                    used = (server.cpu() - before[0]) / outcome.seconds, (_cpu(backends) - before[1]) / outcome.seconds
                    shares[workers] = f"{used[0]:.2f} cores in the server, {used[1]:.2f} in PostgreSQL"
    for workers, found in rates.items():
        rate = statistics.median(found)
        bench.rows.append(
            Row("verifyLogin by the number of processes", f"{workers} on PostgreSQL", f"{rate:.0f}/s", shares[workers],
                rate / statistics.median(rates[1]), rounds=found)
        )  # fmt: skip


async def _sqlite(bench: Bench) -> None:
    """The same on SQLite, with more writers than it likes."""
    size = bench.extent.accounts[0]
    path = bench.stage.folder / "bench.sqlite3"
    url = f"sqlite://{path}"
    await migrate(url)
    chosen = bench.companies[size].people
    async with bench.stage.connected(f"/{_name(size)}") as connection:
        tokens = await people.sign_in(connection, [person.id for person in chosen[:100]])
        admin = await bench.admin(size)
        await copy_tables(connection, path, people.TABLES)

        with bench.stage.product(url) as server:

            async def verifying() -> tuple[Server, list[bytes], bytes]:
                challenges = await people.challenge(connection, chosen)
                await copy_tables(connection, path, ("authenticator", "challenge"))
                return server, verifications(challenges), b"sessionToken"

            series = await bench.rounds(
                {
                    VERIFYING: verifying,
                    VIEWING: sending(server, bench.views(tokens), b"ACTIVE"),
                    LOGGING_IN: sending(server, bench.logins(size), b"SecondFactorRequired"),
                    LISTING: sending(server, [lists(admin)] * bench.extent.logins, b'"nodes":['),
                },
                connections=SQLITE_CONNECTIONS,
                may_fail=True,
            )
    bench.rows += [
        Row(f"SQLite, {SQLITE_CONNECTIONS} connections (CPU of a request)", what,
            f"{took.cpu:.3f} ms, {statistics.median(took.rate):.0f}/s, {took.failures} failed",
            f"the server on PostgreSQL {bench.costs[what]:.3f} ms", took.cpu / bench.costs[what],
            aim="none fails", met=took.failures == 0, rounds=took.cpu_ms)
        for what, took in series.items()
    ]  # fmt: skip


async def _disk(bench: Bench) -> None:
    """What an account takes on the disk."""
    small, large = bench.extent.accounts[0], bench.extent.accounts[-1]
    async with bench.stage.connected(f"/{_name(large)}") as connection:
        each = await connection.fetchval("SELECT pg_database_size(current_database())") / large
    async with bench.stage.connected(f"/{_name(small)}") as connection:
        codes = await people.issue_backup_codes(connection, bench.companies[small].people)
    async with bench.stage.connected(f"/{_name(bench.usual)}") as connection:
        event = await connection.fetchval(
            "SELECT pg_total_relation_size('security_event') / count(*)::float FROM security_event"
        )
    group = "On the disk, with all indexes"
    bench.rows += [
        Row(group, f"each of {large:,} accounts, three of five with 2FA and a session", f"{each:,.0f} bytes"),
        Row(group, "an event of the audit trail", f"{event:,.0f} bytes"),
        Row(group, "ten backup codes", f"{codes:,.0f} bytes"),
    ]


def _hash_ms() -> float:
    hasher = PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES)
    hasher.hash(PASSWORD)
    began = time.process_time()
    hasher.hash(PASSWORD)
    return (time.process_time() - began) * 1000


def _beside_floor(what: str, ours: Series, floor: Series, *, goal: float | None = None) -> Row:
    return Row(BESIDE_FLOOR, what, f"{ours.cpu:.3f} ms", f"floor {floor.cpu:.3f} ms",
               ours.cpu / floor.cpu, goal, rounds=ours.cpu_ms)  # fmt: skip


def _cpu(pids: Sequence[int]) -> float:
    return sum(map(cpu_seconds, pids))


def _name(size: int) -> str:
    return f"accounts{size}"
