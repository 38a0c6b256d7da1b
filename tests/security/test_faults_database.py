"""Database faults. After a fault the state is the old or the new one."""

import asyncio
import logging
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from tortoise.backends.sqlite.client import SqliteClient

import models
from models import database, database_url
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import PostgresTemplate, SqliteTemplate
from tests.support.factories import FactoryUser
from tests.support.proxy import Moment, Proxy, proxy_to
from tests.support.scenarios import SCENARIO_BY_NAME, SCENARIOS, Request, Scenario, account_state, broken_invariants
from tests.support.selections import mutation_with_everything

UNAVAILABLE = "SERVICE_UNAVAILABLE"
# An operation cannot select all fields of all members of this union.
MEMBERS = {"acknowledgeBackupCodes": "TwoFactorActivated"}
# No scenario executes more statements.
MAX_STATEMENTS = 80


@pytest.fixture
async def postgres_url(migrated_postgres: PostgresTemplate) -> AsyncIterator[str]:
    """Return the URL of a PostgreSQL database."""
    url = await asyncio.to_thread(migrated_postgres.copy)
    yield url
    await asyncio.to_thread(migrated_postgres.drop, url)


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """Return a proxy to PostgreSQL that can break connections."""
    async with proxy_to(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def harness(proxy: Proxy, clock: Clock) -> AsyncIterator[AppHarness]:
    """Return the application, connected to PostgreSQL through the proxy."""
    async with app_harness(Settings(database_url=proxy.url, database_pool_size=2), clock) as harness:
        yield harness


@pytest.fixture
def sqlite_path(migrated_sqlite: SqliteTemplate) -> Path:
    """Return the path of a SQLite database."""
    return Path(migrated_sqlite.copy().removeprefix("sqlite://"))


@pytest.fixture
async def sqlite_harness(sqlite_path: Path, clock: Clock) -> AsyncIterator[AppHarness]:
    """Return the application on SQLite."""
    async with app_harness(Settings(database_url=f"sqlite://{sqlite_path}"), clock) as harness:
        yield harness


async def state(harness: AppHarness, user: FactoryUser) -> dict[str, Any]:
    """Return the state of the account, and check its invariants."""
    async with harness.services.database.transaction():
        assert await broken_invariants(user) == []
        return await account_state(user)


async def attempt_counts(harness: AppHarness) -> int:
    """Return the number of failed attempts."""
    async with harness.services.database.reading():
        return sum([limit.failures for limit in await models.AttemptCount.all()])


async def prepare(harness: AppHarness, scenario: Scenario, clock: Clock) -> tuple[Request, dict[str, Any]]:
    """Prepare a request. Return it with the state of the account."""
    request = await scenario.prepare(harness.factory, clock())
    return request, await state(harness, request.affected_user)


async def run(harness: AppHarness, scenario: Scenario, clock: Clock) -> dict[str, Any]:
    """Run a scenario for a new user without any fault. Return the new state."""
    request, _ = await prepare(harness, scenario, clock)
    assert await harness.outcome(request) == scenario.success_type
    return await state(harness, request.affected_user)


@pytest.mark.attack("K1")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_lost_connection_at_any_statement_leaves_the_old_or_the_new_state(
    harness: AppHarness, proxy: Proxy, clock: Clock, scenario: Scenario
) -> None:
    """Break the connection at each statement of each mutation, and also after a commit before its response arrives."""
    new = await run(harness, scenario, clock)
    number, moment = 1, Moment.BEFORE
    while number < MAX_STATEMENTS:
        request, old = await prepare(harness, scenario, clock)
        failures_before = await attempt_counts(harness)
        proxy.break_at(number, moment)
        outcome = await harness.outcome(request)
        statements, has_broken = proxy.statements, proxy.has_broken
        proxy.break_at(None)
        context = f"cut {moment.value}, number {number}: {statements[-1:]}"
        after = await state(harness, request.affected_user)
        if not has_broken:
            assert (outcome, after) == (scenario.success_type, new)
            break
        is_commit = statements[number - 1].startswith("COMMIT")
        if outcome == scenario.success_type:
            # The connection broke after the commit.
            assert after == new, context
        else:
            assert outcome == UNAVAILABLE, context
            assert after in ([old, new] if is_commit and moment is Moment.AFTER else [old]), context
        assert await attempt_counts(harness) <= failures_before + 1, context
        # The pool recovers without help: the next request uses it.
        if is_commit and moment is Moment.BEFORE:
            moment = Moment.AFTER
        else:
            number, moment = number + 1, Moment.BEFORE
    assert 2 < number < MAX_STATEMENTS


@pytest.mark.attack("K1")
@pytest.mark.parametrize("name", ["login", "acknowledgeBackupCodes", "changePassword"])
async def test_lost_connection_after_a_commit_leaves_the_answer(proxy: Proxy, clock: Clock, name: str) -> None:
    """The result selects everything, also lists that the server reads after the commit. It is null if nothing changed.

    Each list that cannot be read has an error. `sessions` cannot be null, and always has the current session.
    """
    has_failed: set[str] = set()
    settings = Settings(database_url=proxy.url, database_pool_size=2, cost_per_minute=10**6)
    async with app_harness(settings, clock) as harness:
        for number in range(1, MAX_STATEMENTS):
            request, old = await prepare(harness, SCENARIO_BY_NAME[name], clock)
            request = replace(request, query=mutation_with_everything(name, MEMBERS.get(name, "")))
            proxy.break_at(number)
            result = (await harness.post(request)).json()
            has_broken = proxy.has_broken
            proxy.break_at(None)
            has_changed = await state(harness, request.affected_user) != old
            assert (result["data"][name] is not None) is has_changed, proxy.statements[-1:]
            if has_changed:
                for error in result.get("errors", ()):
                    if error["path"][-1] == "statistics":
                        # A member may not read them.
                        continue
                    assert error["extensions"]["code"] == UNAVAILABLE
                    has_failed.add(error["path"][2])
                assert any(session["current"] for session in result["data"][name]["viewer"]["sessions"])
            if not has_broken:
                break
    assert has_failed == {
        "devices", "sessions", "securityEvents", "authenticators", "company", "lockedUntil", "lockedSecondFactors",
        "sessionCount", "deviceCount",
    }  # fmt: skip


@pytest.mark.attack("K1")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_unreachable_server_changes_nothing_and_the_application_reconnects(
    harness: AppHarness, proxy: Proxy, clock: Clock, scenario: Scenario
) -> None:
    """While no connection works, the outcome is `SERVICE_UNAVAILABLE`. Afterwards the same request succeeds."""
    request, old = await prepare(harness, scenario, clock)

    proxy.go_down()
    assert await harness.outcome(request) == UNAVAILABLE
    assert await harness.outcome(request) == UNAVAILABLE

    proxy.come_back()
    assert await state(harness, request.affected_user) == old
    assert await harness.outcome(request) == scenario.success_type


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
# The trigger fails at the statement or at the commit.
TRIGGERS = {
    "statement": FAILING_TRIGGER.format("{}", "BEFORE INSERT", "FOR EACH ROW"),
    "commit": FAILING_TRIGGER.format("{}", "AFTER INSERT", "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW").replace(
        "CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER"
    ),
}


@pytest.mark.attack("K3")
@pytest.mark.parametrize("at", TRIGGERS)
@pytest.mark.parametrize("sqlstate", SQLSTATES.values(), ids=SQLSTATES)
async def test_postgresql_error_changes_nothing_and_can_be_retried(
    harness: AppHarness, postgres_url: str, clock: Clock, sqlstate: str, at: str
) -> None:
    """If a statement or a commit fails, state, emails and events stay. The outcome is `SERVICE_UNAVAILABLE`."""
    scenario = SCENARIO_BY_NAME["verifyLogin with a backup code"]
    request, old = await prepare(harness, scenario, clock)
    connection = await asyncpg.connect(**_connection_arguments(postgres_url))
    try:
        await connection.execute(TRIGGERS[at].format(sqlstate))
        assert await harness.outcome(request) == UNAVAILABLE
        assert await state(harness, request.affected_user) == old
        await connection.execute("DROP FUNCTION fail() CASCADE")
        assert await harness.outcome(request) == scenario.success_type
    finally:
        await connection.close()


@pytest.mark.attack("K3")
async def test_wait_for_a_row_lock_is_bounded(
    postgres_url: str, proxy: Proxy, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another connection locks the user's row, the request fails after the lock timeout and changes nothing."""
    monkeypatch.setattr(database_url, "LOCK_TIMEOUT_MS", 200)
    scenario = SCENARIO_BY_NAME["verifyLogin with an OTP"]
    async with app_harness(Settings(database_url=proxy.url), clock) as harness:
        request, old = await prepare(harness, scenario, clock)
        connection = await asyncpg.connect(**_connection_arguments(postgres_url))
        try:
            async with connection.transaction():
                await connection.execute("SELECT * FROM user_account FOR UPDATE")
                assert await harness.outcome(request) == UNAVAILABLE
        finally:
            await connection.close()
        assert await state(harness, request.affected_user) == old
        assert await attempt_counts(harness) == 0
        assert await harness.outcome(request) == scenario.success_type


@pytest.mark.attack("K3")
async def test_wait_for_a_pool_connection_is_bounded(
    harness: AppHarness, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If both connections are in use, the request fails in bounded time and counts no attempt."""
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.2)
    scenario = SCENARIO_BY_NAME["verifyLogin with an OTP"]
    request, old = await prepare(harness, scenario, clock)

    async with harness.services.database.reading(), harness.services.database.reading():
        began = time.monotonic()
        assert await harness.outcome(request) == UNAVAILABLE
        # Much longer than it takes, even on a busy machine.
        assert time.monotonic() - began < 5

    assert await attempt_counts(harness) == 0
    assert await state(harness, request.affected_user) == old
    assert await harness.outcome(request) == scenario.success_type


class _Canceller(logging.Handler):
    """Cancels a task at a statement, given by its number."""

    def __init__(self, task: "asyncio.Task[Any]", number: int) -> None:
        super().__init__(logging.DEBUG)
        self._task = task
        self._left = number

    def emit(self, _record: logging.LogRecord) -> None:
        self._left -= 1
        if self._left == 0:
            self._task.cancel()


async def _cancel_at(harness: AppHarness, request: Request, number: int) -> bool:
    """Send a request and cancel it at a statement. Return whether it was cancelled."""
    task = asyncio.create_task(harness.post(request))
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


@pytest.mark.attack("H11")
@pytest.mark.parametrize("name", ["verifyLogin with an OTP", "acknowledgeBackupCodes", "updateSecurityPolicy"])
async def test_cancelled_request_leaves_no_lock_and_no_partial_change(
    database_url: str, clock: Clock, name: str
) -> None:
    """A server that stops cancels its requests. The next request on the same connection succeeds."""
    scenario = SCENARIO_BY_NAME[name]
    async with app_harness(Settings(database_url=database_url, database_pool_size=1), clock) as harness:
        new = await run(harness, scenario, clock)
        number, was_cancelled = 1, True
        while was_cancelled:
            request, old = await prepare(harness, scenario, clock)
            was_cancelled = await _cancel_at(harness, request, number)
            assert await state(harness, request.affected_user) in (old, new)
            number += 1
        assert number > 5
        assert await state(harness, request.affected_user) == new


@pytest.mark.attack("K2")
async def test_wait_for_the_sqlite_write_lock_is_bounded(
    sqlite_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of many requests fails in time and counts no attempt. When the lock is gone, the requests succeed."""
    monkeypatch.setattr(database_url, "STATEMENT_TIMEOUT_MS", 300)
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.5)
    async with app_harness(Settings(database_url=f"sqlite://{sqlite_path}"), clock) as harness:
        prepared = [(scenario, *await prepare(harness, scenario, clock)) for scenario in SCENARIOS]
        with _write_lock_held(sqlite_path):
            began = time.monotonic()
            outcomes = await asyncio.gather(*(harness.outcome(request) for _, request, _ in prepared))
            assert set(outcomes) == {UNAVAILABLE}
            # Much longer than it takes, even on a busy machine. Without a bound it would be the sum of all timeouts.
            assert time.monotonic() - began < 3
        assert await attempt_counts(harness) == 0
        for scenario, request, old in prepared:
            assert await state(harness, request.affected_user) == old
            assert await harness.outcome(request) == scenario.success_type
    _assert_integrity(sqlite_path)


@pytest.mark.attack("H11", "K2")
async def test_request_cancelled_during_the_wait_leaves_no_open_transaction(
    sqlite_harness: AppHarness, sqlite_path: Path, clock: Clock
) -> None:
    """SQLite grants the lock after the cancellation. The next request can still begin a transaction."""
    scenario = SCENARIO_BY_NAME["verifyLogin with an OTP"]
    request, old = await prepare(sqlite_harness, scenario, clock)
    connection = sqlite_harness.services.database.connection
    assert isinstance(connection, SqliteClient)

    with _write_lock_held(sqlite_path):
        task = asyncio.create_task(sqlite_harness.post(request))
        while not connection._lock.locked():  # noqa: ASYNC110  # the lock has no event
            await asyncio.sleep(0)
        # Let the connection pass BEGIN to its thread.
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])

    assert await state(sqlite_harness, request.affected_user) == old
    assert await sqlite_harness.outcome(request) == scenario.success_type


