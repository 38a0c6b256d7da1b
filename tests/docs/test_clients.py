"""The example clients in `docs/clients/` go through the whole life of 2FA on a real server."""

import asyncio
import importlib.util
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

import models
from models import SecurityEventKind
from models.database import Database
from tests.conftest import PASSWORD
from tests.docs.blocks import ROOT
from tests.support.authenticator import Authenticator

CLIENTS = ROOT / "docs" / "clients"
# What the trail says afterwards, in whatever order.
LIFE = sorted(
    [
        SecurityEventKind.LOGIN_SUCCEEDED,
        SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED,
        SecurityEventKind.BACKUP_CODES_ISSUED,
        SecurityEventKind.TWO_FACTOR_ACTIVATED,
        SecurityEventKind.LOGGED_OUT,
        SecurityEventKind.LOGIN_SUCCEEDED,
        SecurityEventKind.TWO_FACTOR_DEACTIVATED,
        SecurityEventKind.LOGGED_OUT,
    ]
)


async def trail(database: Database) -> list[str]:
    """The kinds of all events."""
    async with database.reading():
        kinds = await models.SecurityEvent.all().values_list("kind", flat=True)
    return sorted(str(kind) for kind in kinds)


def python_client() -> ModuleType:
    """The Python client, as a module."""
    path = CLIENTS / "python" / "client.py"
    spec = importlib.util.spec_from_file_location("countersign_client_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Person:
    """Somebody who reads what the client shows and enters what it asks for."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._otps = 0

    def show(self, text: str) -> None:
        """Read."""
        self.shown.append(text)

    def ask(self, prompt: str) -> str:
        """Enter the next OTP each time, for the one before is used up; half a minute ahead is allowed."""
        if not prompt.startswith("One-time password"):
            return ""
        key = next(text for text in self.shown if text.startswith("Key")).rpartition(" ")[2]
        self._otps += 1
        return Authenticator(key).otp(datetime.now(UTC) + (self._otps - 1) * timedelta(seconds=30))


async def test_the_python_client(url: str, member: models.User, database: Database) -> None:
    """It signs in, activates 2FA, signs in with an OTP and deactivates."""
    client, person = python_client(), Person()

    await client.life(client.Countersign(url), member.email, PASSWORD, person.ask, person.show)

    assert await trail(database) == LIFE
    assert [text for text in person.shown if not text.startswith(("Key", "Backup codes:"))] == [
        "Signed in as Mia.",
        "2FA is active.",
        "Signed in as Mia.",
        "2FA is inactive.",
    ]


async def test_the_python_client_is_refused_in_words(url: str, member: models.User) -> None:
    """A refusal is an error with the server's message and the name of its type."""
    client, person = python_client(), Person()

    with pytest.raises(client.RefusedError, match="do not match an account") as refused:
        await client.life(client.Countersign(url), member.email, "not the password", person.ask, person.show)

    assert refused.value.type_name == "WrongEmailOrPassword"


async def run_flow(url: str, email: str, password: str) -> tuple[int, str]:
    """Run the curl script. How it ended, and what it said."""
    environment = {"PATH": f"{Path(shutil.which('python3') or '').parent}:/usr/bin:/bin", "EMAIL": email}
    process = await asyncio.create_subprocess_exec(
        CLIENTS / "curl" / "flow.sh",
        url,
        env=environment | {"PASSWORD": password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()


needs_curl = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "python3"))), reason="the script is for bash, curl and python3"
)


@needs_curl
async def test_the_curl_script(url: str, member: models.User, database: Database) -> None:
    """It signs in, activates 2FA, signs in with a backup code and deactivates."""
    status, output = await run_flow(url, member.email, PASSWORD)

    assert status == 0, output
    assert "9 backup codes are left" in output
    assert await trail(database) == sorted([*LIFE, SecurityEventKind.BACKUP_CODE_USED])


@needs_curl
async def test_the_curl_script_stops_at_a_refusal(url: str, member: models.User, database: Database) -> None:
    """It goes on only with an answer that it knows."""
    status, output = await run_flow(url, member.email, "not the password")

    assert status == 1
    assert output.endswith("refused: WrongEmailOrPassword: This email and password do not match an account.\n")
    assert await trail(database) == [SecurityEventKind.LOGIN_FAILED]
