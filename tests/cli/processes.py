"""Processes of ours as an operator starts them: the command line itself, a server, the demo."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).parents[2]
# Each try waits this long, for the process to end or for time to pass.
A_MOMENT_S = 0.05
PATIENCE_S = 60


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process: ours without any setting, and these."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COUNTERSIGN_")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"} | variables


def start(*arguments: str, env: Mapping[str, str], cwd: Path = REPOSITORY) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS`."""
    return subprocess.Popen(  # our own arguments
        [sys.executable, *arguments], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something holds, while a process runs."""
    for _ in range(int(PATIENCE_S / A_MOMENT_S)):
        if holds():
            return
        try:
            process.wait(A_MOMENT_S)
        except subprocess.TimeoutExpired:
            continue
        break
    message = f"it never came about; exit code {process.poll()}"
    if process.poll() is not None:
        message += "\n".join(map(str, process.communicate()))
    raise AssertionError(message)


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """Tell a process to stop, and wait for it. What it printed."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


LOGIN = """mutation ($email: String!, $password: String!) { login(email: $email, password: $password) {
  __typename ... on LoggedIn { sessionToken } ... on SecondFactorRequired { challengeToken } } }"""
VERIFY = """mutation ($challenge: String!, $otp: String!) {
  verifyLogin(challengeToken: $challenge, secondFactor: {otp: $otp}) {
    __typename ... on LoggedIn { sessionToken } } }"""
VIEWER = "{ viewer { email role twoFactor { state } } }"


@dataclass
class Client:
    """A client of a server, over real HTTP."""

    url: str

    def execute(self, query: str, token: str | None = None, **variables: str) -> Any:  # noqa: ANN401  # the data
        """Send an operation that has to go without top-level errors. Its data."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        answer = httpx.post(self.url, json=body, headers=headers, timeout=PATIENCE_S, trust_env=False).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def log_in(self, email: str, password: str) -> Any:  # noqa: ANN401  # the answer
        """Take the first step of signing in."""
        return self.execute(LOGIN, email=email, password=password)["login"]

    def verify(self, challenge: str, otp: str) -> Any:  # noqa: ANN401  # the answer
        """Take the second step."""
        return self.execute(VERIFY, challenge=challenge, otp=otp)["verifyLogin"]

    def viewer(self, token: str) -> Any:  # noqa: ANN401  # the answer
        """Who a session is; None where it is over."""
        return self.execute(VIEWER, token)["viewer"]


def is_ready(root: str) -> bool:
    """Whether a server says that it can serve."""
    try:
        return httpx.get(f"{root}/health/ready", timeout=PATIENCE_S, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def server(settings: Mapping[str, str]) -> Iterator[Client]:
    """`countersign serve`, ready."""
    port = free_port()
    process = start("-m", "cli", "serve", env=environment(**settings, COUNTERSIGN_PORT=str(port)))
    root = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(root), process)
        yield Client(f"{root}/graphql")
    finally:
        end(process)
