"""Migrations: in step with the models, and reversible on both databases."""

import asyncio
import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tortoise.context import TortoiseContext
from tortoise.exceptions import OperationalError
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

import models
from accounts.entities import Company
from accounts.event_facts import EventFacts, facts_of
from accounts.identity import email_key, name_sort_key, search_key, user_search_key
from accounts.login_locks import locked_users
from models.database import MIGRATIONS_CONFIG, Database, MigrationRefused, UnknownMigrations
from models.sql import password_hashes
from security.constants import FEW_BACKUP_CODES, FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED
from tests.support.clock import START

TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
}
INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgres": "SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = 'public'",
}

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgres": "SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal",
}


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'empty.sqlite3'}"
        return
    template = request.getfixturevalue("migrated_postgres")
    url = template.make_empty()
    try:
        yield url
    finally:
        template.drop(url)


async def names(database: Database, of: dict[str, str]) -> set[str]:
    """Return the names of the tables or indexes."""
    rows = await database.connection.execute_query_dict(of[database.dialect])
    return {row["name"] for row in rows}


async def migrate_to(database: Database, name: str) -> None:
    """Migrate forwards or backwards to a migration."""
    await MigrationExecutor(database.connection, database.config["apps"]).migrate([MigrationTarget("models", name)])


async def test_are_in_step_with_the_models() -> None:
    """`python -m tortoise makemigrations` would create no migration."""
    async with TortoiseContext() as context:
        await context.init(config=MIGRATIONS_CONFIG, init_connections=False)
        assert context.apps is not None
        changes = await MigrationAutodetector(context.apps, MIGRATIONS_CONFIG["apps"]).changes()  # type: ignore[arg-type]

    assert changes == []


@pytest.mark.attack("K7")
async def test_migrate_up_down_and_up_again(empty_database_url: str) -> None:
    """Migrating down leaves nothing behind, so that migrating up again gives the same tables and indexes."""
    database = Database(empty_database_url)
    await database.open()
    try:
        assert not await database.is_current()
        await database.migrate()
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        assert await database.is_current()
        assert {"user_account", "company", "session", "email_outbox"} <= tables

        await migrate_to(database, "__first__")

        assert not await database.is_current()
        assert await names(database, TABLES) == {"tortoise_migrations"}

        await database.migrate()

        assert await database.is_current()
        assert await names(database, TABLES) == tables
        assert await names(database, INDEXES) == indexes
    finally:
        await database.close()


@pytest.mark.attack("K7")
async def test_migrating_up_keeps_rows(empty_database_url: str) -> None:
    """Every migration after the first one works on tables with rows."""
    database = Database(empty_database_url)
    await database.open()
    try:
        await migrate_to(database, "0001_schema")
        # Use SQL, because the models have the columns of the newest migration.
        await database.connection.execute_script(
            f"INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)"  # noqa: S608  # ours
            f" VALUES ('{uuid4()}', 'Acme', {'1, 1' if database.dialect == 'sqlite' else 'true, true'}, '{START}')"
        )

        await database.migrate()

        assert [row.name for row in await models.Company.all()] == ["Acme"]
    finally:
        await database.close()


async def test_0002_replaces_an_index_and_keeps_rows_and_the_unique_constraint(empty_database_url: str) -> None:
    """Attempts are reserved by `ON CONFLICT (subject, factor)`, which needs the constraint. The way back works too."""
    database = Database(empty_database_url)
    await database.open()
    insert = (
        "INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, last_attempt_at)"  # noqa: S608  # ours
        f" VALUES ('somebody', 'OTP', 7, 9, '{START}') ON CONFLICT (subject, factor) DO NOTHING"
    )
    old, new = "idx_attempt_cou_last_at_11a743", "attempt_count_by_age"
    try:
        await migrate_to(database, "0001_schema")
        await database.connection.execute_script(insert)
        indexes = await names(database, INDEXES)

        await migrate_to(database, "0002_index_of_idle_attempt_counts")

        assert await names(database, INDEXES) == indexes - {old} | {new}
        await database.connection.execute_script(insert)
        # Use SQL, because the model has the columns of the newest migration.
        (row,) = await database.connection.execute_query_dict(
            "SELECT subject, failures, failures_since_sign_in FROM attempt_count"
        )
        assert row == {"subject": "somebody", "failures": 7, "failures_since_sign_in": 9}

        await migrate_to(database, "0001_schema")

        assert await names(database, INDEXES) == indexes
    finally:
        await database.close()


