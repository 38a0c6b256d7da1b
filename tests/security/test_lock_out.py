"""Lockout of other users, and evasion of the IP rate limit."""

import pytest

import models
from accounts import users
from accounts.services import Services
from security.ip_rate_limiter import IpRateLimiter
from tests.support.api import Api
from tests.support.api_users import ApiUser, verify_login
from tests.support.clock import Clock
from tests.support.operations import LOGIN, VIEWER
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD


@pytest.mark.attack("B8")
async def test_wrong_passwords_cause_only_a_wait(
    api: Api, member_with_2fa: ApiUser, services: Services, clock: Clock
) -> None:
    """B8, ASVS 6.1.1: wrong passwords cause a wait only. Sessions stay valid, and the operator can end the wait."""
    answers = [await api.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD) for _ in range(6)]
    assert answers == ["WrongEmailOrPassword"] * 5 + ["TooManyAttempts"]
    assert await api.outcome(LOGIN, email=member_with_2fa.user.email, password=PASSWORD) == "TooManyAttempts"
    assert (await member_with_2fa.client.execute_one(VIEWER))["id"] == member_with_2fa.id

    await users.set_password(services, member_with_2fa.user.id, NEW_PASSWORD)

    challenge = await api.execute_one(LOGIN, email=member_with_2fa.user.email, password=NEW_PASSWORD)
    completed = await verify_login(api, challenge["challengeToken"], otp=member_with_2fa.authenticator.otp(clock.now))
    assert completed["__typename"] == "LoggedIn"


@pytest.mark.attack("B8")
async def test_second_factor_attempts_require_the_password(
    api: Api, member_with_2fa: ApiUser, services: Services
) -> None:
    """Without the password, no attempt at a second factor counts."""
    for token in ("", "cs_challenge_" + "A" * 43):
        for _ in range(6):
            answer = await verify_login(api, token, otp="000000")
            assert answer["__typename"] == "ChallengeExpired"
    for _ in range(6):
        await api.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD)

    async with services.database.reading():
        assert await models.AttemptCount.filter(subject=member_with_2fa.user.id.hex, failures__gt=0).count() == 0


@pytest.mark.attack("B5")
@pytest.mark.parametrize(
    ("first", "second", "share_limit"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
async def test_ipv6_addresses_of_one_64_prefix_share_a_limit(
    clock: Clock, first: str, second: str, *, share_limit: bool
) -> None:
    """An IPv6 /64 prefix counts as one address, since a single subscriber has 2⁶⁴ addresses."""
    limiter = IpRateLimiter(failures_allowed=1)
    await limiter.record_failure(first)

    assert (await limiter.retry_at(second, clock.now) is not None) is share_limit
