"""The IP rate limiter: counts failures of all accounts, and blocks no client if its store is down."""

from datetime import timedelta

import pytest

import models
from accounts.errors import WrongEmailOrPasswordError, WrongPasswordError
from accounts.permissions import Viewer
from accounts.services import Client, Services
from security.errors import TooManyAttemptsError
from security.ip_rate_limiter import IpRateLimiter
from tests.integration.use_cases.helpers import CLIENT, TOKEN, SideEffects, raises, sign_in
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor.activation import start_activation
from twofactor.confirmation import confirm_otp
from twofactor.errors import WrongOtpError
from twofactor.login import log_in

OTHER_CLIENT = Client("198.51.100.1")


@pytest.fixture
def strict_services(services: Services) -> Services:
    """Return services that allow three failures for each IP address."""
    return Services(
        services.database,
        services.key_ring,
        services.hashing,
        IpRateLimiter(failures_allowed=3),
        services.issuer,
        services.clock,
    )


class TestIpRateLimiter:
    @pytest.mark.attack("B5")
    async def test_failures_of_several_accounts_share_one_limit(
        self, strict_services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The server then checks nothing from this address. Clients with another address, or none, can sign in."""
        for number in range(3):
            attempt = log_in(strict_services, CLIENT, f"user{number}@acme.example", PASSWORD, TOKEN)
            await raises(attempt, WrongEmailOrPasswordError)
        await side_effects.new()

        error = await raises(log_in(strict_services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)

        assert strict_services.now() < error.retry_at <= strict_services.now() + timedelta(minutes=20)
        assert error.retry_at.microsecond == 0
        assert await side_effects.new() == []
        await sign_in(strict_services, member.email, client=OTHER_CLIENT)
        await sign_in(strict_services, member.email, client=Client())

    async def test_failure_that_starts_the_wait_says_when_it_ends(
        self, strict_services: Services, member: models.User
    ) -> None:
        """The end of the wait is that of the next attempt."""
        ends = []
        for number in range(3):
            attempt = log_in(strict_services, CLIENT, f"user{number}@acme.example", PASSWORD, TOKEN)
            ends.append((await raises(attempt, WrongEmailOrPasswordError)).next_attempt_at)
        error = await raises(log_in(strict_services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)

        assert ends[:2] == [None, None]
        assert ends[2] is not None
        # The limiter measures by the system's clock.
        assert abs(ends[2] - error.retry_at) <= timedelta(seconds=2)

    async def test_successful_sign_ins_do_not_count(self, strict_services: Services, member: models.User) -> None:
        """Many users behind one address can sign in."""
        for _ in range(5):
            await sign_in(strict_services, member.email)

    async def test_malformed_input_does_not_count(self, strict_services: Services, member: models.User) -> None:
        """The server does not check it, so it is not a failure."""
        for _ in range(5):
            await raises(log_in(strict_services, CLIENT, member.email, "", TOKEN), WrongEmailOrPasswordError)
            await raises(log_in(strict_services, CLIENT, "not an email", PASSWORD, TOKEN), WrongEmailOrPasswordError)

        await sign_in(strict_services, member.email)

    @pytest.mark.attack("B5", "B14")
    async def test_live_sessions_neither_count_nor_wait(self, strict_services: Services, viewer: Viewer) -> None:
        """Their attempts have limits of their own. So people behind one address do not stop each other's changes."""
        activation = await start_activation(strict_services, CLIENT, viewer, PASSWORD)
        for _ in range(4):
            await raises(start_activation(strict_services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)
            await raises(
                confirm_otp(strict_services, CLIENT, viewer, activation.activation_id, "000000"), WrongOtpError
            )
        for number in range(3):
            attempt = log_in(strict_services, CLIENT, f"user{number}@acme.example", PASSWORD, TOKEN)
            await raises(attempt, WrongEmailOrPasswordError)
        await raises(log_in(strict_services, CLIENT, viewer.user.email, PASSWORD, TOKEN), TooManyAttemptsError)

        started = await start_activation(strict_services, CLIENT, viewer, PASSWORD)
        await raises(confirm_otp(strict_services, CLIENT, viewer, started.activation_id, "000000"), WrongOtpError)


@pytest.mark.attack("B11")
class TestUnavailableStore:
    @pytest.fixture
    def services_without_store(self, services: Services) -> Services:
        """Return services whose rate limit store does not answer."""
        # Port 1 is privileged and unassigned, so no server listens there.
        limiter = IpRateLimiter(failures_allowed=3, store_url="async+redis://127.0.0.1:1/0")
        return Services(
            services.database, services.key_ring, services.hashing, limiter, services.issuer, services.clock
        )

    async def test_attempt_limits_of_accounts_still_apply(
        self, services_without_store: Services, member: models.User
    ) -> None:
        """No client is blocked, but the sixth attempt on one account has to wait."""
        await sign_in(services_without_store, member.email)
        for _ in range(5):
            await raises(
                log_in(services_without_store, CLIENT, member.email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError
            )

        await raises(log_in(services_without_store, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
