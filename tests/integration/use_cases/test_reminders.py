"""Reminders: users get an email 14, 7 and 1 day before they have to use 2FA, each once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

import app
import models
from accounts import reminders
from accounts.enforcement import EnforcementRule, required_from
from accounts.reminders import remind_users
from accounts.services import Services
from mail.emails import setup_reminder
from models import NEVER, Role, UserEnforcement
from models.database import REMINDER_LOCK, DatabaseUnavailable
from models.sql import setup_reminders
from models.sql.setup_reminders import mark_reminded
from security.constants import SETUP_REMINDERS
from tests.integration.use_cases.helpers import emails_of
from tests.integration.use_cases.test_cleanup import other_process
from tests.support.clock import Clock
from tests.support.users import insert_user

DAY, HOUR, MICROSECOND = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
KIND = setup_reminder.__name__


async def remind(services: Services) -> list[int]:
    """Run once, and return the number of reminders in each transaction."""
    return [reminded async for reminded in remind_users(services)]


async def enforce_from(services: Services, company: models.Company, when: datetime | None) -> None:
    """Enforce 2FA for everybody from a date."""
    async with services.database.transaction():
        await models.Company.filter(id=company.id).update(two_factor_enforced=True, enforce_from=when)


async def days_of_reminders(services: Services, clock: Clock, days: int) -> list[float]:
    """Run every six hours for some days. Return after how many days the user got an email."""
    start = clock.now
    for _ in range(days * 4):
        await remind(services)
        clock.advance(6 * HOUR)
    return [(email.created_at - start) / DAY for email in await emails_of(services, KIND)]


class TestStages:
    async def test_reminds_14_7_and_1_day_before_the_date_of_the_company(
        self, services: Services, clock: Clock, company: models.Company, member: models.User
    ) -> None:
        """Each email has the date. After it there is none."""
        date = clock.now + 20 * DAY
        await enforce_from(services, company, date)

        assert await days_of_reminders(services, clock, 25) == [6, 13, 19]

        assert [email.facts for email in await emails_of(services, KIND)] == [{"required_from": date.isoformat()}] * 3
        assert {email.recipient_email for email in await emails_of(services, KIND)} == {member.email}

    @pytest.mark.parametrize(
        ("ahead", "expected"),
        [(10 * DAY, [0, 3, 9]), (7 * DAY, [0, 6]), (3 * DAY, [0, 2]), (12 * HOUR, [0]), (timedelta(), [])],
    )
    async def test_a_date_that_is_near_gives_one_reminder_at_once(  # fixtures
        self,
        services: Services,
        clock: Clock,
        company: models.Company,
        member: models.User,  # gets the emails
        ahead: timedelta,
        expected: list[float],
    ) -> None:
        """The later stages follow."""
        await enforce_from(services, company, clock.now + ahead)

        assert await days_of_reminders(services, clock, 12) == expected

    async def test_a_postponed_date_starts_again(
        self, services: Services, clock: Clock, company: models.Company, member: models.User
    ) -> None:
        """The stages of the new date count."""
        await enforce_from(services, company, clock.now + DAY)
        assert await days_of_reminders(services, clock, 1) == [0]

        await enforce_from(services, company, clock.now + 30 * DAY)

        assert await days_of_reminders(services, clock, 31) == [-1, 16, 23, 29]
        assert member.email

    async def test_reminds_of_the_end_of_an_exemption(
        self, services: Services, clock: Clock, company: models.Company, member: models.User
    ) -> None:
        """Then the rule of the company account applies, which others already follow."""
        await enforce_from(services, company, None)
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(
                enforcement=UserEnforcement.EXEMPT, exempt_until=clock.now + 8 * DAY
            )

        assert await days_of_reminders(services, clock, 9) == [0, 1, 7]

    async def test_a_user_who_deactivates_2fa_is_reminded(
        self, services: Services, clock: Clock, company: models.Company, member: models.User
    ) -> None:
        """While 2FA was active, no reminder was needed."""
        await enforce_from(services, company, clock.now + 5 * DAY)
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(two_factor_activated_at=clock.now)
        assert await days_of_reminders(services, clock, 1) == []

        async with services.database.transaction():
            await models.User.filter(id=member.id).update(two_factor_activated_at=None)

        assert await days_of_reminders(services, clock, 1) == [0]


def is_due(user: models.User, company: models.Company, now: datetime) -> bool:
    """Return whether a reminder is due, as the documents define it."""
    date = required_from(user, EnforcementRule.of(company))
    if date is None or date <= now or user.two_factor_activated_at is not None or not user.is_enabled:
        return False
    stages = [date - before for before in SETUP_REMINDERS if date - before <= now]
    return bool(stages) and user.setup_reminded_at < max(stages)


async def insert_every_combination(services: Services) -> list[tuple[models.User, models.Company]]:
    """Insert users with every rule, in company accounts with every rule, before, at and after each date."""
    now = services.now()
    ahead = (
        -1 * DAY,
        timedelta(),
        12 * HOUR,
        DAY,
        DAY + MICROSECOND,
        3 * DAY,
        7 * DAY,
        14 * DAY,
        14 * DAY + MICROSECOND,
    )
    dates = [None, *(now + each for each in ahead)]
    companies = [
        models.Company(
            id=uuid4(), name="Acme", created_at=now, two_factor_enforced=everybody,
            two_factor_enforced_for_admins=admins, enforce_from=date,
        )
        for (everybody, admins), date in product([(False, False), (False, True), (True, False), (True, True)], dates)
    ]  # fmt: skip
    rules: list[tuple[UserEnforcement, datetime | None]] = [
        (UserEnforcement.AS_COMPANY, None), (UserEnforcement.ENFORCED, None)
    ]  # fmt: skip
    rules += [(UserEnforcement.EXEMPT, date) for date in dates]
    # The stage of a date in three days was four days ago.
    reminded = [NEVER, now - 4 * DAY - MICROSECOND, now - 4 * DAY, now]
    states = [*product([True], [None], reminded), (False, None, NEVER), (True, now, NEVER)]
    rows = []
    for company, role, (enforcement, until), (enabled, activated_at, reminded_at) in product(
        companies, Role, rules, states
    ):
        key = uuid4()
        user = models.User(
            id=key, company_id=company.id, email=f"{key.hex}@a.example", email_key=key.hex, name="a", name_key="a",
            search_key="a", role=role, password_hash="-", created_at=now, enforcement=enforcement, exempt_until=until,
            is_enabled=enabled, two_factor_activated_at=activated_at, setup_reminded_at=reminded_at,
        )  # fmt: skip
        rows.append((user, company))
    async with services.database.transaction():
        await models.Company.bulk_create(companies)
        await models.User.bulk_create([user for user, _ in rows], batch_size=500)
    return rows


async def mark_all(services: Services) -> list[UUID]:
    """Mark everybody who is due."""
    async with services.database.transaction():
        return await mark_reminded(services.now(), SETUP_REMINDERS, at_most=10_000)


async def test_the_database_selects_the_users_who_are_due(services: Services) -> None:
    """Every rule of a company account meets every rule of a user, each role and each state, and each stage."""
    rows = await insert_every_combination(services)
    expected = {user.id for user, company in rows if is_due(user, company, services.now())}

    marked = await mark_all(services)

    assert len(marked) == len(expected) > 100
    assert set(marked) == expected
    assert await mark_all(services) == []


class TestTransactions:
    @pytest.fixture
    async def users(self, services: Services, company: models.Company) -> Sequence[models.User]:
        """Return five users who are due."""
        await enforce_from(services, company, services.now() + DAY)
        async with services.database.transaction():
            return [
                await insert_user(
                    company.id, f"{number}@acme.example", "a", role=Role.MEMBER, password_hash="-", now=services.now()
                )
                for number in range(5)
            ]

    async def test_a_run_is_limited(
        self, services: Services, users: Sequence[models.User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So other emails do not wait long, and no transaction holds many rows."""
        monkeypatch.setattr(reminders, "BATCH", 2)
        monkeypatch.setattr(reminders, "REMINDERS_PER_RUN", 4)

        assert await remind(services) == [2, 2]
        assert await remind(services) == [1]
        assert await remind(services) == [0]
        assert len(await emails_of(services, KIND)) == len(users)

    @pytest.mark.attack("J9")
    async def test_a_crash_loses_no_reminder(self, services: Services, users: Sequence[models.User]) -> None:
        """The email and the mark are one transaction."""

        async def crash() -> None:
            async with services.database.transaction():
                assert await reminders._remind_batch(services.now()) == len(users)
                raise ConnectionResetError

        with pytest.raises(DatabaseUnavailable):
            await crash()
        assert await emails_of(services, KIND) == []

        assert await remind(services) == [len(users)]

    @pytest.mark.attack("J9")
    async def test_two_processes_send_each_reminder_once(
        self, services: Services, users: Sequence[models.User]
    ) -> None:
        """Even without the lock, since the statement that marks a user is conditional."""

        async def run_without_lock() -> int:
            async with services.database.transaction():
                return await reminders._remind_batch(services.now())

        outcomes = await asyncio.gather(*(run_without_lock() for _ in range(4)))

        assert sum(outcomes) == len(users)
        addresses = [email.recipient_email for email in await emails_of(services, KIND)]
        assert sorted(addresses) == sorted(user.email for user in users)

    async def test_leaves_the_users_to_a_process_that_has_the_lock(
        self, services: Services, database_url: str, users: Sequence[models.User]
    ) -> None:
        """It does not wait for the lock."""
        async with other_process(services.database, database_url) as other:
            if services.database.dialect == "postgres":
                await other.execute(f"SELECT pg_advisory_xact_lock({REMINDER_LOCK})")

            async with asyncio.timeout(2):
                assert await remind(services) == []

            await other.execute("ROLLBACK")
        assert await remind(services) == [len(users)]

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    async def test_waits_for_no_change_of_an_account(
        self, services: Services, database_url: str, users: Sequence[models.User]
    ) -> None:
        """The next run reminds the user."""
        async with other_process(services.database, database_url) as other:
            await other.execute(f"SELECT 1 FROM user_account WHERE id = '{users[0].id}' FOR NO KEY UPDATE")  # noqa: S608

            async with asyncio.timeout(2):
                assert await remind(services) == [len(users) - 1]

            await other.execute("ROLLBACK")
        assert await remind(services) == [1]

    async def test_sends_nothing_if_the_rule_has_just_changed(
        self, services: Services, users: Sequence[models.User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The email would have no date, or one in the past."""

        async def mark(*_: object, **__: object) -> list[UUID]:
            return [user.id for user in users]

        monkeypatch.setattr(reminders, "mark_reminded", mark)
        for update in ({"two_factor_enforced": False}, {"two_factor_enforced": True, "enforce_from": services.now()}):
            async with services.database.transaction():
                await models.Company.all().update(**update)
                await reminders._remind_batch(services.now())

        assert await emails_of(services, KIND) == []


class TestLoop:
    async def test_sends_reminders_and_continues_after_an_error(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The log has the class of the error."""
        stop = asyncio.Event()
        runs: list[int] = []

        async def remind_users(_services: Services) -> AsyncIterator[int]:
            runs.append(len(runs))
            if len(runs) == 2:
                stop.set()
                return
            yield 50
            message = "a secret"
            raise ValueError(message)

        monkeypatch.setattr(reminders, "remind_users", remind_users)
        monkeypatch.setattr(app, "CLEANUP_INTERVAL_S", 0)

        with capture_logs() as logs:
            async with asyncio.timeout(10):
                await app._run_reminders(services, stop)

        assert logs == [{"event": "reminders_failed", "error": "ValueError", "log_level": "warning"}]
        assert len(runs) == 2


# 1,000 company accounts, one of which has many users.
INSERT_USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
        is_enabled, created_at, last_login_at, backup_codes_remaining, enforcement)
    SELECT gen_random_uuid(), $1, key, key, key, key, key, CASE WHEN n % 100 = 0 THEN 'ADMIN' ELSE 'MEMBER' END, '',
        true, now(), now(), 0, CASE WHEN n % 500 = 0 THEN 'EXEMPT' ELSE 'AS_COMPANY' END
    FROM (SELECT n, md5(n::text) || '@acme.example' AS key FROM generate_series(1, 2000) AS n) AS people
"""
INSERT_COMPANIES = """
    INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at, enforce_from)
    SELECT gen_random_uuid(), 'Other', true, true, now(), now() - n * interval '1 day'
    FROM generate_series(1, 1000) AS n