async def test_0003_gives_authenticators_an_id_and_keeps_them(empty_database_url: str) -> None:
    """A user can then have several. The way back works as long as nobody has."""
    database = Database(empty_database_url)
    await database.open()
    company, user = str(uuid4()), str(uuid4())
    true = "1" if database.dialect == "sqlite" else "true"
    secret = "x'01'" if database.dialect == "sqlite" else "decode('01', 'hex')"
    old_authenticator = f"""
        INSERT INTO authenticator
            (user_id, encrypted_secret, key_id, last_step, activation_token_hash, activated_by_acknowledgement)
        VALUES ('{user}', {secret}, 'key', 7, 'hash', {true});
    """  # noqa: S608  # ours
    activation = "id, token_hash, user_id, encrypted_secret, key_id, last_step, attempts, created_at, expires_at"
    try:
        await migrate_to(database, "0002_index_of_idle_attempt_counts")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        await database.connection.execute_script(
            f"""
            INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
            VALUES ('{company}', 'Acme', {true}, {true}, '{START}');
            INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
                is_enabled, created_at, last_login_at, backup_codes_remaining)
            VALUES ('{user}', '{company}', 'a', 'a', 'a', 'a', 'a', 'MEMBER', 'a', {true}, '{START}', '{START}', 0);
            {old_authenticator}
            INSERT INTO activation ({activation})
            VALUES ('{uuid4()}', 'hash', '{user}', {secret}, 'key', 0, 0, '{START}', '{START}');
            """  # noqa: S608  # ours
        )

        await database.migrate()

        (authenticator,) = await models.Authenticator.all()
        assert (str(authenticator.user_id), authenticator.encrypted_secret) == (user, b"\x01")
        assert (authenticator.key_id, authenticator.last_step) == ("key", 7)
        assert (await models.Activation.get()).factor == "OTP"
        await models.Authenticator.create(
            user_id=user, encrypted_secret=b"2", key_id="key", last_step=0, activation_token_hash="",
            activated_by_acknowledgement=True,
        )  # fmt: skip
        await models.Authenticator.exclude(id=authenticator.id).delete()
        # A server of the version before still runs, and does not know the new columns.
        await database.connection.execute_script(f"DELETE FROM authenticator; {old_authenticator}")  # noqa: S608  # ours
        assert (await models.Authenticator.get()).id != authenticator.id

        await migrate_to(database, "0002_index_of_idle_attempt_counts")

        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
        rows = await database.connection.execute_query_dict("SELECT user_id, last_step FROM authenticator")
        assert [(str(row["user_id"]), row["last_step"]) for row in rows] == [(user, 7)]
    finally:
        await database.close()


