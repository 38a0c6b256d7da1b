"""Measure the cleanup: fill each database with expired and live rows of each kind, and let the cleanup delete them.

Usage: `python -m tools.bench.cleanup` or `make bench-cleanup`. For each kind it prints the wall time, the number of
passes (one transaction each), and the CPU time of the database: in the slowest pass, in the median one, in the first
pass of the next cleanup, and in those after it. The next cleanup reads the index entries of all deleted rows and marks
them as dead, unless PostgreSQL has vacuumed the index. At the start PostgreSQL has no statistics of the columns. Each
expired challenge is that of another user. One of a thousand users gets a warning, the others got it before.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from accounts import cleanup
from accounts.services import Services
from app import CLEANUP_PAUSES_S
from mail import emails
from models.database import Database
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from tests.support.databases import DIALECTS, database_of
from tools.bench.environment import POSTGRES_OPTIONS
from tools.bench.processes import cpu_seconds
from tools.bench.seed_data import KEYS

NOW = datetime(2026, 11, 24, 13, 5, 10, tzinfo=UTC)
# A row with this time has expired, whatever its kind.
LONG_AGO = NOW - timedelta(days=100)
EMPTY_PASSES = 50
# One of this many users has not got the warning about a lapsed challenge yet.
USERS_PER_WARNING = 1_000
WARNINGS_SENT = json.dumps({emails.login_not_completed.__name__: NOW.isoformat()})

SERIES = "WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"
COMPANY = """
    INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
    VALUES (bench_uuid('company'), 'Bench', false, true, bench_time('old', 0))
"""
USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
        is_enabled, created_at, last_login_at, backup_codes_remaining, warnings_sent)
    {series} SELECT bench_uuid('user {age} ' || n), bench_uuid('company'), '{age}' || n, '{age}' || n, '', '', '',
        'MEMBER', '', true, bench_time('old', n), bench_time('old', n), 0, bench_warnings(n) FROM series
"""
SESSIONS = """
    INSERT INTO session (id, token_hash, user_id, created_at, last_seen_at, expires_at, ip_address, user_agent)
    {series} SELECT bench_uuid('session {age} {which} ' || n), bench_hash('{age} {which} ' || n),
        bench_uuid('user {age} ' || n), bench_time('old', n), bench_time('{last_seen}', n),
        bench_time('{expires}', n), '192.0.2.1',
        'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
    FROM series
"""
COUNTS = """
    INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, last_attempt_at)
    {series} SELECT bench_hash('{age} ' || n), '{factor}', 1, 1, bench_time('{age}', n) FROM series
"""
ROWS = {
    "expired challenges": """
        INSERT INTO challenge (id, token_hash, user_id, transport, created_at, expires_at, ip_address, user_agent)
        {series} SELECT bench_uuid('challenge {age} ' || n), bench_hash('{age} ' || n), bench_uuid('user {age} ' || n),
            'COOKIE', bench_time('old', n), bench_time('{age}', n), '192.0.2.1', 'Firefox' FROM series
    """,
    "expired activations": """
        INSERT INTO activation (id, token_hash, user_id, encrypted_secret, key_id, last_step, attempts, created_at,
            expires_at)
        {series} SELECT bench_uuid('activation {age} ' || n), bench_hash('{age} ' || n), bench_uuid('user {age} ' || n),
            bench_bytes(), 'bench', 0, 0, bench_time('old', n), bench_time('{age}', n) FROM series
    """,
    "expired replacements of backup codes": """
        INSERT INTO backup_code_replacement (id, token_hash, user_id, salt, code_hashes, created_at, expires_at)
        {series} SELECT bench_uuid('replacement {age} ' || n), bench_hash('{age} ' || n),
            bench_uuid('user {age} ' || n), bench_bytes(), bench_hash('{age} ' || n), bench_time('old', n),
            bench_time('{age}', n) FROM series
    """,
    "expired sessions": SESSIONS.replace("{which}", "expired")
    .replace("{expires}", "{age}")
    .replace("{last_seen}", "new"),
    "idle sessions": SESSIONS.replace("{which}", "idle").replace("{expires}", "new").replace("{last_seen}", "{age}"),
    "sent emails": """
        INSERT INTO email_outbox (id, kind, recipient_email, recipient_name, locale, facts, created_at, state, tries,
            next_try_at, sent_at)
        {series} SELECT bench_uuid('email {age} ' || n), 'password_changed', 'somebody@somewhere.example', 'Some Body',
            'en', '{{"at": "2026-11-24T13:05:10+00:00", "ip_address": "192.0.2.1", "user_agent": "Firefox"}}',
            bench_time('old', n), 'SENT', 1, bench_time('{age}', n), bench_time('{age}', n) FROM series
    """,
    "idle known devices": """
        INSERT INTO known_device (id, token_hash, user_id, user_agent, first_seen_at, last_seen_at)
        {series} SELECT bench_uuid('device {age} ' || n), bench_hash('{age} ' || n), bench_uuid('user {age} ' || n),
            'Firefox', bench_time('old', n), bench_time('{age}', n) FROM series
    """,
    "idle attempt counts of passwords": COUNTS.replace("{factor}", "PASSWORD"),
    "idle attempt counts of sessions": COUNTS.replace("{factor}", "REAUTHENTICATION"),
    "idle attempt counts of second factors in sessions": COUNTS.replace("{factor}", "SESSION_FACTOR"),
    "idle attempt counts of known devices": COUNTS.replace("{factor}", "KNOWN_DEVICE"),
    "events of unknown emails": """
        INSERT INTO security_event (id, kind, occurred_at, ip_address, user_agent)
        {series} SELECT bench_uuid('event {age} ' || n), 'LOGIN_FAILED', bench_time('{age}', n), '192.0.2.1', 'Firefox'
        FROM series
    """,
}
# The functions that the statements above call, for PostgreSQL. SQLite gets functions of Python.
POSTGRES_FUNCTIONS = f"""
    CREATE FUNCTION bench_uuid(text) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT md5($1)::uuid';
    CREATE FUNCTION bench_hash(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT md5($1) || md5($1)';
    CREATE FUNCTION bench_bytes() RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT decode(repeat(''00'', 60), ''hex'')';
    CREATE FUNCTION bench_time(text, int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
        'SELECT CASE $1 WHEN ''old'' THEN timestamptz ''{LONG_AGO}'' ELSE ''{NOW}'' END + $2 * interval ''1 ms''';
    CREATE FUNCTION bench_warnings(int) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
        'SELECT CASE WHEN $1 % {USERS_PER_WARNING} > 0 THEN jsonb ''{WARNINGS_SENT}'' END';
"""
# The indexes that belong to no constraint. They are created after the rows, which is faster.
INDEXES = {
    "sqlite": "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgres": """
        SELECT indexname, indexdef, tablename FROM pg_indexes
        WHERE schemaname = 'public' AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))
    """,
}
# The cleanup reads users by their primary key only, so their other indexes are not created again.
USER_TABLE = "user_account"


