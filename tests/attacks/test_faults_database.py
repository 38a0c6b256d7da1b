"""Faults of the database: attacks K1, K2, K3, E6 and H11. Afterwards the state is the old or the new one."""

import asyncio
import logging
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from tortoise.backends.sqlite.client import SqliteClient

import models
from attacks.deeds import BY_NAME, DEEDS, Deed, Request, broken_invariants, shape
from attacks.scenes import Person
from attacks.served import Served, served
from models import database
from settings import Settings
from tests.support.clock import Clock
from tests.support.databases import PostgresTemplate, SqliteTemplate
from tests.support.proxy import Moment, Proxy, proxy_to

UNAVAILABLE = "SERVICE_UNAVAILABLE"
# No deed takes more statements.
MOST_STATEMENTS = 80


@pytest.fixture
async def postgres_url(migrated_postgres: PostgresTemplate) -> AsyncIterator[str]:
    """A PostgreSQL database."""
    url = await asyncio.to_thread(migrated_postgres.copy)
    yield url
    await asyncio.to_thread(migrated_postgres.drop, url)


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """A way to it that can be broken."""
    async with proxy_to(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def service(proxy: Proxy, clock: Clock) -> AsyncIterator[Served]:
    """The application, which reaches PostgreSQL that way."""
    async with served(Settings(database_url=proxy.url, database_pool_size=2), clock) as service:
        yield service


@pytest.fixture
def sqlite_path(migrated_sqlite: SqliteTemplate) -> Path:
    """A SQLite database."""
    return Path(migrated_sqlite.copy().removeprefix("sqlite://"))


@pytest.fixture
async def file_service(sqlite_path: Path, clock: Clock) -> AsyncIterator[Served]:
    """The application on SQLite."""
    async with served(Settings(database_url=f"sqlite://{sqlite_path}"), clock) as service:
        yield service


async def state(service: Served, person: Person) -> dict[str, Any]:
    """Where the account stands; and nothing that must not be is."""
    async with service.env.database.transaction():
        assert await broken_invariants(person) == []
        return await shape(person)


async def budgets(service: Served) -> int:
    """How many attempts are counted as failed."""
    async with service.env.database.reading():
        return sum([budget.failures for budget in await models.AttemptBudget.all()])


async def prepare(service: Served, deed: Deed, clock: Clock) -> tuple[Request, dict[str, Any]]:
    """Come to the point where the deed can be done."""
    request = await deed.prepare(service.scene, clock())
    return request, await state(service, request.about)


async def do(service: Served, deed: Deed, clock: Clock) -> dict[str, Any]:
    """Do a deed on somebody new, without any fault. The state after it."""
    request, _ = await prepare(service, deed, clock)
    assert await service.answer(request) == deed.succeeds_as
    return await state(service, request.about)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
async def test_k1_a_connection_cut_at_every_statement_leaves_the_old_state_or_the_new_one(
    service: Served, proxy: Proxy, clock: Clock, deed: Deed
) -> None:
    """At each statement of each mutation, and once more when a commit's answer is on its way back."""
    new = await do(service, deed, clock)
    number, moment = 1, Moment.BEFORE
    while number < MOST_STATEMENTS:
        request, old = await prepare(service, deed, clock)
        failed_before = await budgets(service)
        proxy.break_at(number, moment)
        answer = await service.answer(request)
        statements, has_broken = proxy.statements, proxy.has_broken
        proxy.break_at(None)
        where = f"cut {moment.value}, number {number}: {statements[-1:]}"
        after = await state(service, request.about)
        if not has_broken:
            assert (answer, after) == (deed.succeeds_as, new)
            break
        is_commit = statements[number - 1].startswith("COMMIT")
        if answer == deed.succeeds_as:
            # Only what tidies up after the commit was cut off.
            assert after == new, where
        else:
            assert answer == UNAVAILABLE, where
            assert after in ([old, new] if is_commit and moment is Moment.AFTER else [old]), where
        assert await budgets(service) <= failed_before + 1, where
        # The pool has recovered by itself, for whoever comes next.
        if is_commit and moment is Moment.BEFORE:
            moment = Moment.AFTER
        else:
            number, moment = number + 1, Moment.BEFORE
    assert 2 < number < MOST_STATEMENTS


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
async def test_k1_a_server_that_is_away_changes_nothing_and_is_found_again_when_it_is_back(
    service: Served, proxy: Proxy, clock: Clock, deed: Deed
) -> None:
    """Every connection is broken and none can be made: the answer is typed; and then it goes on as if nothing was."""
    request, old = await prepare(service, deed, clock)

    proxy.go_down()
    assert await service.answer(request) == UNAVAILABLE
    assert await service.answer(request) == UNAVAILABLE

    proxy.come_back()
    assert await state(service, request.about) == old
    assert await service.answer(request) == deed.succeeds_as


SQLSTATES = {
    "serialization failure": "40001",
    "deadlock": "40P01",
    "statement timeout": "57014",
    "shutdown by an administrator": "57P01",
    "disk full": "53100",
    "out of memory": "53200",
    "too many connections": "53300",
    "lock not available": "55P03",
    "read-only after a failover": "25006",
}
FAILING_TRIGGER = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fault' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER fail {} ON security_event {} EXECUTE FUNCTION fail();
"""
# At the statement itself, or when the transaction commits.
TRIGGERS = {
    "statement": FAILING_TRIGGER.format("{}", "BEFORE INSERT", "FOR EACH ROW"),
    "commit": FAILING_TRIGGER.format("{}", "AFTER INSERT", "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW").replace(
        "CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER"
    ),
}


@pytest.mark.parametrize("at", TRIGGERS)
@pytest.mark.parametrize("sqlstate", SQLSTATES.values(), ids=SQLSTATES)
async def test_k3_what_postgresql_gives_up_changes_nothing_and_can_be_tried_again(
    service: Served, postgres_url: str, clock: Clock, sqlstate: str, at: str
) -> None:
    """Whether the statement fails or the commit: state, letter and event are the old ones, and the answer is typed."""
    deed = BY_NAME["verifyLogin by backup code"]
    request, old = await prepare(service, deed, clock)
    connection = await asyncpg.connect(**_direct(postgres_url))
    try:
        await connection.execute(TRIGGERS[at].format(sqlstate))
        assert await service.answer(request) == UNAVAILABLE
        assert await state(service, request.about) == old
        await connection.execute("DROP FUNCTION fail() CASCADE")
        assert await service.answer(request) == deed.succeeds_as
    finally:
        await connection.close()


async def test_k3_a_row_that_somebody_else_holds_is_waited_for_in_bounded_time(
    postgres_url: str, proxy: Proxy, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection holds the user's row: after the lock timeout the answer is typed, and nothing has changed."""
    monkeypatch.setattr(database, "LOCK_TIMEOUT_MS", 200)
    deed = BY_NAME["verifyLogin by OTP"]
    async with served(Settings(database_url=proxy.url), clock) as service:
        request, old = await prepare(service, deed, clock)
        connection = await asyncpg.connect(**_direct(postgres_url))
        try:
            async with connection.transaction():
                await connection.execute("SELECT * FROM user_account FOR UPDATE")
                assert await service.answer(request) == UNAVAILABLE
        finally:
            await connection.close()
        assert await state(service, request.about) == old
        assert await budgets(service) == 0
        assert await service.answer(request) == deed.succeeds_as


async def test_k3_an_exhausted_pool_refuses_in_bounded_time_before_anything_is_counted(
    service: Served, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both connections are in use for longer than a request may wait."""
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.2)
    deed = BY_NAME["verifyLogin by OTP"]
    request, old = await prepare(service, deed, clock)

    async with service.env.database.reading(), service.env.database.reading():
        began = time.monotonic()
        assert await service.answer(request) == UNAVAILABLE
        # Far longer than it should take, on a machine that does much else.
        assert time.monotonic() - began < 5

    assert await budgets(service) == 0
    assert await state(service, request.about) == old
    assert await service.answer(request) == deed.succeeds_as


class _Canceller(logging.Handler):
    """Ends a task at a statement of a given number."""

    def __init__(self, task: "asyncio.Task[Any]", number: int) -> None:
        super().__init__(logging.DEBUG)
        self._task = task
        self._left = number

    def emit(self, _record: logging.LogRecord) -> None:
        self._left -= 1
        if self._left == 0:
            self._task.cancel()


async def _end_at(service: Served, request: Request, number: int) -> bool:
    """Send a request, and end it at a statement. Whether it ended there."""
    task = asyncio.create_task(service.post(request))
    statements = logging.getLogger("tortoise.db_client")
    canceller = _Canceller(task, number)
    statements.addHandler(canceller)
    statements.setLevel(logging.DEBUG)
    try:
        await asyncio.wait([task])
    finally:
        statements.removeHandler(canceller)
        statements.setLevel(logging.NOTSET)
    return task.cancelled()


@pytest.mark.parametrize("name", ["verifyLogin by OTP", "acknowledgeBackupCodes", "updateSecurityPolicy"])
async def test_h11_a_request_that_ends_at_any_statement_leaves_no_lock_and_no_half_of_a_change(
    database_url: str, clock: Clock, name: str
) -> None:
    """As when a server stops in the middle: the next one on the same connections goes through."""
    deed = BY_NAME[name]
    async with served(Settings(database_url=database_url, database_pool_size=1), clock) as service:
        new = await do(service, deed, clock)
        number, was_ended = 1, True
        while was_ended:
            request, old = await prepare(service, deed, clock)
            was_ended = await _end_at(service, request, number)
            assert await state(service, request.about) in (old, new)
            number += 1
        assert number > 5
        assert await state(service, request.about) == new


async def test_k2_a_write_lock_that_another_process_holds_is_waited_for_in_bounded_time(
    sqlite_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many requests wait, each is told in time, nothing is counted, and all goes on when the lock is gone."""
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 300)
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.5)
    async with served(Settings(database_url=f"sqlite://{sqlite_path}"), clock) as service:
        prepared = [(deed, *await prepare(service, deed, clock)) for deed in DEEDS]
        with _write_lock_held(sqlite_path):
            began = time.monotonic()
            answers = await asyncio.gather(*(service.answer(request) for _, request, _ in prepared))
            assert set(answers) == {UNAVAILABLE}
            # Far longer than it should take, on a machine that does much else; without a bound it is the sum of all.
            assert time.monotonic() - began < 3
        assert await budgets(service) == 0
        for deed, request, old in prepared:
            assert await state(service, request.about) == old
            assert await service.answer(request) == deed.succeeds_as
    _require_sound(sqlite_path)


