"""`countersign keys`."""

import asyncio
import base64
import secrets
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import models
from models.database import Database
from settings import key_of
from tests.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.cli.processes import A_MOMENT_S, PATIENCE_S, Client, environment, server
from tests.conftest import KEYS
from tests.support.authenticator import Authenticator
from tests.support.databases import PostgresTemplate
from twofactor import upkeep
from twofactor.rules.sealing import KeyRing

NOW, BEFORE = KEYS.split(",")


def give_two_factor(command_line: CommandLine, email: str, keys: str) -> Authenticator:
    """Make the 2FA of a user active, its seed sealed under the first of these keys. Their authenticator app."""
    seed = secrets.token_bytes(20)

    async def make(database: Database) -> None:
        async with database.transaction():
            user = await models.User.get(email=email)
            sealed = KeyRing.parse(keys).seal(seed, user.id, secrets.token_bytes(12))
            await models.Authenticator.create(
                user=user, sealed_seed=sealed.box, key_id=sealed.key_id, last_step=0,
                activation_token_hash=secrets.token_hex(32), activated_by_acknowledgement=True,
            )  # fmt: skip
            user.two_factor_activated_at = datetime.now(UTC)
            await user.save(update_fields=["two_factor_activated_at"])

    command_line.ask(make)
    return Authenticator(base64.b32encode(seed).decode())


def swap_seeds(command_line: CommandLine, first: str, second: str) -> None:
    """Swap the sealed seeds of two users, so that neither opens."""

    async def swap(database: Database) -> None:
        async with database.transaction():
            one = await models.Authenticator.get(user__email=first)
            other = await models.Authenticator.get(user__email=second)
            await models.Authenticator.filter(user_id=one.user_id).update(sealed_seed=other.sealed_seed)
            await models.Authenticator.filter(user_id=other.user_id).update(sealed_seed=one.sealed_seed)

    command_line.ask(swap)


def signs_in(client: Client, email: str, authenticator: Authenticator) -> bool:
    """Whether the password and an OTP open a session."""
    challenge = client.log_in(email, GOOD_PASSWORD)["challengeToken"]
    answer = client.verify(challenge, authenticator.otp(datetime.now(UTC)))
    return bool(answer["__typename"] == "LoggedIn")


class TestGenerate:
    def test_a_key_is_good_for_the_ring(self, command_line: CommandLine) -> None:
        """Each is new, named by date or as the operator says, and alone on standard output."""
        first, second = (command_line.run("keys", "generate").stdout for _ in range(2))
        named = command_line.run("keys", "generate", "--id", "k-2").stdout

        assert first != second
        assert KeyRing.parse(first.strip()).current_id.startswith("20")
        assert KeyRing.parse(named.strip()).current_id == "k-2"

    def test_a_name_that_the_ring_does_not_take_is_refused(self, command_line: CommandLine) -> None:
        """A colon or a comma would end the name."""
        assert "--id" in command_line.run("keys", "generate", "--id", "a:b", exit_code=2).stderr


class TestRotate:
    def test_otps_work_while_a_rotation_stops_and_goes_on(
        self, acme: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A secret that cannot be unsealed stops the rotation in the middle; repeated once that is mended, it ends."""
        for name in ("ben", "cleo", "dan"):
            acme.create_user(f"{name}@acme.example")
        apps = {name: give_two_factor(acme, f"{name}@acme.example", BEFORE) for name in ("mia", "ben", "cleo", "dan")}
        swap_seeds(acme, "cleo@acme.example", "dan@acme.example")
        monkeypatch.setattr(upkeep, "BATCH", 1)
        with server(acme.environment) as client:
            stopped = acme.run("keys", "rotate", exit_code=1)
            assert stopped.stderr.startswith("Error: A secret cannot be unsealed: either a key was replaced")
            assert signs_in(client, "mia@acme.example", apps["mia"])

            swap_seeds(acme, "cleo@acme.example", "dan@acme.example")
            done = acme.run("keys", "rotate")
            assert "0 remaining" in done.stdout
            assert done.stdout.endswith(f"these may be dropped from {key_of('secret_keys')}: before\n")
            assert signs_in(client, "ben@acme.example", apps["ben"])
            assert signs_in(client, "cleo@acme.example", apps["cleo"])
        assert acme.run("keys", "rotate").stdout.startswith("0 sealed anew under now, 0 remaining.\n")
        with server(acme.environment | {key_of("secret_keys"): NOW}) as client:
            assert signs_in(client, "dan@acme.example", apps["dan"])

    def test_a_key_that_is_missing_is_named_before_anything_changes(self, acme: CommandLine) -> None:
        """The operator who dropped a key too early learns which one, and never sees its value."""
        give_two_factor(acme, "mia@acme.example", BEFORE)
        acme.environment[key_of("secret_keys")] = NOW
        refused = acme.run("keys", "rotate", exit_code=1)

        assert refused.stderr == (
            f"Error: Secrets are sealed under keys that are not in {key_of('secret_keys')}: before. "
            "Nothing was changed.\n"
        )


async def test_ctrl_c_stops_a_rotation_between_two_batches(migrated_postgres: PostgresTemplate) -> None:
    """What is done stays done, the exit code is that of an interrupt, and the next run does the rest."""
    url = await asyncio.to_thread(migrated_postgres.copy)
    database = Database(url)
    await database.open()
    try:
        await _rotate_and_interrupt(database, environment(COUNTERSIGN_DATABASE_URL=url, COUNTERSIGN_SECRET_KEYS=KEYS))
    finally:
        await database.close()
        await asyncio.to_thread(migrated_postgres.drop, url)


async def _rotate_and_interrupt(database: Database, env: dict[str, str]) -> None:
    ring, now = KeyRing.parse(BEFORE), datetime.now(UTC)
    async with database.transaction():
        company = await models.Company.create(name="Acme", created_at=now)
        user = await models.User.create(
            company=company, email="mia@acme.example", email_key="mia@acme.example", name="Mia", name_key="mia",
            search_key="mia", password_hash="-", created_at=now, two_factor_activated_at=now,
        )  # fmt: skip
        sealed = ring.seal(secrets.token_bytes(20), user.id, secrets.token_bytes(12))
        seed: dict[str, Any] = {"user": user, "sealed_seed": sealed.box, "key_id": sealed.key_id}
        await models.Authenticator.create(
            **seed, last_step=0, activation_token_hash="0" * 64, activated_by_acknowledgement=True
        )
        await models.Activation.create(
            **seed, token_hash="0" * 64, created_at=now, expires_at=now + timedelta(minutes=10)
        )

    async def rotate() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "keys", "rotate", env=env, cwd=env["PYTHONPATH"],
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async with database.transaction():
        # The rotation waits here, having done the authenticators.
        await models.Activation.all().select_for_update()
        process = await rotate()
        for _ in range(int(PATIENCE_S / A_MOMENT_S)):
            if await models.Authenticator.filter(key_id="now").exists():
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), A_MOMENT_S)
        process.send_signal(signal.SIGINT)
        _, stderr = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, stderr) == (130, b"Error: Stopped. What is done stays done; run it again to go on.\n")
    assert await models.Activation.filter(key_id="before").exists()
    process = await rotate()
    stdout, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert stdout.startswith(b"1 sealed anew under now, 0 remaining.\n")