@dataclass(frozen=True)
class Measurement:
    """What the cleanup of one kind of rows cost. CPU times are those of the database."""

    kind: str
    rows: int
    seconds: float
    passes_ms: Sequence[float]
    # The first pass that finds nothing, and the mean of the later ones.
    next_pass_ms: float
    empty_pass_ms: float

    def __str__(self) -> str:
        """Format the measurement as a row of the table."""
        return (
            f"  {self.kind:<50} {self.rows:>9} {self.seconds:>8.1f} {len(self.passes_ms):>7}"
            f" {max(self.passes_ms):>10.2f} {statistics.median(self.passes_ms):>9.2f}"
            f" {self.next_pass_ms:>8.2f} {self.empty_pass_ms:>8.2f}"
        )


async def fill(url: str, *, rows: int, live: int) -> None:
    """Insert `rows` expired rows and `live` live rows of each kind."""
    statements = [COMPANY, *_fill_statements("old", rows), *_fill_statements("new", live)]
    if url.startswith("sqlite://"):
        _fill_sqlite(url.removeprefix("sqlite://"), statements)
    else:
        await _fill_postgres(url, statements)


def _fill_statements(age: str, rows: int) -> list[str]:
    series = SERIES.format(rows=rows)
    return [each.format(series=series, age=age) for each in (USERS, *ROWS.values())] if rows else []