async def test_interrupted_0003_changes_nothing_and_can_be_repeated(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All statements are one transaction, also on SQLite. Another process may have run them in the meantime."""
    module = importlib.import_module("models.migrations.0003_several_factors")
    database = Database(empty_database_url)
    await database.open()
    try:
        await migrate_to(database, "0002_index_of_idle_attempt_counts")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        with monkeypatch.context() as broken:
            statements = (*module.FORWARD[database.dialect], "SELECT * FROM no_such_table")
            broken.setitem(module.FORWARD, database.dialect, statements)
            with pytest.raises(OperationalError):
                await database.migrate()
        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)

        await database.migrate()
        await database.connection.execute_script("DELETE FROM tortoise_migrations WHERE name LIKE '0003%'")
        await database.migrate()

        assert await database.is_current()
    finally:
        await database.close()


async def test_0005_lets_a_server_of_the_version_before_read_and_write(empty_database_url: str) -> None:
    """It uses a column that the models no longer have, and inserts rows without the new columns. The way back works."""
    database = Database(empty_database_url)
    await database.open()
    company, user = str(uuid4()), str(uuid4())
    true = "1" if database.dialect == "sqlite" else "true"
    insert_as_before = f"""
        INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
        VALUES ('{company}', 'Acme', {true}, {true}, '{START}');
        INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
            is_enabled, created_at, last_login_at, backup_codes_remaining, second_factor_warned_at)
        VALUES ('{user}', '{company}', 'a', 'a', 'a', 'a', 'a', 'MEMBER', 'a', {true}, '{START}', '{START}', 0,
            '{START}');
        INSERT INTO challenge (id, token_hash, user_id, transport, created_at, expires_at)
        VALUES ('{uuid4()}', 'hash', '{user}', 'TOKEN', '{START}', '{START}');
    """  # noqa: S608  # ours
    try:
        await migrate_to(database, "0003_several_factors")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        await migrate_to(database, "0005_warnings_and_clients_of_challenges")
        await database.connection.execute_script(insert_as_before)

        (row,) = await database.connection.execute_query_dict("SELECT second_factor_warned_at AS at FROM user_account")
        assert row["at"] is not None
        assert (await models.User.all().values("warnings_sent")) == [{"warnings_sent": None}]
        assert (await models.Challenge.all().values("ip_address", "user_agent")) == [
            {"ip_address": None, "user_agent": None}
        ]

        await migrate_to(database, "0003_several_factors")

        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
        assert await models.User.all().count() == await models.Challenge.all().count() == 1
    finally:
        await database.close()


async def test_0007_keeps_activations_of_both_versions(empty_database_url: str) -> None:
    """A server of the version before inserts activations without the new column. The way back keeps them."""
    database = Database(empty_database_url)
    await database.open()
    company = str(uuid4())
    true = "1" if database.dialect == "sqlite" else "true"
    secret = "x'01'" if database.dialect == "sqlite" else "decode('01', 'hex')"

    async def insert_activation(email: str) -> None:
        user, when = str(uuid4()), str(START)
        await database.connection.execute_script(
            f"""
            INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
                is_enabled, created_at, last_login_at, backup_codes_remaining)
            VALUES ('{user}', '{company}', 'a', '{email}', 'a', 'a', 'a', 'MEMBER', 'a', {true}, '{when}', '{when}', 0);
            INSERT INTO activation
                (id, token_hash, user_id, factor, encrypted_secret, key_id, last_step, attempts, created_at, expires_at)
            VALUES ('{uuid4()}', '{email}', '{user}', 'OTP', {secret}, 'key', 0, 0, '{when}', '{when}');
            """  # noqa: S608  # ours
        )

    try:
        await migrate_to(database, "0003_several_factors")
        tables = await names(database, TABLES)
        await database.connection.execute_script(
            f"INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)"  # noqa: S608  # ours
            f" VALUES ('{company}', 'Acme', {true}, {true}, '{START}')"
        )
        await insert_activation("before")

        await migrate_to(database, "0007_unacknowledged_codes")

        await insert_activation("after")
        rows = await database.connection.execute_query_dict("SELECT confirmed_by_session_id FROM activation")
        assert [row["confirmed_by_session_id"] for row in rows] == [None, None]

        await migrate_to(database, "0003_several_factors")

        assert await names(database, TABLES) == tables
        assert len(await database.connection.execute_query_dict("SELECT id FROM activation")) == 2
    finally:
        await database.close()


async def test_0014_keeps_authenticators_of_both_versions(empty_database_url: str) -> None:
    """An authenticator from before exists since the activation. The way back keeps the rows."""
    database = Database(empty_database_url)
    await database.open()
    company, user = str(uuid4()), str(uuid4())
    true = "1" if database.dialect == "sqlite" else "true"
    secret = "x'01'" if database.dialect == "sqlite" else "decode('01', 'hex')"

    async def insert_authenticator(token_hash: str) -> None:
        await database.connection.execute_script(
            f"INSERT INTO authenticator (id, user_id, encrypted_secret, key_id, last_step, activation_token_hash,"  # noqa: S608  # ours
            f" activated_by_acknowledgement) VALUES ('{uuid4()}', '{user}', {secret}, 'key', 1, '{token_hash}', {true})"
        )

    try:
        await migrate_to(database, MIGRATION_BEFORE_0014)
        tables = await names(database, TABLES)
        await database.connection.execute_script(
            f"""
            INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)
            VALUES ('{company}', 'Acme', {true}, {true}, '{START}');
            INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
                is_enabled, created_at, last_login_at, two_factor_activated_at, backup_codes_remaining)
            VALUES ('{user}', '{company}', 'a', 'a', 'a', 'a', 'a', 'MEMBER', 'a', {true}, '{START}', '{START}',
                '{START}', 0);
            """  # noqa: S608  # ours
        )
        await insert_authenticator("before")

        await migrate_to(database, "0014_several_authenticators")

        await insert_authenticator("after")
        rows = await models.Authenticator.all().order_by("activation_token_hash")
        assert [(row.created_at, row.purpose) for row in rows] == [(None, "ACTIVATE"), (START, "ACTIVATE")]

        await migrate_to(database, MIGRATION_BEFORE_0014)

        assert await names(database, TABLES) == tables
        assert len(await database.connection.execute_query_dict("SELECT id FROM authenticator")) == 2
    finally:
        await database.close()


async def test_0010_keeps_backup_codes_of_both_versions(empty_database_url: str) -> None:
    """A server of the version before inserts sets without the new column. The way back keeps them."""
    database = Database(empty_database_url)
    await database.open()
    salt = "x'01'" if database.dialect == "sqlite" else "decode('01', 'hex')"
    insert_set = "INSERT INTO backup_code_set (id, user_id, salt, created_at) VALUES ('{id}', '{user}', {salt}, '{at}')"

    async def insert_as_before(user: str) -> None:
        await database.connection.execute_script(insert_set.format(id=uuid4(), user=user, salt=salt, at=START))

    try:
        await migrate_to(database, "0009_email_keys")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        (user,) = await insert_users(database, ["ada@acme.example"])
        await insert_as_before(user)

        await migrate_to(database, "0010_backup_code_replacement")

        await insert_as_before(user)
        assert [row.replacement_token_hash for row in await models.BackupCodeSet.all()] == [None, None]

        await migrate_to(database, "0009_email_keys")

        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
        assert len(await database.connection.execute_query_dict("SELECT id FROM backup_code_set")) == 2
    finally:
        await database.close()


async def test_0012_keeps_events_of_both_versions(empty_database_url: str) -> None:
    """A server of the version before inserts events without the new columns. The way back keeps them."""
    database = Database(empty_database_url)
    await database.open()

    async def insert_as_before(note: str) -> None:
        await database.connection.execute_script(
            f"INSERT INTO security_event (id, kind, occurred_at, note)"  # noqa: S608  # ours
            f" VALUES ('{uuid4()}', 'SECOND_FACTOR_FAILED', '{START}', '{note}')"
        )

    try:
        await migrate_to(database, "0010_backup_code_replacement")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        await insert_as_before("activation")

        await migrate_to(database, "0012_facts_of_events")

        await insert_as_before("activation")
        assert [facts_of(row) for row in await models.SecurityEvent.all()] == [
            EventFacts("OTP", models.SecurityEventContext.ACTIVATION)
        ] * 2

        await migrate_to(database, "0010_backup_code_replacement")

        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
        assert len(await database.connection.execute_query_dict("SELECT id FROM security_event")) == 2
    finally:
        await database.close()


async def test_0016_lets_a_server_of_the_version_before_insert_users(empty_database_url: str) -> None:
    """Nobody was reminded yet. The way back keeps the users."""
    database = Database(empty_database_url)
    await database.open()
    try:
        await migrate_to(database, "0015_enforcement_and_vouchers")
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        await insert_users(database, ["before@acme.example"])

        await migrate_to(database, "0016_setup_reminders")

        await insert_users(database, ["after@acme.example"])
        reminded = await models.User.all().values_list("setup_reminded_at", flat=True)
        assert reminded == [models.NEVER, models.NEVER]
        assert await models.User.filter(setup_reminded_at__lt=START).count() == 2

        await migrate_to(database, "0015_enforcement_and_vouchers")

        assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
        assert len(await keys_of_users(database)) == 2
    finally:
        await database.close()


EMAILS = (
    "ada@acme.example", "Greta@Bücher.example", "bob@xn--bcher-kva.example", "carl@straße.example",
    "straße@acme.example", "ﬁnn@ac\u00adme.example", "x@💩.example", "y@acme..example",
    "李" * 64 + "@" + "".join(map(chr, range(0x4E00, 0x4EB0))), "İ@\u0378.example",
)  # fmt: skip


async def insert_users(database: Database, emails: Sequence[str]) -> list[str]:
    """Insert users as the versions before 0009 did, and return their ids."""
    company, when, ids = str(uuid4()), str(START), []
    true = "1" if database.dialect == "sqlite" else "true"
    await database.connection.execute_script(
        f"INSERT INTO company (id, name, two_factor_enforced, backup_codes_enabled, created_at)"  # noqa: S608  # ours
        f" VALUES ('{company}', 'Acme', {true}, {true}, '{when}')"
    )
    for email in emails:
        ids.append(str(uuid4()))
        await database.connection.execute_script(
            f"""
            INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
                is_enabled, created_at, last_login_at, backup_codes_remaining)
            VALUES ('{ids[-1]}', '{company}', '{email}', '{search_key(email)}', 'Müller', 'müller',
                '{search_key(f"Müller{chr(10)}{email}")}', 'MEMBER', 'a', {true}, '{when}', '{when}', 0);
            """  # noqa: S608  # ours
        )
    return ids


async def keys_of_users(database: Database) -> dict[str, tuple[str, str]]:
    """Return the keys of each email, as they are in the database."""
    rows = await database.connection.execute_query_dict("SELECT email, email_key, search_key FROM user_account")
    return {row["email"]: (row["email_key"], row["search_key"]) for row in rows}


async def test_0009_gives_every_user_the_keys_of_new_users(empty_database_url: str) -> None:
    """A login and a search find them. The emails do not change. The way back works too."""
    database = Database(empty_database_url)
    await database.open()
    try:
        await migrate_to(database, "0008_index_of_imported_hashes")
        await insert_users(database, EMAILS)
        before = await keys_of_users(database)

        await migrate_to(database, "0009_email_keys")

        after = await keys_of_users(database)
        assert after == {email: (email_key(email), user_search_key("Müller", email)) for email in EMAILS}
        assert {email for email in EMAILS if after[email][0] != before[email][0]} == {
            "Greta@Bücher.example", "carl@straße.example", "straße@acme.example", "ﬁnn@ac\u00adme.example",
            "x@💩.example",
        }  # fmt: skip

        await migrate_to(database, "0008_index_of_imported_hashes")

        assert await keys_of_users(database) == before
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@ac\u00adme.example", "anna@acme.example"),
        ("anna@例え。test", "anna@例え.test"),
    ],
)
async def test_0009_changes_nothing_if_two_users_have_one_email(empty_database_url: str, one: str, other: str) -> None:
    """The error names them. The operator deletes one, and migrates again."""
    database = Database(empty_database_url)
    await database.open()
    try:
        await migrate_to(database, "0008_index_of_imported_hashes")
        ids = await insert_users(database, [*EMAILS, one, other])
        before = await keys_of_users(database)

        with pytest.raises(MigrationRefused) as refused:
            await database.migrate()

        names_of_ids = sorted(f"user_{each.replace('-', '')}" for each in ids[-2:])
        assert sorted(re.findall("user_[0-9a-f]{32}", str(refused.value))) == names_of_ids
        assert await keys_of_users(database) == before
        assert not await database.is_current()

        await database.connection.execute_script(f"DELETE FROM user_account WHERE id = '{ids[-1]}'")  # noqa: S608  # ours
        await database.migrate()

        assert (await keys_of_users(database))[one] == (email_key(one), user_search_key("Müller", one))
    finally:
        await database.close()


async def test_0009_can_give_a_user_the_key_that_another_one_had(empty_database_url: str) -> None:
    """`ﬁnn` had the key of `finn`, which another spelling of a domain now gets."""
    database = Database(empty_database_url)
    await database.open()
    emails = ["finn@ac\u00adme.example", "ﬁnn@acme.example"]
    try:
        for order in (emails, emails[::-1]):
            await migrate_to(database, "0008_index_of_imported_hashes")
            await database.connection.execute_script("DELETE FROM user_account")
            await insert_users(database, order)

            await migrate_to(database, "0009_email_keys")

            keys = {email: key for email, (key, _) in (await keys_of_users(database)).items()}
            assert keys == {emails[0]: "finn@acme.example", emails[1]: "ﬁnn@acme.example"}
    finally:
        await database.close()


BEFORE_0017 = "0015_enforcement_and_vouchers"
NAMES = ("zz", "Äpfel", "Łukasz", "apple", "Lukas", "山田", "Müller", "ﷺ" * 33, "株" * 200)


@pytest.mark.parametrize("batch", [1000, 2])
async def test_0011_orders_users_by_the_keys_of_new_users(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """A server of the version before still inserts users. The way back sets the keys of before."""
    module = importlib.import_module("models.migrations.0011_name_sort_keys")
    monkeypatch.setattr(module, "USERS_PER_STATEMENT", batch)
    database = Database(empty_database_url)
    await database.open()

    async def name_keys() -> dict[str, str]:
        rows = await database.connection.execute_query_dict("SELECT name, name_key FROM user_account")
        return {row["name"]: row["name_key"] for row in rows}

    try:
        await migrate_to(database, "0010_backup_code_replacement")
        ids = await insert_users(database, [f"user{number}@a.example" for number, _ in enumerate(NAMES)])
        for user_id, name in zip(ids, NAMES, strict=True):
            await database.connection.execute_script(
                f"UPDATE user_account SET name = '{name}', name_key = '{search_key(name)}' WHERE id = '{user_id}'"  # noqa: S608  # ours
            )
        before, indexes = await name_keys(), await names(database, INDEXES)

        await migrate_to(database, "0011_name_sort_keys")

        assert await name_keys() == {name: name_sort_key(name) for name in NAMES}
        rows = await database.connection.execute_query_dict("SELECT name FROM user_account ORDER BY name_key, id")
        assert [row["name"] for row in rows][:6] == ["Äpfel", "apple", "Lukas", "Łukasz", "Müller", "zz"]
        await insert_users(database, ["old@a.example"])
        assert await models.User.all().count() == len(NAMES) + 1

        await migrate_to(database, "0010_backup_code_replacement")

        assert await name_keys() == before
        assert await names(database, INDEXES) == indexes
    finally:
        await database.close()


async def test_0017_counts_users_of_before_and_those_of_a_server_of_the_version_before(empty_database_url: str) -> None:
    """Triggers count them, so the server need not know of it. The way back leaves no trigger, and works again."""
    database = Database(empty_database_url)
    await database.open()

    async def users_counted() -> int:
        rows = await database.connection.execute_query_dict("SELECT sum(users) AS users FROM user_count")
        return int(rows[0]["users"] or 0)

    try:
        await migrate_to(database, BEFORE_0017)
        tables, indexes = await names(database, TABLES), await names(database, INDEXES)
        await insert_users(database, ["ada@a.example", "bea@a.example"])
        for _ in range(2):
            await migrate_to(database, "0017_user_counts")

            before = await users_counted()
            assert before == await models.User.all().count()
            assert {row.is_sum for row in await models.UserCount.all()} == {True}
            await database.connection.execute_script("UPDATE user_account SET role = 'ADMIN', is_enabled = false")
            await database.connection.execute_script("DELETE FROM user_account WHERE email = 'ada@a.example'")
            await insert_users(database, [f"{uuid4()}@a.example"])
            assert await users_counted() == await models.User.all().count()
            assert await names(database, TRIGGERS) == {"user_count_added", "user_count_changed", "user_count_deleted"}

            await migrate_to(database, BEFORE_0017)

            assert await names(database, TRIGGERS) == set()
            assert (await names(database, TABLES), await names(database, INDEXES)) == (tables, indexes)
    finally:
        await database.close()


async def test_triggers_of_user_counts_are_there_after_all_migrations(database: Database) -> None:
    """SQLite drops them with the table, if a migration copies it."""
    assert await names(database, TRIGGERS) == {"user_count_added", "user_count_changed", "user_count_deleted"}


def test_migrations_have_the_numbers_of_the_product() -> None:
    """A change of a number needs a migration."""
    counts = importlib.import_module("models.migrations.0017_user_counts")
    attempts = importlib.import_module("models.migrations.0018_users_of_attempt_counts")

    assert counts.FEW_CODES == FEW_BACKUP_CODES
    assert (attempts.WAITS_FROM, attempts.LOCKED_AT) == (FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED)


async def test_0018_lets_a_server_of_the_version_before_count_attempts(empty_database_url: str) -> None:
    """It inserts and updates rows without the new column. The way back works."""
    database = Database(empty_database_url)
    await database.open()
    attempt = (
        "INSERT INTO attempt_count (subject, factor, failures, failures_since_sign_in, undecided, last_attempt_at)"  # noqa: S608  # ours
        f" VALUES ('somebody', 'PASSWORD', 1, 1, 1, '{START}')"
        " ON CONFLICT (subject, factor) DO UPDATE SET failures = attempt_count.failures + 1"
    )
    try:
        await migrate_to(database, "0017_user_counts")
        indexes = await names(database, INDEXES)
        await database.connection.execute_script(attempt)

        await migrate_to(database, "0018_users_of_attempt_counts")

        await database.connection.execute_script(attempt)
        (row,) = await models.AttemptCount.all()
        assert (row.failures, row.user_id) == (2, None)

        await migrate_to(database, "0017_user_counts")

        assert await names(database, INDEXES) == indexes
    finally:
        await database.close()


async def test_migration_of_a_large_table_may_take_long(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on the time of a statement is for requests."""
    timeouts = []

    async def migrate(executor: MigrationExecutor, **_: object) -> None:
        if executor.connection.capabilities.dialect == "postgres":
            timeouts.extend(await executor.connection.execute_query_dict("SHOW statement_timeout"))

    monkeypatch.setattr(MigrationExecutor, "migrate", migrate)
    database = Database(empty_database_url)
    await database.open()
    try:
        await database.migrate()

        assert timeouts == ([{"statement_timeout": "0"}] if database.dialect == "postgres" else [])
    finally:
        await database.close()


