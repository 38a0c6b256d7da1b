"""Tests of `countersign keys`."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import models
from models import SecurityEventKind
from models.database import Database
from security.key_ring import EncryptedValue, KeyRing
from settings import key_of
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.support.authenticator import Authenticator
from tests.support.databases import PostgresTemplate
from tests.support.processes import SHUTDOWN_TIMEOUT_S, Client, environment, server, start
from tests.support.users import KEYS
from twofactor import key_rotation, leaked_key

NOW, BEFORE = KEYS.split(",")


def give_two_factor(command_line: CommandLine, email: str, keys: str) -> Authenticator:
    """Activate the 2FA of a user, with a TOTP secret under the first of these keys. Return the authenticator app."""
    secret = secrets.token_bytes(20)

    async def make(database: Database) -> None:
        async with database.transaction():
            user = await models.User.get(email=email)
            encrypted = KeyRing.parse(keys).encrypt(secret, user.id, secrets.token_bytes(12))
            await models.Authenticator.create(
                user=user, encrypted_secret=encrypted.ciphertext, key_id=encrypted.key_id, last_step=0,
                activation_token_hash=secrets.token_hex(32), activated_by_acknowledgement=True,
            )  # fmt: skip
            user.two_factor_activated_at = datetime.now(UTC)
            await user.save(update_fields=["two_factor_activated_at"])

    command_line.query(make)
    return Authenticator(base64.b32encode(secret).decode())


def swap_secrets(command_line: CommandLine, first: str, second: str) -> None:
    """Swap the encrypted TOTP secrets of two users, so that neither can be decrypted."""

    async def swap(database: Database) -> None:
        async with database.transaction():
            one = await models.Authenticator.get(user__email=first)
            other = await models.Authenticator.get(user__email=second)
            await models.Authenticator.filter(user_id=one.user_id).update(encrypted_secret=other.encrypted_secret)
            await models.Authenticator.filter(user_id=other.user_id).update(encrypted_secret=one.encrypted_secret)

    command_line.query(swap)


def can_sign_in(client: Client, email: str, authenticator: Authenticator) -> bool:
    """Return whether the user can sign in with the password and an OTP."""
    challenge = client.log_in(email, GOOD_PASSWORD)["challengeToken"]
    answer = client.verify(challenge, authenticator.otp(datetime.now(UTC)))
    return bool(answer["__typename"] == "LoggedIn")


class TestGenerate:
    def test_prints_a_new_valid_key(self, command_line: CommandLine) -> None:
        """Each key is new. Its id is the date or `--id`. Nothing else is on standard output."""
        first, second = (command_line.run("keys", "generate").stdout for _ in range(2))
        named = command_line.run("keys", "generate", "--id", "k-2").stdout

        assert first != second
        assert KeyRing.parse(first.strip()).current_id.startswith("20")
        assert KeyRing.parse(named.strip()).current_id == "k-2"

    def test_rejects_an_invalid_key_id(self, command_line: CommandLine) -> None:
        """A colon or a comma would end the id."""
        assert "--id" in command_line.run("keys", "generate", "--id", "a:b", exit_code=2).stderr


class TestRotate:
    @pytest.mark.attack("K5")
    def test_otps_work_during_a_failed_and_a_repeated_rotation(
        self, acme: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A secret that cannot be decrypted stops the rotation. After the repair, the next run finishes it."""
        for name in ("ben", "cleo", "dan"):
            acme.create_user(f"{name}@acme.example")
        apps = {name: give_two_factor(acme, f"{name}@acme.example", BEFORE) for name in ("mia", "ben", "cleo", "dan")}
        swap_secrets(acme, "cleo@acme.example", "dan@acme.example")
        monkeypatch.setattr(key_rotation, "BATCH", 1)
        with server(acme.environment) as client:
            stopped = acme.run("keys", "rotate", exit_code=1)
            assert stopped.stderr.startswith("Error: A secret cannot be decrypted: either a key was replaced")
            assert can_sign_in(client, "mia@acme.example", apps["mia"])

            swap_secrets(acme, "cleo@acme.example", "dan@acme.example")
            done = acme.run("keys", "rotate")
            assert "0 remaining" in done.stdout
            assert done.stdout.endswith(f"you may remove these keys from {key_of('secret_keys')}: before\n")
            assert can_sign_in(client, "ben@acme.example", apps["ben"])
            assert can_sign_in(client, "cleo@acme.example", apps["cleo"])
        assert acme.run("keys", "rotate").stdout.startswith("0 re-encrypted under now, 0 remaining.\n")
        with server(acme.environment | {key_of("secret_keys"): NOW}) as client:
            assert can_sign_in(client, "dan@acme.example", apps["dan"])

    def test_names_a_missing_key_and_changes_nothing(self, acme: CommandLine) -> None:
        """The error contains the id of a key that the operator removed too early."""
        give_two_factor(acme, "mia@acme.example", BEFORE)
        acme.environment[key_of("secret_keys")] = NOW
        rejected = acme.run("keys", "rotate", exit_code=1)

        assert rejected.stderr == (
            f"Error: {key_of('secret_keys')} lacks keys that encrypt secrets: before. Nothing was changed.\n"
        )