async def test_k2_h11_a_request_that_ends_while_it_waits_for_the_write_lock_leaves_no_transaction_open(
    file_service: Served, sqlite_path: Path, clock: Clock
) -> None:
    """SQLite gives it the lock after it has gone; whoever comes next can begin all the same."""
    deed = BY_NAME["verifyLogin by OTP"]
    request, old = await prepare(file_service, deed, clock)
    connection = file_service.env.database.connection
    assert isinstance(connection, SqliteClient)

    with _write_lock_held(sqlite_path):
        task = asyncio.create_task(file_service.post(request))
        while not connection._lock.locked():  # noqa: ASYNC110  # nobody tells when a lock is taken
            await asyncio.sleep(0)
        # BEGIN has been handed to the thread of the connection.
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])

    assert await state(file_service, request.about) == old
    assert await file_service.answer(request) == deed.succeeds_as


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
@pytest.mark.parametrize("fault", ["PRAGMA max_page_count = 1", "PRAGMA query_only = ON"], ids=["full", "read-only"])
async def test_k2_a_full_disk_or_a_read_only_file_changes_nothing_and_passes(
    file_service: Served, sqlite_path: Path, clock: Clock, deed: Deed, fault: str
) -> None:
    """The answer is typed, and where there is room again the same request goes through."""
    request, old = await prepare(file_service, deed, clock)
    connection = file_service.env.database.connection

    # SQLite takes the smallest number of pages that is possible: those that there are, of which few are empty.
    await connection.execute_query(fault)
    answers = {await file_service.answer(request) for _ in range(2)}
    await connection.execute_query("PRAGMA max_page_count = 1000000")
    await connection.execute_query("PRAGMA query_only = OFF")

    if "query_only" in fault:
        assert answers == {UNAVAILABLE}
    # What fits into the pages that there are has happened, as a whole.
    assert (await state(file_service, request.about) == old) is (deed.succeeds_as not in answers)
    if deed.succeeds_as not in answers:
        assert await file_service.answer(request) == deed.succeeds_as
    _require_sound(sqlite_path)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