def _fill_sqlite(path: str, statements: Sequence[str]) -> None:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def moment(age: str, number: int) -> str:
        return ((LONG_AGO if age == "old" else NOW) + timedelta(milliseconds=number)).isoformat(" ")

    def warnings(number: int) -> str | None:
        return WARNINGS_SENT if number % USERS_PER_WARNING else None

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("bench_uuid", 1, lambda text: str(UUID(md5(text))), deterministic=True)
        connection.create_function("bench_hash", 1, lambda text: md5(text) * 2, deterministic=True)
        connection.create_function("bench_bytes", 0, lambda: bytes(60), deterministic=True)
        connection.create_function("bench_time", 2, moment, deterministic=True)
        connection.create_function("bench_warnings", 1, warnings, deterministic=True)
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute("BEGIN")
        indexes = connection.execute(INDEXES["sqlite"]).fetchall()
        for name, _, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for statement in (*statements, *(definition for _, definition, table in indexes if table != USER_TABLE)):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _fill_postgres(url: str, statements: Sequence[str]) -> None:
    credentials = Database(url).config["connections"]["postgres"]["credentials"]
    names = ("host", "port", "user", "password", "database")
    connection = await asyncpg.connect(**{name: credentials[name] for name in names})
    try:
        # The generated rows satisfy the foreign keys.
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '1GB'")
        await connection.execute(POSTGRES_FUNCTIONS)
        indexes = [tuple(row) for row in await connection.fetch(INDEXES["postgres"])]
        for name, _, _ in indexes:
            await connection.execute(f'DROP INDEX "{name}"')
        for statement in (*statements, *(definition for _, definition, table in indexes if table != USER_TABLE)):
            await connection.execute(statement)
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def measure(url: str) -> AsyncIterator[Measurement]:
    """Delete the expired rows of one kind after the other, as the server does, and measure each kind."""
    hashing = HashingPool(workers=1)
    try:
        for name, kind in cleanup.KINDS.items():
            # One connection, so that one process of PostgreSQL does all the work. A new one for each kind, since
            # asyncpg replaces a connection after 50,000 statements.
            database = Database(url, pool_size=1)
            limiter = IpRateLimiter(failures_allowed=1)
            services = Services(database, KeyRing.parse(KEYS), hashing, limiter, "Countersign", lambda: NOW)
            await database.open()
            try:
                yield await _measure_kind(services, name, kind)
            finally:
                await database.close()
    finally:
        hashing.close()


async def _measure_kind(services: Services, name: str, kind: cleanup.ExpiringRows) -> Measurement:
    cpu_s = await _cpu_clock(services.database)
    passes_ms: list[float] = []
    rows, started, before = 0, time.perf_counter(), cpu_s()
    async for deleted in cleanup.delete_expired_rows_of(services, kind):
        passes_ms.append((cpu_s() - before) * 1000)
        rows += deleted
        await asyncio.sleep(CLEANUP_PAUSES_S[services.database.dialect])
        before = cpu_s()
    seconds = time.perf_counter() - started
    empty_passes_ms: list[float] = []
    for _ in range(EMPTY_PASSES):
        before = cpu_s()
        assert [deleted async for deleted in cleanup.delete_expired_rows_of(services, kind)] == [0]
        empty_passes_ms.append((cpu_s() - before) * 1000)
    first, *later = empty_passes_ms
    return Measurement(name, rows, seconds, passes_ms, first, statistics.mean(later))


async def _cpu_clock(database: Database) -> Callable[[], float]:
    """Return a function that returns the CPU seconds of the database."""
    if database.dialect == "sqlite":
        # SQLite runs in a thread of its own. The other threads are idle, except for the one that runs this code.
        return lambda: time.process_time() - time.thread_time()
    (row,) = await database.connection.execute_query_dict("SELECT pg_backend_pid() AS pid")
    return lambda: cpu_seconds(row["pid"])


async def _run(dialect: str, url: str, *, rows: int, live: int) -> None:
    await fill(url, rows=rows, live=live)
    _print(f"{dialect}, batches of {cleanup.BATCHES[dialect]} rows, {live} live rows of each kind")
    columns = (("rows", 9), ("wall s", 8), ("passes", 7), ("max CPU ms", 10), ("median", 9), ("next", 8), ("empty", 8))
    _print(" ".join([f"  {'kind':<50}", *(f"{name:>{width}}" for name, width in columns)]))
    async for measurement in measure(url):
        _print(str(measurement))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fill the databases, run the cleanup and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000, help="expired rows of each kind (1,000,000)")
    parser.add_argument("--live", type=int, default=100_000, help="live rows of each kind (100,000)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to measure; both by default")
    given = parser.parse_args()
    for dialect in given.database or DIALECTS:
        with database_of(dialect, POSTGRES_OPTIONS) as url:
            asyncio.run(_run(dialect, url, rows=given.rows, live=given.live))


if __name__ == "__main__":
    main()
