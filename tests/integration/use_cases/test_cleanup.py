"""Cleanup: expired rows are deleted, and all other rows stay."""

from datetime import timedelta

import pytest

import models
from accounts.cleanup import delete_expired_rows
from accounts.errors import WrongEmailOrPasswordError
from accounts.permissions import Viewer
from accounts.services import Services
from models import EmailState, Factor
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    WRONG_PASSWORD,
    Enrolled,
    account_rows,
    count_rows,
    new_challenge,
    raises,
    start_and_confirm_activation,
)
from tests.support.clock import Clock
from tests.support.users import PASSWORD
from twofactor.login import log_in

MICROSECOND = timedelta(microseconds=1)


class TestDeleteExpiredRows:
    async def test_keeps_rows_that_have_not_expired(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """Open challenges and activations, live sessions, unsent emails and recent attempt counts stay."""
        await new_challenge(services, member.email)
        await start_and_confirm_activation(services, admin_viewer)
        await raises(log_in(services, CLIENT, "unknown@acme.example", PASSWORD, TOKEN), WrongEmailOrPasswordError)
        before = await account_rows(services)
        emails, attempt_counts = (
            await count_rows(services, models.OutboxEmail),
            await count_rows(services, models.AttemptCount),
        )

        assert await delete_expired_rows(services) == 0

        assert await account_rows(services) == before
        assert (await count_rows(services, models.OutboxEmail), await count_rows(services, models.AttemptCount)) == (
            emails,
            attempt_counts,
        )

    @pytest.mark.parametrize(
        ("table", "after"),
        [
            (models.Challenge, timedelta(minutes=5)),
            (models.Activation, timedelta(minutes=10)),
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
        table: type[models.Challenge | models.Activation | models.Session],
        after: timedelta,
    ) -> None:
        """One microsecond before that it stays."""
        await start_and_confirm_activation(services, admin_viewer)
        await new_challenge(services, member.email)
        async with services.database.transaction():
            await models.Session.all().update(last_seen_at=clock.now)
        rows = await count_rows(services, table)
        clock.advance(after - MICROSECOND)
        await delete_expired_rows(services)
        assert await count_rows(services, table) == rows > 0
        clock.advance(MICROSECOND)

        assert await delete_expired_rows(services) > 0

        assert await count_rows(services, table) == 0

    async def test_keeps_the_attempt_counts_of_second_factors(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Counts of passwords expire after one day. The limit of 100 wrong second factors has no time limit."""
        await raises(log_in(services, CLIENT, "unknown@acme.example", WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        async with services.database.transaction():
            await models.AttemptCount.create(
                subject=member.id.hex,
                factor=Factor.OTP,
                failures=99,
                failures_since_sign_in=99,
                last_attempt_at=clock.now,
            )
        clock.advance(timedelta(days=400))

        await delete_expired_rows(services)

        assert await count_rows(services, models.AttemptCount, factor=Factor.PASSWORD) == 0
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
        await delete_expired_rows(services)
        assert await count_rows(services, models.OutboxEmail, state=EmailState.SENT) == 1
        assert await count_rows(services, models.SecurityEvent, company_id__isnull=True) == 1
        clock.advance(MICROSECOND)

        await delete_expired_rows(services)

        assert await count_rows(services, models.OutboxEmail, state=EmailState.SENT) == 0
        assert await count_rows(services, models.OutboxEmail, state=EmailState.WAITING) == 1
        assert await count_rows(services, models.SecurityEvent, company_id__isnull=True) == 0
        assert await count_rows(services, models.SecurityEvent) == company_events
