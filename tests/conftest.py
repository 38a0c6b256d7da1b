"""The states that tests begin with. A fixture is named after the state it gives."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any
from urllib.parse import SplitResult

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

import models
from models import Role
from models.database import Database
from tests.mail.servers import MailServer, mail_server
from tests.support.clock import Clock
from tests.support.databases import PostgresTemplate, SqliteTemplate, Template, postgres_template
from tests.support.postgres import postgres_server
from twofactor.addresses import AddressLimiter
from twofactor.environment import Environment
from twofactor.hashing import HashingPool
from twofactor.rules.identity import email_key, search_key
from twofactor.rules.policy import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES
from twofactor.rules.sealing import KeyRing

# Examples take as long as the machine is busy; a slow one is no failure.
settings.register_profile("countersign", deadline=None, print_blob=True)
settings.load_profile("countersign")
# Mutation testing runs the tests many times in one process, and wants the same examples each time.
settings.register_profile(
    "mutants",
    settings.get_profile("countersign"),
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors],
)

# The password of everybody.
PASSWORD = "correct horse battery staple"

KEYS = "now:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,before:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Let a failure that shows a lone surrogate be reported: pytest-xdist would die of sending it."""
    return _without_surrogates((yield))  # type: ignore[no-any-return]  # of the type that it was given


def _without_surrogates(data: Any) -> Any:  # noqa: ANN401  # whatever a report is made of
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(_without_surrogates(value) for value in data)
    return data


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[SplitResult]:
    """A PostgreSQL server: one for each worker of pytest-xdist."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(running_postgres: SplitResult) -> Iterator[PostgresTemplate]:
    """A migrated PostgreSQL database to copy."""
    with postgres_template(running_postgres) as template:
        yield template


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """A migrated SQLite database to copy."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty database of the test's own, of each dialect in turn."""
    template: Template = request.getfixturevalue(f"migrated_{request.param}")
    url = template.copy()
    try:
        yield url
    finally:
        template.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """That database, open."""
    database = Database(database_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test advances it."""
    return Clock()


@pytest.fixture(scope="session")
def hashing() -> Iterator[HashingPool]:
    """Two threads that hash."""
    pool = HashingPool(workers=2)
    yield pool
    pool.close()


@pytest.fixture
def env(database: Database, hashing: HashingPool, clock: Clock) -> Environment:
    """The world around a use case."""
    return Environment(
        database=database,
        key_ring=KeyRing.parse(KEYS),
        hashing=hashing,
        addresses=AddressLimiter(failures_allowed=300),
        issuer="Countersign",
        clock=clock,
    )


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password, made once, for it is slow to make."""
    return PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES).hash(PASSWORD)


@pytest.fixture
async def company(database: Database, clock: Clock) -> models.Company:
    """A company account with backup codes on and 2FA up to each user."""
    async with database.transaction():
        return await models.Company.create(name="Acme", created_at=clock.now)


@pytest.fixture
async def other_company(database: Database, clock: Clock) -> models.Company:
    """Another company account."""
    async with database.transaction():
        return await models.Company.create(name="Elsewhere", created_at=clock.now)


async def make_user(
    database: Database,
    company: models.Company,
    password_hash: str,
    clock: Clock,
    *,
    name: str,
    role: Role = Role.MEMBER,
) -> models.User:
    """Make a user `NAME` with the address `name@COMPANY.example`, who never signed in."""
    email = f"{name.lower()}@{company.name.lower()}.example"
    key = email_key(email)
    assert key is not None
    async with database.transaction():
        return await models.User.create(
            company=company,
            email=email,
            email_key=key,
            name=name,
            name_key=search_key(name),
            search_key=search_key(f"{name}\n{email}"),
            role=role,
            password_hash=password_hash,
            created_at=clock.now,
        )


@pytest.fixture
async def member(database: Database, company: models.Company, password_hash: str, clock: Clock) -> models.User:
    """A user without 2FA."""
    return await make_user(database, company, password_hash, clock, name="Mia")


@pytest.fixture
async def admin(database: Database, company: models.Company, password_hash: str, clock: Clock) -> models.User:
    """An admin of the same company account, without 2FA."""
    return await make_user(database, company, password_hash, clock, name="Ada", role=Role.ADMIN)


@pytest.fixture
async def stranger(database: Database, other_company: models.Company, password_hash: str, clock: Clock) -> models.User:
    """An admin of another company account, without 2FA."""
    return await make_user(database, other_company, password_hash, clock, name="Stella", role=Role.ADMIN)


@pytest.fixture
async def smtp_server() -> AsyncIterator[MailServer]:
    """A mail server on the loopback interface that keeps what it is sent."""
    async with mail_server() as server:
        yield server