@pytest.mark.attack("K2")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("fault", ["PRAGMA max_page_count = 1", "PRAGMA query_only = ON"], ids=["full", "read-only"])
async def test_full_disk_or_read_only_file_changes_nothing_and_can_be_retried(
    sqlite_harness: AppHarness, sqlite_path: Path, clock: Clock, scenario: Scenario, fault: str
) -> None:
    """The outcome is `SERVICE_UNAVAILABLE`. When there is space again, the same request succeeds."""
    request, old = await prepare(sqlite_harness, scenario, clock)
    connection = sqlite_harness.services.database.connection

    # SQLite raises the maximum to the current number of pages, of which few are empty.
    await connection.execute_query(fault)
    outcomes = {await sqlite_harness.outcome(request) for _ in range(2)}
    await connection.execute_query("PRAGMA max_page_count = 1000000")
    await connection.execute_query("PRAGMA query_only = OFF")

    if "query_only" in fault:
        assert outcomes == {UNAVAILABLE}
    # A change that fits into the existing pages succeeds as a whole.
    assert (await state(sqlite_harness, request.affected_user) == old) is (scenario.success_type not in outcomes)
    if scenario.success_type not in outcomes:
        assert await sqlite_harness.outcome(request) == scenario.success_type
    _assert_integrity(sqlite_path)