async def test_database_with_unknown_migrations_is_rejected_unchanged(empty_database_url: str) -> None:
    """A database from before the first release, or from a newer version, has tables that this version does not know."""
    database = Database(empty_database_url)
    await database.open()
    try:
        await database.migrate()
        tables = await names(database, TABLES)
        await database.connection.execute_script(
            "DELETE FROM tortoise_migrations WHERE name <> '0001_schema';"
            "UPDATE tortoise_migrations SET name = '0001_initial'"
        )

        with pytest.raises(UnknownMigrations) as error:
            await database.migrate()

        assert error.value.names == ["0001_initial"]
        assert await names(database, TABLES) == tables
        assert not await database.is_current()
    finally:
        await database.close()


async def test_concurrent_migrations_do_not_conflict(database: Database) -> None:
    """They run one after the other, and the later one has nothing to do."""
    await asyncio.gather(database.migrate(), database.migrate())

    assert await database.is_current()


MIGRATION_BEFORE_0014 = "0013_indexes_of_enabled_users"
ORDERS = {"created_at": "age", "name_key": "name", "last_login_at": "last_login"}
FILTERS = {
    "": "user_by",
    "role = 'ADMIN'": "user_by_role_and",
    "two_factor_activated_at IS NOT NULL": "user_with_two_factor_by",
    "two_factor_activated_at IS NULL": "user_without_two_factor_by",
    "is_enabled = true": "user_by_enabled_and",
    "is_enabled = false": "user_by_enabled_and",
}


