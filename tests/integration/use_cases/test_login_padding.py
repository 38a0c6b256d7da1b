"""Imported password hashes: failed logins take as long for each email."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

import app
import models
from accounts.errors import WrongEmailOrPasswordError
from accounts.response_padding import update_login_padding
from accounts.services import Services
from accounts.users import NewUser, delete_user, import_users
from models.sql.password_hashes import OWN_HASHES
from security.constants import ARGON2_LANES, RESPONSE_PADDING_S
from security.login_padding import LoginPadding
from security.password_hashing import HashingPool
from tests.integration.use_cases.helpers import CLIENT, TOKEN, raises, sign_in
from tests.support.cheap_hashes import PRODUCTION_HASHER, PRODUCTION_MEMORY_KIB, PRODUCTION_PASSES
from tests.support.users import PASSWORD, WRONG_PASSWORD
from twofactor.login import log_in

SLOW = PasswordHasher(time_cost=3, memory_cost=40_000, parallelism=1).hash(PASSWORD)
FAST = PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1).hash(PASSWORD)

pytestmark = pytest.mark.usefixtures("production_hashes")


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Return the hash that the product computes of the password of all users."""
    return PRODUCTION_HASHER.hash(PASSWORD)


async def import_hashes(services: Services, company: models.Company, *hashes: str) -> None:
    """Import a user with each of these hashes, as the operator does."""
    users = [NewUser(f"imported{number}@acme.example", "Ida", password_hash=each) for number, each in enumerate(hashes)]
    assert await import_users(services, company.id, users) == (len(hashes), [])


async def seconds_of_failed_login(services: Services, email: str, password: str = WRONG_PASSWORD) -> float:
    """Return how long a login with a wrong password takes."""
    started = time.perf_counter()
    await raises(log_in(services, CLIENT, email, password, TOKEN), WrongEmailOrPasswordError)
    return time.perf_counter() - started


@pytest.mark.attack("G1")
class TestUpdateLoginPadding:
    async def test_every_failed_login_waits_for_the_slowest_hash(
        self, services: Services, company: models.Company, member: models.User
    ) -> None:
        """Users with a hash of this product, users with an imported one, and unknown emails."""
        await import_hashes(services, company, SLOW, FAST)

        await update_login_padding(services)

        interval_s = services.login_padding.interval_s
        assert interval_s >= 2 * RESPONSE_PADDING_S
        for email in (member.email, "imported0@acme.example", "imported1@acme.example", "unknown@acme.example"):
            assert await seconds_of_failed_login(services, email) >= interval_s

    async def test_padding_returns_to_normal_when_the_hashes_are_replaced(
        self, services: Services, company: models.Company
    ) -> None:
        """The first sign-in replaces the hash. A deleted user has none."""
        await import_hashes(services, company, SLOW, FAST)
        await update_login_padding(services)
        assert services.login_padding.interval_s > RESPONSE_PADDING_S

        await sign_in(services, "imported0@acme.example")
        await update_login_padding(services)
        assert {each.split("$")[3] for each in services.login_padding.covered} == {"m=1024,t=1,p=1"}

        other = await sign_in(services, "imported1@acme.example")
        await delete_user(services, other.user.id)
        await update_login_padding(services)
        assert services.login_padding.interval_s == RESPONSE_PADDING_S

    async def test_measures_again_only_if_the_parameters_change(
        self, services: Services, company: models.Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The number of users makes no difference, and each kind of parameters is measured once."""
        measured: list[str] = []

        async def seconds_of_check(_pool: HashingPool, password_hash: str) -> float:
            measured.append(password_hash)
            return 1.0

        monkeypatch.setattr(HashingPool, "seconds_of_check", seconds_of_check)
        await import_hashes(services, company, SLOW, SLOW, SLOW, FAST)

        await update_login_padding(services)
        await update_login_padding(services)

        assert sorted(measured) == sorted([SLOW, FAST])
        assert services.login_padding.interval_s == pytest.approx(2.0)

    async def test_own_hashes_are_not_imported_ones(self, services: Services, member: models.User) -> None:
        """Without imported hashes, nothing is measured and the interval is the usual one."""
        assert member.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")

        await update_login_padding(services)

        assert (services.login_padding.covered, services.login_padding.interval_s) == (frozenset(), RESPONSE_PADDING_S)


def test_own_hashes_have_the_parameters_of_the_product() -> None:
    """If the parameters change, a migration has to replace the index."""
    assert f"_argon2id_v=19_m={PRODUCTION_MEMORY_KIB},t={PRODUCTION_PASSES},p={ARGON2_LANES}_%" == OWN_HASHES


def test_interval_is_a_multiple_of_the_usual_one_with_headroom() -> None:
    """A busy server takes longer than it did when it measured."""
    padding = LoginPadding()
    padding.cover({"slow": 0.153, "fast": 0.06})

    assert padding.interval_s == pytest.approx(0.35)


async def test_server_updates_the_padding_and_continues_after_an_error(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log contains the class of the error."""
    stop = asyncio.Event()
    rounds: list[Services] = []

    async def update(given: Services) -> None:
        rounds.append(given)
        if len(rounds) == 2:
            stop.set()
            return
        message = "a secret"
        raise ValueError(message)

    monkeypatch.setattr(app, "update_login_padding", update)
    monkeypatch.setattr(app, "LOGIN_PADDING_INTERVAL_S", 0)

    with capture_logs() as logs:
        async with asyncio.timeout(10):
            await app._run_login_padding(services, stop)

    assert logs == [{"event": "login_padding_failed", "error": "ValueError", "log_level": "warning"}]
    assert rounds == [services, services]
