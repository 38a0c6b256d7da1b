"""Measure `Company.statistics` in a company account with a million users, on each database.

Usage: `python -m tools.bench.company_statistics` or `make bench-statistics`. It prints how long a read takes: after the
cleanup has folded all changes, with changes that it has not folded yet, and with logins of strangers that have to wait.
The last time is that of counting the users instead, as `totalCount` of the list does.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import models
from accounts import cleanup
from accounts.company_statistics import read_statistics
from accounts.directory import UserQuery, count_users
from accounts.entities import Company, Session, User
from accounts.permissions import Viewer
from accounts.services import Services
from models.database import Database
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from tests.support.databases import DIALECTS, database_of
from tools.bench.environment import POSTGRES_OPTIONS
from tools.bench.seed_data import KEYS

NOW = datetime(2026, 11, 24, 13, 5, 10, tzinfo=UTC)
COMPANY_ID = UUID(int=0)
ROUNDS = 200
# Changes of about one minute, between two cleanups.
CHANGES = 1_000

# Statements have a time limit.
ROWS_PER_STATEMENT = 20_000
SERIES = "WITH RECURSIVE series (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})"
ID = {
    "sqlite": "printf('00000000-0000-4000-8000-%012x', n)",
    "postgres": "('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
}
# 3 of 5 users have 2FA, 1 of 20 is an admin, and 1 of 10 is disabled. 1 of 1,000 is exempt from 2FA until one of 365
# days.
USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
        is_enabled, created_at, last_login_at, two_factor_activated_at, backup_codes_remaining, enforcement,
        exempt_until)
    {series} SELECT {id}, '{company}', 'user' || n, 'user' || n, '', '', '',
        CASE WHEN n % 20 = 0 THEN 'ADMIN' ELSE 'MEMBER' END, '', n % 10 <> 1, '{now}', '{now}',
        CASE WHEN n % 5 < 3 THEN CAST('{now}' AS {time}) END, n % 11,
        CASE WHEN n % 1000 = 7 THEN 'EXEMPT' ELSE 'AS_COMPANY' END,
        CASE WHEN n % 1000 = 7 THEN {days} END
    FROM series
"""
TIME = {"sqlite": "TEXT", "postgres": "TIMESTAMPTZ"}
DAYS = {
    "sqlite": "strftime('%Y-%m-%d', '2026-11-24', '+' || (n / 1000 % 365) || ' days') || ' 00:00:00+00:00'",
    "postgres": "timestamptz '2026-11-24 00:00:00+00:00' + (n / 1000 % 365) * interval '1 day'",
}
WAITS = """
    INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, undecided, last_attempt_at)
    {series} SELECT replace(CAST({id} AS VARCHAR(36)), '-', ''), 'OTP', 8, 8, 0, '{now}' FROM series
"""
# The indexes of the lists, which the statistics do not read. Without them the rows are inserted faster.
INDEXES_OF_LISTS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'user_account' AND sql IS NOT NULL",
    "postgres": """
        SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'user_account'
            AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))
    """,
}


async def fill(database: Database, *, users: int) -> None:
    """Insert a company account with users in different states. 2FA is enforced for everybody."""
    for row in await database.connection.execute_query_dict(INDEXES_OF_LISTS[database.dialect]):
        await database.connection.execute_query(f"DROP INDEX {row['name']}")
    async with database.transaction():
        await models.Company.create(id=COMPANY_ID, name="Bench", created_at=NOW, two_factor_enforced=True)
    await _insert(database, USERS, users)


async def _insert(database: Database, statement: str, rows: int) -> None:
    for first in range(1, rows + 1, ROWS_PER_STATEMENT):
        filled = statement.format(
            series=SERIES.format(first=first, last=min(first + ROWS_PER_STATEMENT - 1, rows)),
            id=ID[database.dialect],
            company=COMPANY_ID,
            now=NOW.isoformat(" "),
            time=TIME[database.dialect],
            days=DAYS[database.dialect],
        )
        async with database.transaction():
            await database.connection.execute_query(filled)
    if database.dialect == "postgres":
        await database.connection.execute_query("ANALYZE")


async def fold(services: Services) -> int:
    """Fold all changes as the cleanup does, and return their number."""
    return sum([folded async for folded in cleanup.fold_user_counts(services)])


async def time_ms(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> list[float]:
    """Return the time of each round."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        await work()
        times.append((time.perf_counter() - started) * 1000)
    return times


async def measure(url: str, *, users: int, waits: int) -> None:
    """Fill a database, and print the times."""
    database, hashing = Database(url), HashingPool(workers=1)
    services = Services(
        database, KeyRing.parse(KEYS), hashing, IpRateLimiter(failures_allowed=1), "Countersign", lambda: NOW
    )
    await database.open()
    try:
        await fill(database, users=users)
        started = time.perf_counter()
        folded = await fold(services)
        _print(f"  {folded} changes of the import folded in {time.perf_counter() - started:.1f} s")
        company = Company.of(await models.Company.get(id=COMPANY_ID))
        viewer = await _viewer()

        async def read() -> None:
            await read_statistics(services, company)

        _print_times("after the folding", await time_ms(read))
        async with database.transaction():
            ids = await models.User.all().order_by("id").limit(CHANGES).values_list("id", flat=True)
            await models.User.filter(id__in=ids).update(role="ADMIN", two_factor_activated_at=None)
        _print_times(f"with the changes of {CHANGES} users", await time_ms(read))
        await _insert(database, WAITS, waits)
        _print_times(f"with {waits} waits", await time_ms(read))
        _print_times("counted instead", await time_ms(lambda: count_users(services, viewer, UserQuery(1)), 3))
    finally:
        hashing.close()
        await database.close()


async def _viewer() -> Viewer:
    row = await models.User.filter(role="ADMIN").select_related("company").first()
    assert row is not None
    session = Session(row.id, NOW, NOW, NOW, None, None, current=True, second_factor=None, device_id=None)
    return Viewer(User.of(row, row.company), session)


def _print_times(name: str, times: list[float]) -> None:
    _print(f"  {name:<36} median {statistics.median(times):8.2f} ms, slowest {max(times):8.2f} ms")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=1_000_000, help="users of the company account (1,000,000)")
    parser.add_argument("--waits", type=int, default=1_000, help="users whose logins have to wait (1,000)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to measure; both by default")
    given = parser.parse_args()
    for dialect in given.database or DIALECTS:
        with database_of(dialect, POSTGRES_OPTIONS) as url:
            _print(f"{dialect}, {given.users} users")
            asyncio.run(measure(url, users=given.users, waits=given.waits))


if __name__ == "__main__":
    main()