def leaked_authenticator(command_line: CommandLine, email: str, key: str) -> Authenticator:
    """Return what an attacker makes of a copy of the database and a key: the authenticator of a user."""

    async def encrypted_secret(_database: Database) -> models.Authenticator:
        return await models.Authenticator.get(user__email=email)

    row = command_line.query(encrypted_secret)
    secret = KeyRing.parse(key).decrypt(EncryptedValue(row.key_id, row.encrypted_secret), row.user_id)
    return Authenticator(base64.b32encode(secret).decode())


class TestRevoke:
    @pytest.mark.attack("K11")
    def test_procedure_after_a_leak_makes_the_leaked_secrets_worthless(self, acme: CommandLine) -> None:
        """The steps of `docs/security/operations.md`. The new key is in front, and every server has restarted."""
        for name in ("ben", "cleo"):
            acme.create_user(f"{name}@acme.example")
        give_two_factor(acme, "mia@acme.example", BEFORE)
        give_two_factor(acme, "ben@acme.example", BEFORE)
        unaffected = give_two_factor(acme, "cleo@acme.example", KEYS)
        stolen = leaked_authenticator(acme, "mia@acme.example", BEFORE)

        counted = acme.run("keys", "revoke", "before", "--dry-run")
        assert counted.stdout == "2 users are affected. Nothing was changed.\n"
        with server(acme.environment) as client:
            assert can_sign_in(client, "mia@acme.example", stolen)

            done = acme.run("keys", "revoke", "before", "--yes", "--reason", "A key has leaked.")

            assert done.stdout.startswith("2 users reset.")
            assert client.log_in("mia@acme.example", GOOD_PASSWORD)["__typename"] == "LoggedIn"
        assert acme.kinds().count(SecurityEventKind.TWO_FACTOR_RESET) == 2
        assert acme.query(recipients_of_reset_emails) == ["ben@acme.example", "mia@acme.example"]
        with server(acme.environment | {key_of("secret_keys"): NOW}) as client:
            session = client.log_in("mia@acme.example", GOOD_PASSWORD)["sessionToken"]
            renewed, _ = client.activate(session, GOOD_PASSWORD, lambda: datetime.now(UTC))
            assert renewed.key != stolen.key
            challenge = client.log_in("mia@acme.example", GOOD_PASSWORD)["challengeToken"]
            assert client.verify(challenge, stolen.otp(datetime.now(UTC)))["__typename"] == "WrongSecondFactor"
            assert can_sign_in(client, "cleo@acme.example", unaffected)

    @pytest.mark.attack("K11")
    def test_rotation_alone_does_not_help(self, acme: CommandLine) -> None:
        """It encrypts the same secret again. The time of the activation then tells who is affected."""
        give_two_factor(acme, "mia@acme.example", BEFORE)
        stolen = leaked_authenticator(acme, "mia@acme.example", BEFORE)
        acme.run("keys", "rotate")
        with server(acme.environment) as client:
            assert can_sign_in(client, "mia@acme.example", stolen)
        assert acme.run("keys", "revoke", "before", "--dry-run").stdout.startswith("0 users are affected.")

        past, future = (f"{datetime.now(UTC) + days:%Y-%m-%dT%H:%M:%SZ}" for days in (-timedelta(1), timedelta(1)))
        earlier = acme.run("keys", "revoke", "before", "--activated-before", past, "--yes")
        done = acme.run("keys", "revoke", "before", "--activated-before", future, "--yes")

        assert earlier.stdout.startswith("0 users reset.")
        assert done.stdout.startswith("1 users reset.")
        assert acme.user("mia@acme.example").two_factor_activated_at is None

    def test_finishes_after_an_interruption(self, acme: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each reset is a transaction of its own. The next run resets the others, and nobody twice."""
        acme.create_user("ben@acme.example")
        for name in ("mia", "ben"):
            give_two_factor(acme, f"{name}@acme.example", BEFORE)
        monkeypatch.setattr(leaked_key, "BATCH", 1)
        resets = leaked_key.reset_affected_users

        async def interrupted(*arguments: Any) -> AsyncIterator[int]:  # noqa: ANN401  # of the function
            async for count in resets(*arguments):
                yield count
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("cli.keys.reset_affected_users", interrupted)
            stopped = acme.run("keys", "revoke", "before", "--yes", exit_code=130)
        # The line before it is the audit event.
        assert stopped.stderr.endswith(
            "\nError: Stopped. Finished resets are saved. Run the command again to continue.\n"
        )

        assert acme.run("keys", "revoke", "before", "--yes").stdout.startswith("1 users reset.")
        assert acme.kinds().count(SecurityEventKind.TWO_FACTOR_RESET) == 2

    def test_deletes_an_unfinished_activation(self, command_line: CommandLine) -> None:
        """Otherwise the leaked secret could still be activated. The user starts again."""

        async def start_activation_only(database: Database) -> None:
            await create_authenticator_and_activation(database)
            async with database.transaction():
                await models.Authenticator.all().delete()
                await models.User.all().update(two_factor_activated_at=None)

        command_line.query(start_activation_only)

        assert command_line.run("keys", "revoke", "before", "--yes").stdout.startswith("1 users reset.")

        assert command_line.query(number_of_activations) == 0
        assert command_line.kinds() == []

    def test_rejects_the_key_that_still_encrypts(self, acme: CommandLine) -> None:
        """Otherwise users would set up 2FA again under the leaked key."""
        give_two_factor(acme, "mia@acme.example", KEYS)

        rejected = acme.run("keys", "revoke", "now", "--yes", exit_code=1)

        assert rejected.stderr.startswith(f"Error: now is still the first key of {key_of('secret_keys')}.")
        assert acme.user("mia@acme.example").two_factor_activated_at is not None

    def test_asks_for_confirmation(self, acme: CommandLine) -> None:
        """The question contains the number of users. Without a yes, nothing changes."""
        give_two_factor(acme, "mia@acme.example", BEFORE)

        asked = acme.run("keys", "revoke", "before", stdin="n\n", exit_code=1)

        assert "Reset the 2FA of 1 users?" in asked.stderr
        assert acme.user("mia@acme.example").two_factor_activated_at is not None


async def recipients_of_reset_emails(_database: Database) -> list[str]:
    """Return the recipients of the emails about a reset of 2FA, in alphabetical order."""
    return sorted([email.recipient_email for email in await models.OutboxEmail.filter(kind="two_factor_reset")])


async def number_of_activations(_database: Database) -> int:
    """Return the number of unfinished activations."""
    return await models.Activation.all().count()


# Runs `countersign keys rotate` and sends SIGINT to itself after each batch, so that the moment of the signal is fixed.
# If the tests run in the background of a shell, their processes ignore SIGINT by default.
ROTATION_INTERRUPTED_AFTER_A_BATCH = """
import os, signal
from cli.main import app
from twofactor import key_rotation

signal.signal(signal.SIGINT, signal.default_int_handler)
reencrypt_all = key_rotation.reencrypt_all

async def interrupted(services):
    async for count in reencrypt_all(services):
        yield count
        os.kill(os.getpid(), signal.SIGINT)

key_rotation.reencrypt_all = interrupted
app(["keys", "rotate"])
"""


def test_ctrl_c_stops_a_rotation_between_two_batches(migrated_postgres: PostgresTemplate) -> None:
    """The first batch stays re-encrypted, the exit code is that of an interrupt, and the next run does the rest."""
    url = migrated_postgres.copy()
    command_line = CommandLine(url)
    try:
        command_line.query(create_authenticator_and_activation)
        process = start("-c", ROTATION_INTERRUPTED_AFTER_A_BATCH, env=environment(**command_line.environment))
        _, stderr = process.communicate(timeout=SHUTDOWN_TIMEOUT_S)

        assert (process.returncode, stderr) == (
            130,
            "Error: Stopped. Finished batches are saved. Run the command again to continue.\n",
        )
        assert command_line.query(key_ids) == ["now", "before"]
        assert command_line.run("keys", "rotate").stdout.startswith("1 re-encrypted under now, 0 remaining.\n")
    finally:
        migrated_postgres.drop(url)


async def test_cancelled_transaction_is_not_reported_as_an_unavailable_database(
    migrated_postgres: PostgresTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled ends with CancelledError, even if asyncpg cannot cancel its statement on the server."""
    monkeypatch.setattr("models.database_url.STATEMENT_TIMEOUT_MS", 3_600_000)
    url = await asyncio.to_thread(migrated_postgres.copy)
    database = Database(url)
    await database.open()
    statement_follows = asyncio.Event()
    cancel_requested = asyncio.Event()

    async def run_statement() -> None:
        async with database.transaction():
            statement_follows.set()
            # Without parameters asyncpg sends the statement in one step, so there is no reply before the cancellation.
            await database.connection.execute_script("SELECT pg_sleep(3600)")

    async def fail(**_parameters: object) -> None:
        cancel_requested.set()
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncpg.connect_utils, "_cancel", fail)
    try:
        task = asyncio.create_task(run_statement())
        await statement_follows.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cancel_requested.is_set()
    finally:
        await database.close()
        await asyncio.to_thread(migrated_postgres.drop, url)


