"""The limit by address: failures alone count, over all accounts, and without its store it never stands in the way."""

from datetime import timedelta

import pytest

import models
from models import SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import CLIENT, TOKEN, WRONG_PASSWORD, Trail, refused, sign_in, told
from twofactor.access import Viewer
from twofactor.activation import confirm_otp, start_activation
from twofactor.addresses import AddressLimiter
from twofactor.environment import Client, Environment
from twofactor.errors import TooManyAttemptsError, WrongEmailOrPasswordError, WrongOtpError, WrongPasswordError
from twofactor.login import log_in

Event = SecurityEventKind
ELSEWHERE = Client("198.51.100.1")


@pytest.fixture
def strict(env: Environment) -> Environment:
    """The same world, but an address may fail three times."""
    return Environment(
        env.database, env.key_ring, env.hashing, AddressLimiter(failures_allowed=3), env.issuer, env.clock
    )


class TestAddressLimiter:
    async def test_three_failures_over_three_accounts(
        self, strict: Environment, member: models.User, trail: Trail
    ) -> None:
        """Failures at any account count; then nothing is checked from there, while elsewhere all goes on (B5)."""
        for number in range(3):
            attempt = log_in(strict, CLIENT, f"user{number}@acme.example", PASSWORD, TOKEN)
            await refused(attempt, WrongEmailOrPasswordError)
        await trail.news()

        refusal = await refused(log_in(strict, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)

        assert strict.now() < refusal.retry_at <= strict.now() + timedelta(minutes=20)
        assert refusal.retry_at.microsecond == 0
        assert await trail.news() == []
        await sign_in(strict, member.email, client=ELSEWHERE)
        await sign_in(strict, member.email, client=Client())

    async def test_successes_do_not_count(self, strict: Environment, member: models.User) -> None:
        """Many people behind one address sign in as they like."""
        for _ in range(5):
            await sign_in(strict, member.email)

    async def test_what_is_malformed_does_not_count(self, strict: Environment, member: models.User) -> None:
        """What was not looked at is no failure."""
        for _ in range(5):
            await refused(log_in(strict, CLIENT, member.email, "", TOKEN), WrongEmailOrPasswordError)
            await refused(log_in(strict, CLIENT, "no email", PASSWORD, TOKEN), WrongEmailOrPasswordError)

        await sign_in(strict, member.email)

    async def test_every_kind_of_failure_counts(self, strict: Environment, viewer: Viewer, trail: Trail) -> None:
        """Passwords entered again and OTPs of an activation count with those of the login."""
        activation = await start_activation(strict, CLIENT, viewer, PASSWORD)
        await trail.news()
        await refused(start_activation(strict, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)
        await refused(log_in(strict, CLIENT, viewer.user.email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await refused(confirm_otp(strict, CLIENT, viewer, activation.activation_id, "000000"), WrongOtpError)

        attempt = confirm_otp(strict, CLIENT, viewer, activation.activation_id, "000000")

        await refused(attempt, TooManyAttemptsError)
        assert await trail.news() == told(Event.REAUTHENTICATION_FAILED, Event.LOGIN_FAILED, Event.SECOND_FACTOR_FAILED)


class TestWithoutItsStore:
    @pytest.fixture
    def lost(self, env: Environment) -> Environment:
        """The same world, but nobody answers where the store should be."""
        # Port 1 is privileged and unassigned: nothing listens there.
        limiter = AddressLimiter(failures_allowed=3, store_url="async+redis://127.0.0.1:1/0")
        return Environment(env.database, env.key_ring, env.hashing, limiter, env.issuer, env.clock)

    async def test_the_budgets_of_accounts_stand_alone(self, lost: Environment, member: models.User) -> None:
        """Nobody is shut out, and the sixth wrong password of an account waits all the same."""
        await sign_in(lost, member.email)
        for _ in range(5):
            await refused(log_in(lost, CLIENT, member.email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)

        await refused(log_in(lost, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
