"""Fixtures for all tests."""

from tests.support import cheap_hashes  # noqa: F401  # before the modules that read the parameters

# isort: split
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any
from urllib.parse import SplitResult

import pytest
from hypothesis import HealthCheck, settings

import models
from accounts.services import Services
from models import Role
from models.database import Database
from security import password_hashing
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from tests.support import users
from tests.support.cheap_hashes import PRODUCTION_HASHER
from tests.support.clock import Clock
from tests.support.databases import DatabaseTemplate, PostgresTemplate, SqliteTemplate, postgres_template
from tests.support.mail_servers import MailServer, mail_server
from tests.support.postgres import OPTIONS, postgres_server
from tests.support.users import KEYS, make_user
from transport import stranger_delay

# An example can be slow on a busy machine. That is not a failure.
settings.register_profile("countersign", deadline=None, print_blob=True)
settings.load_profile("countersign")
# Mutation testing runs the tests many times in one process and needs the same examples each time.
settings.register_profile(
    "mutants",
    settings.get_profile("countersign"),
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors],
)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Escape lone surrogates in reports. pytest-xdist cannot send them and crashes."""
    return _without_surrogates((yield))  # type: ignore[no-any-return]  # the type does not change


def _without_surrogates(data: Any) -> Any:  # noqa: ANN401  # a report contains any JSON value
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(_without_surrogates(value) for value in data)
    return data


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[SplitResult]:
    """Start a PostgreSQL server for this worker of pytest-xdist, and return its URL."""
    # Statistics that it collects would change the plans of statements at random times.
    with postgres_server((*OPTIONS, "autovacuum=off")) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(running_postgres: SplitResult) -> Iterator[PostgresTemplate]:
    """Return a migrated PostgreSQL database that tests copy."""
    with postgres_template(running_postgres) as template:
        yield template


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """Return a migrated SQLite database that tests copy."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a migrated, empty database for this test. The test runs once for each dialect."""
    template: DatabaseTemplate = request.getfixturevalue(f"migrated_{request.param}")
    url = template.copy()
    try:
        yield url
    finally:
        template.drop(url)


@pytest.fixture(autouse=True)
def no_delay_of_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for an attempt that has to wait."""
    monkeypatch.setattr(stranger_delay, "DELAY_S", 0)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open the database of the test."""
    database = Database(database_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def clock() -> Clock:
    """Return a clock that only the test advances."""
    return Clock()


@pytest.fixture(scope="session")
def hashing() -> Iterator[HashingPool]:
    """Return a hashing pool with two threads."""
    pool = HashingPool(workers=2)
    yield pool
    pool.close()


@pytest.fixture
def services(database: Database, hashing: HashingPool, clock: Clock) -> Services:
    """Return the services that use cases need."""
    return Services(
        database=database,
        key_ring=KeyRing.parse(KEYS),
        hashing=hashing,
        ip_rate_limiter=IpRateLimiter(failures_allowed=300),
        issuer="Countersign",
        clock=clock,
    )


@pytest.fixture
def production_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute password hashes with the parameters of production."""
    monkeypatch.setattr(password_hashing, "_argon2", PRODUCTION_HASHER)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Return the hash of the password of all users."""
    return users.password_hash()


@pytest.fixture
async def company(database: Database, clock: Clock) -> models.Company:
    """Create a company account with backup codes on and 2FA not enforced."""
    async with database.transaction():
        return await models.Company.create(name="Acme", created_at=clock.now)


@pytest.fixture
async def other_company(database: Database, clock: Clock) -> models.Company:
    """Create another company account."""
    async with database.transaction():
        return await models.Company.create(name="Elsewhere", created_at=clock.now)


@pytest.fixture
async def member(database: Database, company: models.Company, password_hash: str, clock: Clock) -> models.User:
    """Create a member without 2FA."""
    return await make_user(database, company, password_hash, clock, name="Mia")


@pytest.fixture
async def admin(database: Database, company: models.Company, password_hash: str, clock: Clock) -> models.User:
    """Create an admin of the same company account, without 2FA."""
    return await make_user(database, company, password_hash, clock, name="Ada", role=Role.ADMIN)


@pytest.fixture
async def other_company_admin(
    database: Database, other_company: models.Company, password_hash: str, clock: Clock
) -> models.User:
    """Create an admin of another company account, without 2FA."""
    return await make_user(database, other_company, password_hash, clock, name="Stella", role=Role.ADMIN)


@pytest.fixture
async def smtp_server() -> AsyncIterator[MailServer]:
    """Start a mail server on the loopback interface that stores the emails that it receives."""
    async with mail_server() as server:
        yield server
