"""Tests of `countersign keys`."""

import asyncio
import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import models
from models.database import Database
from security.key_ring import KeyRing
from settings import key_of
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.support.authenticator import Authenticator
from tests.support.databases import PostgresTemplate
from tests.support.processes import SHUTDOWN_TIMEOUT_S, Client, environment, server, start
from tests.support.users import KEYS
from twofactor import key_rotation

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
