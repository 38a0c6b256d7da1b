"""`python -m bench.trials`: what each thing that was tried gives, beside what it took the place of."""

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
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import asyncpg
import segno
import uvloop
from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from strawberry.extensions import ParserCache, ValidationCache

import models
from app import SWITCH_INTERVAL_S
from bench import people
from bench.load import p99
from bench.measures import VIEWER
from bench.people import KEYS
from bench.stage import POSTGRES_OPTIONS, Stage
from models import SecurityEventKind
from models.database import Database
from models.statements import insert
from resolvers.context import Context
from schema.root import create_schema
from tests.support.postgres import postgres_server
from transport.bodies import Parameters
from transport.cookies import SessionCookie
from transport.operations import DOCUMENTS_REMEMBERED, Operations
from twofactor.addresses import AddressLimiter
from twofactor.drawing import DrawingThread
from twofactor.environment import Client, Environment
from twofactor.hashing import HashingPool
from twofactor.rules import qr
from twofactor.rules.sealing import KeyRing
from twofactor.rules.tokens import TokenKind, token_hash
from twofactor.sessions import authenticate

TIMES = 200
ROUNDS = 9
SIGN_INS = 6_000
SIGN_IN = "UPDATE user_account SET last_login_at = now() WHERE id = $1"
SEARCH = r"""
    SELECT * FROM user_account WHERE company_id = $1 AND CAST(search_key AS VARCHAR) LIKE $2 ESCAPE '\'
    ORDER BY created_at DESC, id DESC LIMIT 26
"""
TEXT = "otpauth://totp/Countersign:somebody%40company.example?secret=" + 32 * "A" + "&issuer=Countersign&digits=6"

Trial = Callable[[], Awaitable[object]]


def main() -> None:
    """Try, and tell."""
    with (
        tempfile.TemporaryDirectory(prefix="countersign-trials-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        ProcessPoolExecutor(1) as unused,
    ):
        uvloop.run(_try(Stage(postgres, Path(folder), unused)))


async def _try(stage: Stage) -> None:
    url = await stage.make_database("trials")
    async with stage.connected("/trials") as connection:
        company = await people.make_company(connection, "acme", 1000, 10)
        (token,) = await people.sign_in(connection, [company.people[0].id])
    database = Database(url)
    await database.open()
    hashing = HashingPool(workers=1)
    env = Environment(database, KeyRing.parse(KEYS), hashing, AddressLimiter(failures_allowed=300), "Countersign")
    try:
        await _statements(env, token, company.people[0])
        await _documents(env, token)
        await _reset(stage)
        await _pending_list(stage)
        await _drawing()
        await _pauses()
    finally:
        hashing.close()
        await database.close()


async def _statements(env: Environment, token: str, person: people.Person) -> None:
    hashed = token_hash(TokenKind.SESSION, token)
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "kind": SecurityEventKind.LOGIN_SUCCEEDED, "company_id": None, "user_id": person.id, "actor_id": None,
        "occurred_at": now, "ip_address": "192.0.2.1", "user_agent": "bench", "note": None,
    }  # fmt: skip

    async def by_models() -> object:
        async with env.database.reading():
            return await models.Session.filter(token_hash=hashed).select_related("user__company").first()

    async def event_by_models() -> object:
        return await models.SecurityEvent.create(**event)

    async def event_written_out() -> None:
        await insert(models.SecurityEvent, id=uuid4(), **event)

    await _tell(
        "the look-up of a session", {"by the models": by_models, "written out": lambda: authenticate(env, token)}
    )
    await _tell("the insertion of an event", {"by the models": event_by_models, "written out": event_written_out})


async def _documents(env: Environment, token: str) -> None:
    def made() -> Context:
        return Context(env, Client(), SessionCookie(Request({"type": "http", "headers": []}), Response()), token)

    operations = Operations(create_schema(), introspection=False)
    types = set(OperationType)

    async def remembered() -> object:
        return await operations.run(Parameters(VIEWER, None, None), made(), types)

    async def anew() -> object:
        operations.document.cache_clear()
        return await remembered()

    remembering = create_schema()
    remembering.extensions = (lambda: ParserCache(DOCUMENTS_REMEMBERED), lambda: ValidationCache(DOCUMENTS_REMEMBERED))

    async def by_strawberry() -> object:
        return await remembering.execute(VIEWER, context_value=made())

    await _tell(
        "viewer { twoFactor { state } } in GraphQL",
        {"parsed and validated each time": anew, "remembered": remembered, "by Strawberry's extensions": by_strawberry},
    )
    answer = {"data": {"viewer": {"twoFactor": {"state": "ACTIVE"}}}}

    async def dump() -> object:
        return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode("ascii")

    await _tell("the JSON of its answer", {"by json, all there is to gain": dump})