async def create_authenticator_and_activation(database: Database) -> None:
    """Create a user with an authenticator and an activation, both encrypted under the old key."""
    ring, now = KeyRing.parse(BEFORE), datetime.now(UTC)
    async with database.transaction():
        company = await models.Company.create(name="Acme", created_at=now)
        user = await models.User.create(
            company=company, email="mia@acme.example", email_key="mia@acme.example", name="Mia", name_key="mia",
            search_key="mia", password_hash="-", created_at=now, two_factor_activated_at=now,
        )  # fmt: skip
        encrypted = ring.encrypt(secrets.token_bytes(20), user.id, secrets.token_bytes(12))
        secret: dict[str, Any] = {"user": user, "encrypted_secret": encrypted.ciphertext, "key_id": encrypted.key_id}
        await models.Authenticator.create(
            **secret, last_step=0, activation_token_hash="0" * 64, activated_by_acknowledgement=True
        )
        await models.Activation.create(
            factor="OTP", **secret, token_hash="0" * 64, created_at=now, expires_at=now + timedelta(minutes=10)
        )


async def key_ids(_database: Database) -> list[str]:
    """Return the ids of the keys that encrypt the authenticator and the activation."""
    return [(await models.Authenticator.get()).key_id, (await models.Activation.get()).key_id]
