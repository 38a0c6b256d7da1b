"""Compare optimisations with the code that they replaced: `python -m tools.bench.microbenchmarks`."""

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from inspect import isawaitable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import asyncpg
import segno
import uvloop
from graphql import execute
from starlette.requests import Request
from starlette.responses import Response
from strawberry import Schema
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import models
from accounts.services import Client, Services
from accounts.session_tokens import SessionToken
from accounts.sessions import authenticate
from app import SWITCH_INTERVAL_S
from models import SecurityEventKind, SessionTransport
from models.database import Database
from models.sql.execution import insert
from resolvers.context import Context
from resolvers.qr_rendering import QrCode, QrRenderer
from schema.root import create_schema
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from security.tokens import TokenKind, token_hash
from tests.support.postgres import postgres_server
from tools.bench import seed_data
from tools.bench.environment import POSTGRES_OPTIONS, BenchEnvironment
from tools.bench.load import p99
from tools.bench.measures import VIEWER
from tools.bench.seed_data import KEYS
from transport.cookies import Cookies
from transport.document_cache import DocumentCache
from transport.operations import LimitedSchema

CALLS = 200
CACHED_DOCUMENTS = 256
ROUNDS = 9
LOGINS = 6_000
UPDATE_LAST_LOGIN = "UPDATE user_account SET last_login_at = now() WHERE id = $1"
SEARCH = r"""
    SELECT * FROM user_account WHERE company_id = $1 AND CAST(search_key AS VARCHAR) LIKE $2 ESCAPE '\'
    ORDER BY created_at DESC, id DESC LIMIT 26
"""
QR_CODE_TEXT = (
    "otpauth://totp/Countersign:somebody%40company.example?secret=" + 32 * "A" + "&issuer=Countersign&digits=6"
)

Microbenchmark = Callable[[], Awaitable[object]]


def main() -> None:
    """Run all microbenchmarks and print their results."""
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        ProcessPoolExecutor(1) as unused,
    ):
        uvloop.run(_run(BenchEnvironment(postgres, Path(folder), unused)))


async def _run(environment: BenchEnvironment) -> None:
    url = await environment.create_database("microbenchmarks")
    async with environment.connect("/microbenchmarks") as connection:
        company = await seed_data.create_company(connection, "acme", 1000, 10)
        (token,) = await seed_data.create_sessions(connection, [company.enrolled[0].id])
    database = Database(url)
    await database.open()
    hashing = HashingPool(workers=1)
    services = Services(database, KeyRing.parse(KEYS), hashing, IpRateLimiter(failures_allowed=300), "Countersign")
    try:
        await _statements(services, token, company.enrolled[0])
        await _documents(services, token)
        await _reset(environment)
        await _pending_list(environment)
        await _qr_codes()
        await _delays()
    finally:
        hashing.close()
        await database.close()


async def _statements(services: Services, token: str, user: seed_data.BenchUser) -> None:
    hashed = token_hash(TokenKind.SESSION, token)
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "kind": SecurityEventKind.LOGIN_SUCCEEDED, "company_id": None, "user_id": user.id, "actor_id": None,
        "occurred_at": now, "ip_address": "192.0.2.1", "user_agent": "bench", "note": None,
    }  # fmt: skip

    async def find_session_by_orm() -> object:
        async with services.database.reading():
            return await models.Session.filter(token_hash=hashed).select_related("user__company").first()

    async def insert_event_by_orm() -> object:
        return await models.SecurityEvent.create(**event)

    async def insert_event_by_sql() -> None:
        await insert(models.SecurityEvent, id=uuid4(), **event)

    await _compare("find a session", {"ORM": find_session_by_orm, "own SQL": lambda: authenticate(services, token)})
    await _compare("insert an event", {"ORM": insert_event_by_orm, "own SQL": insert_event_by_sql})


async def _documents(services: Services, token: str) -> None:
    renderer = QrRenderer()

    def make_context() -> Context:
        cookie = Cookies(Request({"type": "http", "headers": []}), Response())
        return Context(services, Client(), cookie, SessionToken(token, SessionTransport.TOKEN), renderer)

    schema = create_schema(LimitedSchema, introspection=False)

    async def with_cache() -> object:
        return await schema.execute(VIEWER, context_value=make_context())

    async def without_cache() -> object:
        schema.documents = DocumentCache()
        return await with_cache()

    graphql_schema = schema._schema  # noqa: SLF001  # there is no public access
    document = schema.parse_document(VIEWER).node
    executor = StrawberryGraphQLCoreExecutionContext

    async def graphql_core() -> object:
        result = execute(graphql_schema, document, context_value=make_context(), executor_class=executor)
        return await result if isawaitable(result) else result

    caching_schema = create_schema(
        Schema, extensions=[lambda: ParserCache(CACHED_DOCUMENTS), lambda: ValidationCache(CACHED_DOCUMENTS)]
    )

    async def with_strawberry_cache() -> object:
        return await caching_schema.execute(VIEWER, context_value=make_context())

    await _compare(
        "execute viewer { twoFactor { state } }",
        {
            "parse and validate each time": without_cache,
            "cached document": with_cache,
            "cached document, graphql-core alone": graphql_core,
            "Strawberry's cache extensions": with_strawberry_cache,
        },
    )
    response = {"data": {"viewer": {"twoFactor": {"state": "ACTIVE"}}}}

    async def dump() -> object:
        return json.dumps(response, separators=(",", ":"), allow_nan=False).encode("ascii")

    await _compare("serialise its response", {"json (the most that a faster library can save)": dump})