@pytest.mark.attack("K2")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_full_disk_at_the_commit_changes_nothing_and_can_be_retried(
    sqlite_harness: AppHarness, sqlite_path: Path, clock: Clock, scenario: Scenario
) -> None:
    """The write-ahead log cannot grow, so no commit succeeds. No transaction stays open."""
    request, old = await prepare(sqlite_harness, scenario, clock)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal_size = await asyncio.to_thread(lambda: Path(f"{sqlite_path}-wal").stat().st_size)

    resource.setrlimit(resource.RLIMIT_FSIZE, (wal_size, limits[1]))
    try:
        outcomes = {await sqlite_harness.outcome(request) for _ in range(2)}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert outcomes == {UNAVAILABLE}
    assert await state(sqlite_harness, request.affected_user) == old
    assert await sqlite_harness.outcome(request) == scenario.success_type
    _assert_integrity(sqlite_path)


def _assert_integrity(path: Path) -> None:
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


def _connection_arguments(url: str) -> dict[str, Any]:
    """Return arguments for asyncpg to connect without the proxy."""
    parts = urlsplit(url)
    return {
        "host": parse_qs(parts.query).get("host", [parts.hostname])[0],
        "port": parts.port or 5432,
        "user": parts.username or "postgres",
        "password": parts.password,
        "database": parts.path[1:],
    }
