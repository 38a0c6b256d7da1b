"""Cleanup: expired rows are deleted, and all other rows stay."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

import app
import models
from accounts import cleanup
from accounts.cleanup import BEGINNING
from accounts.errors import WrongEmailOrPasswordError
from accounts.lapsed_challenges import delete_lapsed_challenges
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import delete_user
from models import PASSWORD_FACTOR, EmailState, SecondFactorMethod, SessionTransport
from models.database import CLEANUP_LOCK, Database
from models.sql import cleanup as statements
from models.sql.cleanup import Deleted
from models.sql.execution import dialect, execute_returning, select
from models.sql.users import lock_user
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    account_rows,
    clean_up,
    count_rows,
    new_challenge,
    raises,
    start_and_confirm_activation,
)
from tests.support.clock import Clock
from tests.support.factories import insert_replacement
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import confirm_otp
from twofactor.errors import ActivationExpiredError
from twofactor.login import log_in
from twofactor.removal import remove_two_factor

MICROSECOND = timedelta(microseconds=1)


class TestDeleteExpiredRows:
    async def test_keeps_rows_that_have_not_expired(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """Open challenges and activations, live sessions, unsent emails and recent attempt counts stay."""
        await new_challenge(services, member.email)
        await start_and_confirm_activation(services, admin_viewer)
        async with services.database.transaction():
            await insert_replacement(member.id, services.now())
        await raises(log_in(services, CLIENT, "unknown@acme.example", PASSWORD, TOKEN), WrongEmailOrPasswordError)
        before = await account_rows(services)
        emails, attempt_counts = (
            await count_rows(services, models.OutboxEmail),
            await count_rows(services, models.AttemptCount),
        )

        assert await clean_up(services) == 0

        assert await account_rows(services) == before
        assert (await count_rows(services, models.OutboxEmail), await count_rows(services, models.AttemptCount)) == (
            emails,
            attempt_counts,
        )

    @pytest.mark.attack("C10", "K9")
    @pytest.mark.parametrize(
        ("table", "after"),
        [
            (models.Challenge, timedelta(minutes=5)),
            (models.Activation, timedelta(minutes=10)),
            (models.BackupCodeReplacement, timedelta(minutes=10)),
            (models.Session, timedelta(days=7)),
        ],
    )
    async def test_deletes_a_row_exactly_when_it_expires(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        *,
        table: type[models.Challenge | models.Activation | models.BackupCodeReplacement | models.Session],
        after: timedelta,
    ) -> None:
        """One microsecond before that it stays."""
        await start_and_confirm_activation(services, admin_viewer)
        await new_challenge(services, member.email)
        async with services.database.transaction():
            await insert_replacement(member.id, clock.now)
            await models.Session.all().update(last_seen_at=clock.now)
        rows = await count_rows(services, table)
        clock.advance(after - MICROSECOND)
        await clean_up(services)
        assert await count_rows(services, table) == rows > 0
        clock.advance(MICROSECOND)

        assert await clean_up(services) > 0

        assert await count_rows(services, table) == 0

    async def test_keeps_the_attempt_counts_of_second_factors(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Counts of passwords expire after one day. The limit of 100 wrong second factors has no time limit."""
        await raises(log_in(services, CLIENT, "unknown@acme.example", WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        async with services.database.transaction():
            await models.AttemptCount.create(
                subject=member.id.hex,
                factor=SecondFactorMethod.OTP,
                failures=99,
                failures_since_sign_in=99,
                last_attempt_at=clock.now,
            )
        clock.advance(timedelta(days=400))

        await clean_up(services)

        assert await count_rows(services, models.AttemptCount, factor=PASSWORD_FACTOR) == 0
        assert await count_rows(services, models.AttemptCount, failures_since_sign_in=99) == 1

    async def test_deletes_sent_emails_and_events_without_a_company_after_thirty_days(
        self, services: Services, clock: Clock, enrolled: Enrolled
    ) -> None:
        """Unsent emails and the audit events of company accounts stay."""
        await raises(log_in(services, CLIENT, "unknown@acme.example", PASSWORD, TOKEN), WrongEmailOrPasswordError)
        async with services.database.transaction():
            original = await models.OutboxEmail.first()
            assert original
            await models.OutboxEmail.create(
                kind=original.kind,
                recipient_email=original.recipient_email,
                recipient_name=original.recipient_name,
                locale=original.locale,
                facts={},
                created_at=clock.now,
                next_try_at=clock.now,
                state=EmailState.SENT,
                sent_at=clock.now,
            )
        company_events = await count_rows(services, models.SecurityEvent, company_id__isnull=False)
        clock.advance(timedelta(days=30) - MICROSECOND)
        await clean_up(services)
        assert await count_rows(services, models.OutboxEmail, state=EmailState.SENT) == 1
        assert await count_rows(services, models.SecurityEvent, company_id__isnull=True) == 1
        clock.advance(MICROSECOND)

        await clean_up(services)

        assert await count_rows(services, models.OutboxEmail, state=EmailState.SENT) == 0
        assert await count_rows(services, models.OutboxEmail, state=EmailState.WAITING) == 1
        assert await count_rows(services, models.SecurityEvent, company_id__isnull=True) == 0
        assert await count_rows(services, models.SecurityEvent) == company_events


async def insert_challenges(services: Services, user: models.User, number: int) -> None:
    """Insert challenges that have expired, each a second after the one before."""
    now = services.now()
    async with services.database.transaction():
        await models.Challenge.bulk_create(
            models.Challenge(
                id=uuid4(),
                token_hash=uuid4().hex,
                user_id=user.id,
                transport=SessionTransport.TOKEN,
                created_at=now,
                expires_at=now - timedelta(seconds=number - second),
            )
            for second in range(number)
        )


class OtherProcess:
    """A connection to the database that another process could have."""

    def __init__(self, connection: asyncpg.Connection | sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: str) -> None:
        """Execute a statement without parameters."""
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.execute(statement)
        else:
            await self._connection.execute(statement)

    async def is_awaited(self) -> bool:
        """Return whether another transaction waits for a lock of this one, on PostgreSQL."""
        assert isinstance(self._connection, asyncpg.Connection)
        return bool(
            await self._connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
        )


@asynccontextmanager
async def other_process(database: Database, url: str) -> AsyncIterator[OtherProcess]:
    """Yield another connection with an open transaction. On SQLite it has the write lock."""
    if database.dialect == "sqlite":
        file = sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)
        try:
            file.execute("BEGIN IMMEDIATE")
            yield OtherProcess(file)
        finally:
            file.close()
        return
    credentials = database.config["connections"]["postgres"]["credentials"]
    names = ("host", "port", "user", "password", "database")
    connection = await asyncpg.connect(**{name: credentials[name] for name in names})
    try:
        await connection.execute("BEGIN")
        yield OtherProcess(connection)
    finally:
        await connection.close()


# The index that finds the rows of each kind.
INDEXES = {
    "expired challenges": "idx_challenge_expires_a981ed",
    "expired activations": "idx_activation_expires_a0feeb",
    "expired replacements of backup codes": "idx_backup_code_expires_",
    "expired sessions": "idx_session_expires_823c67",
    "idle sessions": "idx_session_last_se_07057d",
    "sent emails": "idx_email_outbo_state_95f409",
    "idle known devices": "idx_known_devic_last_se",
    "idle attempt counts of passwords": "attempt_count_by_age",
    "idle attempt counts of sessions": "attempt_count_by_age",
    "idle attempt counts of known devices": "attempt_count_by_age",
    "idle attempt counts of second factors in sessions": "attempt_count_by_age",
    "events of unknown emails": "event_of_company",
}


class TestStatements:
    @pytest.mark.parametrize("kind", cleanup.KINDS)
    async def test_reads_one_range_of_an_index(
        self, services: Services, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No statistics exist, and the table is small: without its settings, PostgreSQL would read the whole table."""
        plan: list[str] = []

        async def explain(statement: str, *values: object) -> Sequence[Mapping[str, object]]:
            explained = "EXPLAIN QUERY PLAN " if dialect() == "sqlite" else "EXPLAIN "
            rows = map(dict, await select(explained + statement, *values))
            plan.extend(next(reversed(row.values())) for row in rows)
            return await execute_returning(statement, *values)

        monkeypatch.setattr(statements, "execute_returning", explain)
        monkeypatch.setattr(statements, "select", explain)

        assert [deleted async for deleted in cleanup.delete_expired_rows_of(services, cleanup.KINDS[kind])] == [0]

        text = "\n".join(plan)
        assert INDEXES[kind] in text
        for costly in ("Seq Scan", "Bitmap", "Sort", "SCAN", "TEMP B-TREE"):
            assert costly not in text, text
        if services.database.dialect == "sqlite":
            assert "<?" in next(line for line in plan if INDEXES[kind] in line), text
        else:
            assert "Tid Scan" in text
            following = plan[next(number for number, line in enumerate(plan) if INDEXES[kind] in line) + 1]
            assert following.strip().startswith("Index Cond:")
            assert "<=" in following
            assert ">=" in following

    def test_every_kind_has_an_index(self) -> None:
        """The test above covers every kind."""
        assert INDEXES.keys() == cleanup.KINDS.keys()


class TestBatches:
    async def test_all_rows_go_in_batches(
        self, services: Services, member: models.User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The batches grow, because the first one may be the first work of a new connection. The last one is empty."""
        monkeypatch.setattr(cleanup, "BATCHES", {"sqlite": 3, "postgres": 3})
        kind = cleanup.KINDS["expired challenges"]
        for number, batches in ((7, [1, 2, 3, 1, 0]), (6, [1, 2, 3, 0])):
            await insert_challenges(services, member, number)

            assert [deleted async for deleted in cleanup.delete_expired_rows_of(services, kind)] == batches

            assert await count_rows(services, models.Challenge) == 0

    async def test_rows_that_expired_at_the_same_time_all_go(
        self, services: Services, member: models.User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A batch starts at the time of the newest row of the batch before."""
        monkeypatch.setattr(cleanup, "BATCHES", {"sqlite": 3, "postgres": 3})
        await insert_challenges(services, member, 7)
        async with services.database.transaction():
            await models.Challenge.all().update(expires_at=services.now())

        assert await clean_up(services) == 7

    async def test_each_batch_starts_where_the_one_before_it_did(
        self, services: Services, member: models.User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The index of PostgreSQL keeps the entries of deleted rows for a while. A batch reads those of one other."""
        monkeypatch.setattr(cleanup, "BATCHES", {"sqlite": 3, "postgres": 3})
        await insert_challenges(services, member, 7)
        starts: list[datetime] = []

        async def delete_batch(since: datetime, until: datetime, *, at_most: int) -> Deleted:
            starts.append(since)
            return await delete_lapsed_challenges(since, until, at_most=at_most)

        [deleted async for deleted in cleanup.delete_expired_rows_of(services, cleanup.ExpiringRows(delete_batch))]

        assert starts == [BEGINNING, BEGINNING, *(services.now() - timedelta(seconds=seconds) for seconds in (7, 5, 2))]

    async def test_two_cleanups_at_once_delete_each_row_once(
        self, services: Services, member: models.User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only one of them works at a time, and together they delete everything."""
        monkeypatch.setattr(cleanup, "BATCHES", {"sqlite": 2, "postgres": 2})
        await insert_challenges(services, member, 41)
        running, most_running = 0, 0

        async def delete_batch(since: datetime, until: datetime, *, at_most: int) -> Deleted:
            nonlocal running, most_running
            running += 1
            most_running = max(most_running, running)
            try:
                return await delete_lapsed_challenges(since, until, at_most=at_most)
            finally:
                running -= 1

        monkeypatch.setattr(cleanup, "KINDS", {"expired challenges": cleanup.ExpiringRows(delete_batch)})

        assert sum(await asyncio.gather(clean_up(services), clean_up(services))) == 41

        assert most_running == 1
        assert await count_rows(services, models.Challenge) == 0

    async def test_leaves_the_rows_to_a_process_that_has_the_lock(
        self, services: Services, database_url: str, member: models.User
    ) -> None:
        """It does not wait for the lock. Afterwards it deletes the rows."""
        await insert_challenges(services, member, 3)
        async with other_process(services.database, database_url) as other:
            if services.database.dialect == "postgres":
                await other.execute(f"SELECT pg_advisory_xact_lock({CLEANUP_LOCK})")

            async with asyncio.timeout(2):
                assert [deleted async for deleted in cleanup.delete_expired_rows(services)] == []
                assert [folded async for folded in cleanup.fold_user_counts(services)] == []

            await other.execute("ROLLBACK")
        assert await clean_up(services) == 3

    async def test_later_transactions_still_wait_for_the_lock(
        self, services: Services, database_url: str, member: models.User
    ) -> None:
        """On SQLite the cleanup changes the timeout of the shared connection for its own BEGIN only."""
        async with other_process(services.database, database_url) as other:
            assert await clean_up(services) == 0
            waiting = asyncio.create_task(insert_challenges(services, member, 1))
            await asyncio.wait([waiting], timeout=0.1)
            await other.execute("ROLLBACK")
            await waiting

        assert await clean_up(services) == 1

    async def test_row_that_another_process_renews_stays(
        self, services: Services, database_url: str, clock: Clock, member: models.User, admin_viewer: Viewer
    ) -> None:
        """A request uses an idle session again while the cleanup runs. The cleanup does not wait for it."""
        await insert_challenges(services, member, 1)
        clock.advance(timedelta(days=7))
        async with other_process(services.database, database_url) as other:
            await other.execute(f"UPDATE session SET last_seen_at = '{clock.now.isoformat(' ')}'")  # noqa: S608  # ours
            async with asyncio.timeout(2):
                await clean_up(services)
            # SQLite has one lock for the whole database, PostgreSQL one for each row.
            challenges_left = 1 if services.database.dialect == "sqlite" else 0
            assert await count_rows(services, models.Challenge) == challenges_left
            await other.execute("COMMIT")

        await clean_up(services)

        assert await count_rows(services, models.Session, id=admin_viewer.session.id) == 1
        assert await count_rows(services, models.Challenge) == 0

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    async def test_activation_that_another_transaction_uses_waits_for_the_next_cleanup(
        self, services: Services, database_url: str, clock: Clock, admin_viewer: Viewer
    ) -> None:
        """A change of an account locks the activation, and then its backup codes. The cleanup does not wait for it."""
        await start_and_confirm_activation(services, admin_viewer)
        clock.advance(timedelta(minutes=10))
        async with other_process(services.database, database_url) as other:
            await other.execute("SELECT id FROM activation FOR NO KEY UPDATE")
            async with asyncio.timeout(2):
                assert await clean_up(services) == 0
            await other.execute("COMMIT")

        assert await clean_up(services) == 1
        assert await count_rows(services, models.BackupCode) == 0

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    @pytest.mark.parametrize("change", ["acknowledge", "confirm", "remove", "delete", "password", "start"])
    async def test_change_of_an_account_cannot_deadlock_with_the_deletion_of_an_activation(
        self, services: Services, database_url: str, admin_viewer: Viewer, change: str
    ) -> None:
        """Like the cleanup, each change locks the activation before its backup codes. One of the two waits."""
        activation, authenticator, _ = await start_and_confirm_activation(services, admin_viewer)
        user = admin_viewer.user.id
        otp = authenticator.otp(services.now())
        changes: dict[str, Callable[[], Awaitable[object]]] = {
            "acknowledge": lambda: acknowledge_backup_codes(services, CLIENT, admin_viewer, activation),
            "confirm": lambda: confirm_otp(services, CLIENT, admin_viewer, activation, otp),
            "remove": lambda: remove_second_factors(services, user),
            "delete": lambda: delete_user(services, user, force=True),
            "password": lambda: change_password(services, CLIENT, admin_viewer, PASSWORD, "a new passphrase of ours"),
            "start": lambda: start_activation(services, CLIENT, admin_viewer, PASSWORD),
        }
        async with other_process(services.database, database_url) as other:
            await other.execute("SELECT id FROM activation FOR NO KEY UPDATE")
            task = asyncio.ensure_future(changes[change]())
            async with asyncio.timeout(10):
                while not await other.is_awaited():
                    assert not task.done(), task
                    await asyncio.sleep(0.01)

                await other.execute("DELETE FROM activation")
            await other.execute("COMMIT")

        with suppress(ActivationExpiredError):
            await task
        assert await count_rows(services, models.BackupCode) == 0


async def remove_second_factors(services: Services, user_id: UUID) -> None:
    """Remove 2FA as a reset does."""
    async with services.database.transaction():
        user = await lock_user(user_id)
        assert user
        await remove_two_factor(user)


class TestLoop:
    async def test_stops_between_two_transactions(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        """A shutdown does not wait until all expired rows are deleted."""
        stop = asyncio.Event()
        passes: list[int] = []

        async def delete_expired_rows(_services: Services) -> AsyncIterator[int]:
            for number in range(100):
                passes.append(number)
                if len(passes) == 3:
                    stop.set()
                yield 500

        monkeypatch.setattr(cleanup, "delete_expired_rows", delete_expired_rows)

        async with asyncio.timeout(10):
            await app._run_cleanup(services, stop)

        assert len(passes) == 3

    async def test_other_tasks_run_between_two_transactions(
        self, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Requests are served while the cleanup has many rows to delete."""
        stop, at_work = asyncio.Event(), asyncio.Event()
        passes: list[int] = []

        async def delete_expired_rows(_services: Services) -> AsyncIterator[int]:
            for number in range(10_000):
                passes.append(number)
                at_work.set()
                yield 500

        async def request() -> None:
            await at_work.wait()
            stop.set()

        monkeypatch.setattr(cleanup, "delete_expired_rows", delete_expired_rows)

        async with asyncio.timeout(10):
            await asyncio.gather(app._run_cleanup(services, stop), request())

        assert len(passes) == 1

    async def test_continues_after_an_error(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        """The log contains the class of the error."""
        stop = asyncio.Event()
        rounds: list[int] = []

        async def delete_expired_rows(_services: Services) -> AsyncIterator[int]:
            rounds.append(len(rounds))
            if len(rounds) == 2:
                stop.set()
                return
            yield 500
            message = "a secret"
            raise ValueError(message)

        monkeypatch.setattr(cleanup, "delete_expired_rows", delete_expired_rows)
        monkeypatch.setattr(app, "CLEANUP_INTERVAL_S", 0)

        with capture_logs() as logs:
            async with asyncio.timeout(10):
                await app._run_cleanup(services, stop)

        assert logs == [{"event": "cleanup_failed", "error": "ValueError", "log_level": "warning"}]
        assert len(rounds) == 2
