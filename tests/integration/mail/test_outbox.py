"""Tests of the outbox: emails are inserted with their change, and one worker at a time leases them."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from mail import outbox
from mail.emails import Email
from models import EmailState
from models.database import Database
from tests.integration.mail.conftest import FACTS, NOW, insert_email, reload
from tests.integration.mail.test_messages import HOSTILE_NAMES

LEASE = timedelta(minutes=2)


def build_user(**fields: object) -> models.User:
    """Return a user with the fields that the outbox reads."""
    return models.User(**{"id": uuid4(), "email": "grace@example.org", "name": "Grace", "locale": "de"} | fields)


class TestEnqueue:
    async def test_stores_the_data_of_the_email(self, database: Database) -> None:
        """Kind, recipient, language and facts are stored, and the email is due at once."""
        async with database.transaction():
            await outbox.enqueue(Email("password_changed", FACTS), to=build_user(), now=NOW)

        async with database.reading():
            [email] = await outbox.due_emails(NOW, at_most=10)
        assert email.kind == "password_changed"
        assert (email.recipient_email, email.recipient_name, email.locale) == ("grace@example.org", "Grace", "de")
        assert email.facts == FACTS
        assert (email.created_at, email.state, email.tries) == (NOW, EmailState.WAITING, 0)

    async def test_uses_english_if_the_user_has_no_language(self, database: Database) -> None:
        """English is the default language."""
        async with database.transaction():
            await outbox.enqueue(Email("password_changed", FACTS), to=build_user(locale=None), now=NOW)

        async with database.reading():
            [email] = await outbox.list_emails()
        assert email.locale == "en"

    @pytest.mark.attack("J4")
    async def test_is_rolled_back_with_the_change(self, database: Database) -> None:
        """If the change is rolled back, there is no email."""

        async def fail() -> None:
            async with database.transaction():
                await outbox.enqueue(Email("password_changed", FACTS), to=build_user(), now=NOW)
                raise LookupError

        with pytest.raises(LookupError):
            await fail()

        async with database.reading():
            assert await outbox.list_emails() == []

    @pytest.mark.parametrize("text", [*HOSTILE_NAMES, "x" * 10_000], ids=lambda text: ascii(text)[:30])
    async def test_accepts_any_name_and_any_fact(self, database: Database, text: str) -> None:
        """No text from a client can make the insert fail, which would roll back the change."""
        async with database.transaction():
            await outbox.enqueue(
                Email("password_changed", FACTS | {"user_agent": text}), to=build_user(name=text), now=NOW
            )

        async with database.reading():
            [email] = await outbox.list_emails()
        assert len(email.recipient_name) <= 200
        assert "\x00" not in email.recipient_name + email.facts["user_agent"]


class TestLease:
    async def test_only_one_worker_gets_it(self, database: Database) -> None:
        """If several workers lease an email at the same time, one succeeds."""
        email = await insert_email(database)
        copies = [await reload(database, email) for _ in range(8)]

        async def lease(copy: models.OutboxEmail) -> bool:
            async with database.transaction():
                return await outbox.lease_email(copy, NOW, duration=LEASE)

        assert sorted(await asyncio.gather(*map(lease, copies))) == [False] * 7 + [True]
        assert (await reload(database, email)).tries == 1

    async def test_blocks_other_workers_until_it_ends(self, database: Database) -> None:
        """A leased email is not due before the lease ends, and is due then."""
        email = await insert_email(database)
        async with database.transaction():
            assert await outbox.lease_email(email, NOW, duration=LEASE)

        async with database.reading():
            assert await outbox.due_emails(NOW + LEASE - timedelta(seconds=1), at_most=10) == []
            assert [due.id for due in await outbox.due_emails(NOW + LEASE, at_most=10)] == [email.id]

    async def test_worker_with_an_ended_lease_changes_nothing(self, database: Database) -> None:
        """It cannot schedule a retry of an email that another worker has leased or sent in the meantime."""
        slow = await insert_email(database)
        quick = await reload(database, slow)
        async with database.transaction():
            assert await outbox.lease_email(slow, NOW, duration=LEASE)
        quick = await reload(database, slow)
        async with database.transaction():
            assert await outbox.lease_email(quick, NOW + LEASE, duration=LEASE)
            await outbox.schedule_retry(slow, NOW + LEASE, error="TimeoutError", permanent=True, jitter=0)
        assert (await reload(database, slow)).next_try_at == NOW + 2 * LEASE

        async with database.transaction():
            await outbox.mark_sent(quick, NOW + LEASE)
            await outbox.schedule_retry(slow, NOW + LEASE, error="TimeoutError", permanent=True, jitter=0)
        assert (await reload(database, slow)).state is EmailState.SENT


class TestRetryWait:
    def test_doubles_up_to_four_hours(self) -> None:
        """The wait doubles from 30 seconds to four hours and then stays the same."""
        waits = [outbox.retry_wait(tries, permanent=False, jitter=0) for tries in range(1, 34)]

        assert waits[:4] == [timedelta(seconds=seconds) for seconds in (30, 60, 120, 240)]
        assert waits[9:] == [timedelta(hours=4)] * 24

    def test_attempts_cover_four_days(self) -> None:
        """All waits together are at least the four days of RFC 5321 §4.5.4.1."""
        waits = [outbox.retry_wait(tries, permanent=False, jitter=0) for tries in range(1, outbox.MAX_TRIES)]

        assert timedelta(days=4) <= sum(waits, timedelta()) <= timedelta(days=5)

    def test_jitter_adds_up_to_a_quarter(self) -> None:
        """Emails that failed together are retried at different times."""
        assert outbox.retry_wait(1, permanent=False, jitter=1) == timedelta(seconds=37.5)

    def test_is_half_an_hour_after_a_permanent_failure(self) -> None:
        """After a permanent failure the first wait is half an hour."""
        assert outbox.retry_wait(1, permanent=True, jitter=0) == timedelta(minutes=30)


class TestScheduleRetry:
    @pytest.mark.parametrize(("permanent", "tries"), [(False, outbox.MAX_TRIES), (True, outbox.MAX_TRIES_IF_PERMANENT)])
    async def test_marks_the_email_as_failed_after_the_last_attempt(
        self,
        database: Database,
        permanent: bool,  # noqa: FBT001  # a parameter of the test
        tries: int,
    ) -> None:
        """The last attempt marks the email as FAILED. The attempt before does not."""
        email = await insert_email(database, tries=tries - 1)
        async with database.transaction():
            assert (
                await outbox.schedule_retry(email, NOW, error="Broken", permanent=permanent, jitter=0)
                is EmailState.WAITING
            )
            email.tries += 1
            await email.save()
            assert (
                await outbox.schedule_retry(email, NOW, error="Broken", permanent=permanent, jitter=0)
                is EmailState.FAILED
            )

        stored = await reload(database, email)
        assert (stored.state, stored.last_error) == (EmailState.FAILED, "Broken")
        async with database.reading():
            assert await outbox.due_emails(NOW + timedelta(days=365), at_most=10) == []


class TestListAndRetry:
    async def test_lists_emails_by_state(self, database: Database) -> None:
        """The newest emails come first, in one state or in all."""
        old = await insert_email(database, state=EmailState.FAILED, created_at=NOW - timedelta(days=1))
        new = await insert_email(database)

        async with database.reading():
            assert [email.id for email in await outbox.list_emails()] == [new.id, old.id]
            assert [email.id for email in await outbox.list_emails(EmailState.FAILED)] == [old.id]
            assert await outbox.list_emails(EmailState.SENT) == []

    async def test_retries_failed_emails(self, database: Database) -> None:
        """The given or all failed emails are due again with 0 attempts. Sent and waiting emails do not change."""
        first, second = [
            await insert_email(database, state=EmailState.FAILED, tries=33, next_try_at=NOW + timedelta(days=1))
            for _ in range(2)
        ]
        sent = await insert_email(database, state=EmailState.SENT, tries=1)

        async with database.transaction():
            assert await outbox.retry_failed(NOW, [first.id, sent.id]) == 1
        assert (await reload(database, second)).state is EmailState.FAILED

        async with database.transaction():
            assert await outbox.retry_failed(NOW) == 1
        for email in (first, second):
            again = await reload(database, email)
            assert (again.state, again.tries, again.next_try_at) == (EmailState.WAITING, 0, NOW)
        assert (await reload(database, sent)).state is EmailState.SENT