async def _reset(stage: Stage) -> None:
    async def leave(_connection: object) -> None:
        pass

    def using(pool: asyncpg.Pool) -> Trial:
        async def use() -> object:
            async with pool.acquire() as connection:
                return await connection.fetchval("SELECT $1::int", 1)

        return use

    options = {
        "host": parse_qs(stage.postgres.query)["host"][0], "user": "postgres", "database": "trials", "max_size": 1,
        "min_size": 1,
    }  # fmt: skip
    async with asyncpg.create_pool(**options) as tidy, asyncpg.create_pool(**options, reset=leave) as plain:
        await _tell("one statement on a connection of the pool", {"reset after": using(tidy), "left": using(plain)})


async def _pending_list(stage: Stage) -> None:
    """What sign-ins leave in the index of texts, and what a search and the sign-in that files it away make of it."""
    await stage.make_database("pending")
    async with stage.connected("/pending") as connection:
        company = await people.make_company(connection, "acme", 100_000, 1)
        ids = await connection.fetch("SELECT id FROM user_account ORDER BY id LIMIT $1", 2 * SIGN_INS)
    searched: dict[str, float] = {}
    longest: dict[str, float] = {}
    for name, kib, signing_in in (("4 MiB", 4096, ids[:SIGN_INS]), ("64 KiB", 64, ids[SIGN_INS:])):
        # A connection remembers plans.
        async with stage.connected("/pending") as connection:
            await connection.execute("SELECT gin_clean_pending_list('user_by_text')")
            await connection.execute(f"ALTER INDEX user_by_text SET (gin_pending_list_limit = {kib})")
            first, rest = signing_in[: SIGN_INS // 3], signing_in[SIGN_INS // 3 :]
            took = [await _ms(connection.execute(SIGN_IN, row["id"])) for row in first]
            pattern = f"%{people.surname(120)}%"
            found = [await _ms(connection.fetch(SEARCH, company.id, pattern)) for _ in range(TIMES)]
            took += [await _ms(connection.execute(SIGN_IN, row["id"])) for row in rest]
            searched[name], longest[name] = statistics.median(found), max(took)
    _told(f"a search after {SIGN_INS // 3} sign-ins, by how much waits to be filed at most, ms", searched)
    _told(f"the longest of {SIGN_INS} updates at a sign-in, the same, ms", longest)


async def _ms(statement: Awaitable[object]) -> float:
    began = time.perf_counter()
    await statement
    return (time.perf_counter() - began) * 1000


async def _drawing() -> None:
    async def chosen() -> object:
        return qr.qr_code(TEXT)

    async def fixed() -> object:
        return segno.make_qr(TEXT, error="m", mask=0)

    await _tell("making a QR code", {"the best of eight masks": chosen, "one mask (not kept)": fixed})


async def _pauses() -> None:
    drawing, cpython_interval = DrawingThread(), sys.getswitchinterval()

    async def on_the_loop() -> None:
        qr.qr_code(TEXT)

    async def in_a_thread() -> None:
        await drawing.run(qr.qr_code, TEXT)

    async def collect() -> None:
        gc.collect()

    try:
        found = {"on the event loop": await _late(on_the_loop), "in a thread": await _late(in_a_thread)}
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        found["with a switch interval of ours"] = await _late(in_a_thread)
        _told("while QR codes are made, the p99 of what the event loop is late, ms", found)
        found = {"as it is": await _late(collect)}
        gc.freeze()
        found["what was there at the start frozen"] = await _late(collect)
        _told("while all garbage is collected, the same, ms", found)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(cpython_interval)
        drawing.close()


async def _late(work: Trial) -> float:
    """How late the event loop is to wake who slept a millisecond, while work is done: the p99, in milliseconds."""
    found = []

    async def sleep_on() -> None:
        while True:
            due = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            found.append((time.perf_counter() - due) * 1000)

    sleeper = asyncio.create_task(sleep_on())
    for _ in range(TIMES):
        await work()
        await asyncio.sleep(0.005)
    sleeper.cancel()
    return p99(found)


async def _tell(what: str, trials: dict[str, Trial]) -> None:
    took: dict[str, list[float]] = {name: [] for name in trials}
    for _ in range(ROUNDS):
        for name, trial in trials.items():
            began = time.process_time()
            for _ in range(TIMES):
                await trial()
            took[name].append((time.process_time() - began) * 1000 / TIMES)
    _told(f"{what}, CPU ms", {name: min(times) for name, times in took.items()})


def _told(what: str, found: Mapping[str, float]) -> None:
    sys.stdout.write(f"{what}: {', '.join(f'{name} {value:.3f}' for name, value in found.items())}\n")


if __name__ == "__main__":
    main()
