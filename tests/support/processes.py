"""Start the product as processes: the command line, a server, the demo."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.support.authenticator import Authenticator
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    CONFIRM_OTP,
    LOGIN,
    START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE,
    VERIFY_LOGIN,
    VIEWER,
)

REPOSITORY = Path(__file__).parents[2]
# The time between two checks of a condition.
POLL_INTERVAL_S = 0.05
SHUTDOWN_TIMEOUT_S = 60


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of this process without settings of the product, and with these variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COUNTERSIGN_")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"} | variables


def start(*arguments: str, env: Mapping[str, str], cwd: Path = REPOSITORY) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS`."""
    return subprocess.Popen(  # no untrusted arguments
        [sys.executable, *arguments], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until the condition is true. Fail if the process ends or the timeout passes."""
    for _ in range(int(SHUTDOWN_TIMEOUT_S / POLL_INTERVAL_S)):
        if condition():
            return
        try:
            process.wait(POLL_INTERVAL_S)
        except subprocess.TimeoutExpired:
            continue
        break
    message = f"the condition did not become true; exit code {process.poll()}"
    if process.poll() is not None:
        message += "\n".join(map(str, process.communicate()))
    raise AssertionError(message)


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """Send a signal to a process and wait for its end. Return its standard output and standard error."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.communicate(timeout=SHUTDOWN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Client:
    """A client that sends HTTP requests to a server."""

    url: str

    def execute(self, query: str, token: str | None = None, **variables: object) -> Any:  # noqa: ANN401  # JSON can be anything
        """Execute an operation with one root field, require that there are no top-level errors, and return it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        response = httpx.post(self.url, json=body, headers=headers, timeout=SHUTDOWN_TIMEOUT_S, trust_env=False).json()
        assert "errors" not in response, response
        (field,) = response["data"].values()
        return field

    def log_in(self, email: str, password: str) -> Any:  # noqa: ANN401  # JSON can be anything
        """Call `login`."""
        return self.execute(LOGIN, email=email, password=password)

    def verify(self, challenge: str, otp: str) -> Any:  # noqa: ANN401  # JSON can be anything
        """Call `verifyLogin` with an OTP."""
        return self.execute(VERIFY_LOGIN, challengeToken=challenge, secondFactor={"otp": otp})

    def viewer(self, token: str) -> Any:  # noqa: ANN401  # JSON can be anything
        """Return the viewer of a session, or None if the session has ended."""
        return self.execute(VIEWER, token)

    def activate(self, token: str, password: str, clock: Callable[[], datetime]) -> tuple[Authenticator, list[str]]:
        """Activate 2FA with an authenticator app that scans the QR code. Return the app and the backup codes."""
        started = self.execute(START_TWO_FACTOR_ACTIVATION_WITH_QR_CODE, token, password=password)
        activation_id, authenticator = started["activationId"], Authenticator.scan(started["qrCode"]["svg"])
        result = self.execute(CONFIRM_OTP, token, activationId=activation_id, otp=authenticator.otp(clock()))
        codes: list[str] = result.get("codes", [])
        if codes:
            result = self.execute(ACKNOWLEDGE_BACKUP_CODES, token, activationId=activation_id)
        assert result["__typename"] == "TwoFactorActivated"
        return authenticator, codes


def is_ready(root: str) -> bool:
    """Return whether `/health/ready` responds with 200."""
    try:
        return (
            httpx.get(f"{root}/health/ready", timeout=SHUTDOWN_TIMEOUT_S, trust_env=False).status_code == httpx.codes.OK
        )
    except httpx.TransportError:
        return False


@contextmanager
def server(settings: Mapping[str, str]) -> Iterator[Client]:
    """Run `countersign serve`, and yield a client when it is ready."""
    port = free_port()
    process = start("-m", "cli", "serve", env=environment(**settings, COUNTERSIGN_PORT=str(port)))
    root = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(root), process)
        yield Client(f"{root}/graphql")
    finally:
        end(process)
