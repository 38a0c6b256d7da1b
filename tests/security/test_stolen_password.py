"""A stolen password without the second factor: what it leaves behind (ASVS 6.3.5)."""

from datetime import timedelta

import pytest

import models
from accounts.cleanup import delete_expired_rows
from accounts.services import Services
from models import SecurityEventKind
from tests.support.api import Api
from tests.support.api_users import ApiUser, start_login, verify_outcome
from tests.support.clock import Clock


@pytest.mark.attack("C12")
@pytest.mark.parametrize("otp", [None, "not an OTP"])
async def test_leaves_an_event_at_once_and_an_email_within_a_day(
    api: Api, member_with_2fa: ApiUser, clock: Clock, services: Services, otp: str | None
) -> None:
    """The thief tries it every hour, with a malformed OTP or without one. The owner gets one email in a day."""
    for tries in range(1, 25):
        challenge = await start_login(api, member_with_2fa.user)
        if otp:
            assert await verify_outcome(api, challenge, otp=otp) == "WrongSecondFactor"
        async with services.database.reading():
            events = await models.SecurityEvent.filter(kind=SecurityEventKind.SECOND_FACTOR_REQUIRED)
        assert len(events) == tries
        assert {(event.user_id, event.ip_address) for event in events} == {(member_with_2fa.user.id, "127.0.0.1")}
        clock.advance(timedelta(hours=1))
        async for _ in delete_expired_rows(services):
            pass

    async with services.database.reading():
        (email,) = await models.OutboxEmail.filter(kind="login_not_completed")
    assert email.recipient_email == member_with_2fa.user.email
    assert email.facts["ip_address"] == "127.0.0.1"