async def test_look_up_of_imported_hashes_uses_its_index(database: Database) -> None:
    """It reads no row of a user whose hash is of this product."""
    collation = password_hashes.COLLATIONS[database.dialect]
    statement = password_hashes.NEXT_HASH.format(own=password_hashes.OWN_HASHES, collation=collation)

    plan = await explain(database, statement.replace("$1", "'x'"))

    assert "user_by_imported_hash" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


async def test_look_up_of_locked_users_uses_its_indexes(database: Database, company: models.Company) -> None:
    """It reads neither attempt counts without a wait nor users without one."""
    condition = locked_users(Company.of(company), START)

    plan = await explain(database, models.User.filter(condition, company_id=company.id).sql(params_inline=True))

    assert "attempt_count_with_wait" in plan
    assert "attempt_count_with_lock" in plan


INSERT_USERS = """
    INSERT INTO user_account (id, company_id, email, email_key, name, name_key, search_key, role, password_hash,
        is_enabled, created_at, last_login_at, two_factor_activated_at, backup_codes_remaining)
    SELECT gen_random_uuid(), $1, key, key, key, key, key, CASE WHEN n % 10 = 0 THEN 'ADMIN' ELSE 'MEMBER' END, '',
        n % 3 <> 0, now() - n * interval '1 h', now() - n * interval '1 min', CASE WHEN n % 2 = 0 THEN now() END, n % 11
    FROM (SELECT n, md5(n::text) || '@acme.example' AS key FROM generate_series(1, 1000) AS n) AS people
"""