async def _reset(environment: BenchEnvironment) -> None:
    async def skip_reset(_connection: object) -> None:
        pass

    def select_on(pool: asyncpg.Pool) -> Microbenchmark:
        async def select() -> object:
            async with pool.acquire() as connection:
                return await connection.fetchval("SELECT $1::int", 1)

        return select

    options = {
        "host": parse_qs(environment.postgres.query)["host"][0], "user": "postgres",
        "database": "microbenchmarks", "max_size": 1,
        "min_size": 1,
    }  # fmt: skip
    async with (
        asyncpg.create_pool(**options) as resetting_pool,
        asyncpg.create_pool(**options, reset=skip_reset) as pool,
    ):
        await _compare(
            "run one statement on a pooled connection",
            {"with reset": select_on(resetting_pool), "without reset": select_on(pool)},
        )


async def _pending_list(environment: BenchEnvironment) -> None:
    """Measure how the limit of the pending list of the GIN index affects searches and logins.

    Each login adds entries to the pending list. Each search reads the whole list. The login that fills it moves its
    entries into the index.
    """
    await environment.create_database("pending")
    async with environment.connect("/pending") as connection:
        company = await seed_data.create_company(connection, "acme", 100_000, 1)
        ids = await connection.fetch("SELECT id FROM user_account ORDER BY id LIMIT $1", 2 * LOGINS)
    search_ms: dict[str, float] = {}
    longest_update_ms: dict[str, float] = {}
    for name, kib, users in (("4 MiB", 4096, ids[:LOGINS]), ("64 KiB", 64, ids[LOGINS:])):
        # Use a new connection, because a connection caches query plans.
        async with environment.connect("/pending") as connection:
            await connection.execute("SELECT gin_clean_pending_list('user_by_text')")
            await connection.execute(f"ALTER INDEX user_by_text SET (gin_pending_list_limit = {kib})")
            first, rest = users[: LOGINS // 3], users[LOGINS // 3 :]
            updates = [await _ms(connection.execute(UPDATE_LAST_LOGIN, row["id"])) for row in first]
            pattern = f"%{seed_data.surname(120)}%"
            searches = [await _ms(connection.fetch(SEARCH, company.id, pattern)) for _ in range(CALLS)]
            updates += [await _ms(connection.execute(UPDATE_LAST_LOGIN, row["id"])) for row in rest]
            search_ms[name], longest_update_ms[name] = statistics.median(searches), max(updates)
    _print(f"search after {LOGINS // 3} logins, by the size of the pending list of the GIN index, ms", search_ms)
    _print(f"longest of {LOGINS} updates at a login, by the same size, ms", longest_update_ms)


async def _ms(statement: Awaitable[object]) -> float:
    started = time.perf_counter()
    await statement
    return (time.perf_counter() - started) * 1000


async def _qr_codes() -> None:
    async def best_mask() -> object:
        return QrCode(QR_CODE_TEXT).svg()

    async def one_mask() -> object:
        return segno.make_qr(QR_CODE_TEXT, error="m", mask=0).svg_inline()

    await _compare("render a QR code", {"best of eight masks": best_mask, "one fixed mask (not kept)": one_mask})


async def _delays() -> None:
    renderer, cpython_interval = QrRenderer(), sys.getswitchinterval()

    async def render_on_the_loop() -> None:
        QrCode(QR_CODE_TEXT).svg()

    async def render_in_a_thread() -> None:
        await renderer.run(QrCode(QR_CODE_TEXT).svg)

    async def collect() -> None:
        gc.collect()

    try:
        delays = {
            "on the event loop": await _delay(render_on_the_loop),
            "in a thread": await _delay(render_in_a_thread),
        }
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        delays["in a thread, with our switch interval"] = await _delay(render_in_a_thread)
        _print("p99 of the delay of the event loop while QR codes are rendered, ms", delays)
        delays = {"without gc.freeze": await _delay(collect)}
        gc.freeze()
        delays["with gc.freeze"] = await _delay(collect)
        _print("p99 of the delay of the event loop during full garbage collections, ms", delays)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(cpython_interval)
        renderer.close()


async def _delay(work: Microbenchmark) -> float:
    """Return the p99 of the delay of a 1 ms sleep while `work` runs, in milliseconds."""
    delays = []

    async def sleep_repeatedly() -> None:
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            delays.append((time.perf_counter() - due) * 1000)

    sleeper = asyncio.create_task(sleep_repeatedly())
    for _ in range(CALLS):
        await work()
        await asyncio.sleep(0.005)
    sleeper.cancel()
    return p99(delays)


async def _compare(label: str, microbenchmarks: dict[str, Microbenchmark]) -> None:
    """Run the microbenchmarks in turn and print the shortest CPU time of each."""
    cpu_ms: dict[str, list[float]] = {name: [] for name in microbenchmarks}
    for _ in range(ROUNDS):
        for name, microbenchmark in microbenchmarks.items():
            started = time.process_time()
            for _ in range(CALLS):
                await microbenchmark()
            cpu_ms[name].append((time.process_time() - started) * 1000 / CALLS)
    _print(f"{label}, CPU ms", {name: min(times) for name, times in cpu_ms.items()})


def _print(label: str, values: Mapping[str, float]) -> None:
    sys.stdout.write(f"{label}: {', '.join(f'{name} {value:.3f}' for name, value in values.items())}\n")


if __name__ == "__main__":
    main()