async def test_k2_a_commit_that_the_disk_has_no_room_for_changes_nothing_and_passes(
    file_service: Served, sqlite_path: Path, clock: Clock, deed: Deed
) -> None:
    """The log of the database cannot grow: no commit gets through, and no transaction is left open by it."""
    request, old = await prepare(file_service, deed, clock)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size_of_log = await asyncio.to_thread(lambda: Path(f"{sqlite_path}-wal").stat().st_size)

    resource.setrlimit(resource.RLIMIT_FSIZE, (size_of_log, limits[1]))
    try:
        answers = {await file_service.answer(request) for _ in range(2)}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert answers == {UNAVAILABLE}
    assert await state(file_service, request.about) == old
    assert await file_service.answer(request) == deed.succeeds_as
    _require_sound(sqlite_path)


def _require_sound(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


HOLD_WRITE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
connection.close()
"""


@contextmanager
def _write_lock_held(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", HOLD_WRITE_LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield
        process.stdin.close()


def _direct(url: str) -> dict[str, Any]:
    """The database without the proxy, as asyncpg wants it."""
    parts = urlsplit(url)
    return {
        "host": parse_qs(parts.query).get("host", [parts.hostname])[0],
        "port": parts.port or 5432,
        "user": parts.username or "postgres",
        "password": parts.password,
        "database": parts.path[1:],
    }
