"""Warning emails that strangers can cause: at most one of a kind and three in all a day."""

from datetime import timedelta

import pytest

import models
from accounts.services import Services
from accounts.warnings import may_warn, warn
from mail.emails import Email
from models.sql.users import lock_user
from tests.integration.use_cases.helpers import emails_of
from tests.support.clock import Clock

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


async def warn_member(services: Services, member: models.User, kind: str) -> bool:
    """Try to send a warning in a transaction of its own. Return whether it was sent."""
    before = len(await emails_of(services, kind))
    async with services.database.transaction():
        user = await lock_user(member.id)
        assert user is not None
        expected = may_warn(user.warnings_sent, kind, services.now())
        await warn(user, Email(kind, {}), services.now())
    is_sent = len(await emails_of(services, kind)) > before
    assert is_sent is expected
    return is_sent


@pytest.mark.attack("J7")
async def test_sends_at_most_one_warning_of_a_kind_a_day(
    services: Services, clock: Clock, member: models.User, admin: models.User
) -> None:
    """Warnings to another user do not count."""
    assert await warn_member(services, member, "a")
    clock.advance(DAY - MICROSECOND)
    assert not await warn_member(services, member, "a")
    assert await warn_member(services, admin, "a")
    clock.advance(MICROSECOND)

    assert await warn_member(services, member, "a")


@pytest.mark.attack("J7")
async def test_sends_at_most_three_warnings_a_day(services: Services, clock: Clock, member: models.User) -> None:
    """After a day the oldest of them no longer counts. A warning that is not sent does not count either."""
    sent_at = clock.now
    for kind in ("a", "b", "c"):
        assert await warn_member(services, member, kind)
        clock.advance(timedelta(hours=1))
    assert not await warn_member(services, member, "d")
    clock.now = sent_at + DAY

    assert await warn_member(services, member, "d")
    assert not await warn_member(services, member, "a")


async def test_keeps_only_the_times_of_the_last_day(services: Services, clock: Clock, member: models.User) -> None:
    """The column does not grow."""
    for kind in ("a", "b", "c", "d"):
        await warn_member(services, member, kind)
        clock.advance(DAY)

    async with services.database.reading():
        user = await models.User.get(id=member.id)
    assert user.warnings_sent == {"d": (clock.now - DAY).isoformat()}


async def test_time_far_in_the_future_does_not_count(services: Services, clock: Clock, member: models.User) -> None:
    """It comes from a wrong clock, and would suppress warnings for as long as the clock was wrong."""
    await warn_member(services, member, "a")
    clock.advance(-timedelta(hours=1))
    assert not await warn_member(services, member, "a")
    clock.advance(-MICROSECOND)

    assert await warn_member(services, member, "a")


async def test_sends_no_warning_to_a_disabled_user(services: Services, member: models.User) -> None:
    """Nobody can log in as this user, who could not follow the advice either."""
    async with services.database.transaction():
        await models.User.filter(id=member.id).update(is_enabled=False)
        user = await lock_user(member.id)
        assert user is not None

        await warn(user, Email("a", {}), services.now())

    assert await emails_of(services, "a") == []
