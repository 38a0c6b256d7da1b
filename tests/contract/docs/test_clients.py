"""Run the example clients in `examples/clients/` against a real server."""

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
from tests.contract.docs.markdown import ROOT
from tests.support.authenticator import Authenticator
from tests.support.users import PASSWORD

PYTHON_CLIENT = ROOT / "examples/clients/python/client.py"
CURL_SCRIPT = ROOT / "examples/clients/curl/flow.sh"
# The audit events of a complete run, sorted: events of the same second have no order.
EVENTS_OF_A_RUN = sorted(
    [
        SecurityEventKind.LOGIN_SUCCEEDED,
        SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED,
        SecurityEventKind.BACKUP_CODES_ISSUED,
        SecurityEventKind.TWO_FACTOR_ACTIVATED,
        SecurityEventKind.LOGGED_OUT,
        SecurityEventKind.SECOND_FACTOR_REQUIRED,
        SecurityEventKind.LOGIN_SUCCEEDED,
        SecurityEventKind.TWO_FACTOR_DEACTIVATED,
        SecurityEventKind.LOGGED_OUT,
    ]
)


async def audit_event_kinds(database: Database) -> list[str]:
    """Return the kinds of all audit events, sorted."""
    async with database.reading():
        kinds = await models.SecurityEvent.all().values_list("kind", flat=True)
    return sorted(str(kind) for kind in kinds)


def load_python_client() -> ModuleType:
    """Import the Python client, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("countersign_client_example", PYTHON_CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Terminal:
    """Stands for the terminal of the Python client: records the output and answers the prompts."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._otps = 0

    def show(self, text: str) -> None:
        """Record a line of output."""
        self.shown.append(text)

    def ask(self, prompt: str) -> str:
        """Answer a prompt. Each prompt for an OTP gets the OTP of the next time step.

        The server accepts each OTP once, and an OTP up to one time step ahead of its clock.
        """
        if not prompt.startswith("One-time password"):
            return ""
        key = next(text for text in self.shown if text.startswith("Key")).rpartition(" ")[2]
        self._otps += 1
        return Authenticator(key).otp(datetime.now(UTC) + (self._otps - 1) * timedelta(seconds=30))


async def test_python_client_completes_the_flow(url: str, member: models.User, database: Database) -> None:
    """Log in, activate 2FA, log in with an OTP and deactivate 2FA."""
    client, terminal = load_python_client(), Terminal()

    await client.run_flow(client.Countersign(url), member.email, PASSWORD, terminal.ask, terminal.show)

    assert await audit_event_kinds(database) == EVENTS_OF_A_RUN
    assert [text for text in terminal.shown if not text.startswith(("Key", "Backup codes:"))] == [
        f"Logged in as {member.name}.",
        "2FA is active.",
        f"Logged in as {member.name}.",
        "2FA is inactive.",
    ]


async def test_python_client_raises_user_error(url: str, member: models.User) -> None:
    """Raise a user error with the message of the server and the name of the type."""
    client, terminal = load_python_client(), Terminal()

    with pytest.raises(client.UserError, match="do not match an account") as raised:
        await client.run_flow(client.Countersign(url), member.email, "not the password", terminal.ask, terminal.show)

    assert raised.value.type_name == "WrongEmailOrPassword"


async def run_curl_script(url: str, email: str, password: str) -> tuple[int, str]:
    """Run the curl script and return its exit status and its output."""
    environment = {"PATH": f"{Path(shutil.which('python3') or '').parent}:/usr/bin:/bin", "EMAIL": email}
    process = await asyncio.create_subprocess_exec(
        CURL_SCRIPT,
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
    not all(map(shutil.which, ("bash", "curl", "python3"))), reason="the script needs bash, curl and python3"
)


@needs_curl
async def test_curl_script_completes_the_flow(url: str, member: models.User, database: Database) -> None:
    """Log in, activate 2FA, log in with a backup code and deactivate 2FA."""
    status, output = await run_curl_script(url, member.email, PASSWORD)

    assert status == 0, output
    assert "9 backup codes are left" in output
    assert await audit_event_kinds(database) == sorted([*EVENTS_OF_A_RUN, SecurityEventKind.BACKUP_CODE_USED])


@needs_curl
async def test_curl_script_stops_at_a_user_error(url: str, member: models.User, database: Database) -> None:
    """Print the user error and exit with status 1."""
    status, output = await run_curl_script(url, member.email, "not the password")

    assert status == 1
    assert output.endswith("user error: WrongEmailOrPassword: This email and password do not match an account.\n")
    assert await audit_event_kinds(database) == [SecurityEventKind.LOGIN_FAILED]