@pytest.fixture
async def company_id(database: Database, company: models.Company) -> UUID:
    """Create a company account. On PostgreSQL it has 1,000 users, since their statistics decide between indexes."""
    if database.dialect == "postgres":
        await database.connection.execute_query(INSERT_USERS, [company.id])
        await database.connection.execute_query("ANALYZE user_account")
    return company.id


async def explain(database: Database, query: str) -> str:
    """Return the query plan for tables that are too large for a sequential scan."""
    if database.dialect == "sqlite":
        rows = await database.connection.execute_query_dict(f"EXPLAIN QUERY PLAN {query}")
        return "\n".join(row["detail"] for row in rows)
    async with database.transaction():
        # PostgreSQL uses a disabled plan node only if there is no other way.
        for node in ("seqscan", "sort"):
            await database.connection.execute_query(f"SET LOCAL enable_{node} = off")
        rows = await database.connection.execute_query_dict(f"EXPLAIN {query}")
        return "\n".join(row["QUERY PLAN"] for row in rows)


class TestIndexesOfTheUserList:
    @pytest.mark.parametrize("filtered_by", FILTERS)
    async def test_each_order_uses_an_index(self, database: Database, company_id: UUID, filtered_by: str) -> None:
        """A page is read in the order of one index, without sorting."""
        where = " AND ".join(filter(None, [f"company_id = '{company_id}'", filtered_by]))
        for order, index in ORDERS.items():
            plan = await explain(database, f"SELECT * FROM user_account WHERE {where} ORDER BY {order}, id LIMIT 26")  # noqa: S608  # ours

            assert f"{FILTERS[filtered_by]}_{index} " in plan
            assert "Sort" not in plan
            assert "TEMP B-TREE" not in plan

    async def test_filter_by_backup_codes_uses_an_index(self, database: Database, company_id: UUID) -> None:
        """The result is small, so it may be sorted."""
        plan = await explain(
            database,
            f"SELECT * FROM user_account WHERE company_id = '{company_id}' AND two_factor_activated_at IS NOT NULL"  # noqa: S608  # ours
            " AND backup_codes_remaining <= 1",
        )

        assert "user_by_backup_codes_remaining" in plan

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    async def test_search_uses_the_trigram_index(self, database: Database) -> None:
        """It uses the SQL that Tortoise generates for PostgreSQL."""
        query = models.User.filter(search_key__contains="lovelace").sql(params_inline=True)

        plan = await explain(database, query)

        assert "user_by_text" in plan

    @pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
    async def test_pending_list_of_the_search_index_stays_small(
        self, database: Database, company: models.Company
    ) -> None:
        """Each search scans it. If it is long, PostgreSQL ignores the index and reads the whole table."""
        await database.connection.execute_query(INSERT_USERS, [company.id])
        await database.connection.execute_query("UPDATE user_account SET last_login_at = now()")

        (left,) = await database.connection.execute_query_dict("SELECT gin_clean_pending_list('user_by_text') AS pages")

        assert left["pages"] * 8 <= 2 * 64