"""


@pytest.mark.parametrize("with_statistics", [True, False])
async def test_each_statement_reads_only_its_indexes(
    services: Services, company: models.Company, *, with_statistics: bool
) -> None:
    """A look once a minute costs the same whatever the number of users and of company accounts."""
    database = services.database
    is_sqlite = database.dialect == "sqlite"
    if not is_sqlite:
        await database.connection.execute_query(INSERT_USERS, [company.id])
        await database.connection.execute_query(INSERT_COMPANIES)
        if with_statistics:
            await database.connection.execute_query("ANALYZE")
    plans = []
    async with database.exclusive_transaction(REMINDER_LOCK):
        for due in setup_reminders._due(DAY):
            statement = setup_reminders.MARK[database.dialect].format(
                due=due, at_most=50, for_update="FOR NO KEY UPDATE"
            )
            for number in (1, 2, 3):
                statement = statement.replace(f"${number}", f"'{services.now()}'")
            explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows = await database.connection.execute_query_dict(f"{explain} {statement}")
            plans.append("\n".join(row["detail" if is_sqlite else "QUERY PLAN"] for row in rows))

    by_company, by_exemption = plans[: len(Role)], plans[len(Role) :]
    assert all("company_by_enforce_from" in plan and "user_by_setup_reminder" in plan for plan in by_company)
    assert all("user_by_end_of_exemption" in plan for plan in by_exemption)
    assert not any("Seq Scan" in plan or "SCAN" in plan for plan in plans)
