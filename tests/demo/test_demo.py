"""`python -m demo`, as a newcomer starts it."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import Client, end, environment, start, wait_until
from tests.support.authenticator import Authenticator

START = """mutation ($password: String!) { startTwoFactorActivation(password: $password) {
  __typename ... on TwoFactorActivation { activationId qrCode { svg } } } }"""
CONFIRM = """mutation ($activation: ID!, $otp: String!) { confirmOtp(activationId: $activation, otp: $otp) {
  __typename ... on BackupCodesIssued { codes } } }"""
ACKNOWLEDGE = """mutation ($activation: ID!) { acknowledgeBackupCodes(activationId: $activation) { __typename } }"""


@dataclass
class Demo:
    """A demo that is ready."""

    process: subprocess.Popen[str]
    data: Path

    @property
    def facts(self) -> Any:  # noqa: ANN401  # JSON can be anything
        """What `demo.json` says."""
        return json.loads((self.data / "demo.json").read_text(encoding="utf-8"))

    @property
    def client(self) -> Client:
        """A client of its API."""
        return Client(self.facts["graphql_url"])

    def letters(self) -> list[Path]:
        """The letters that have been kept, oldest first."""
        return sorted(Path(self.facts["mail_dir"]).glob("*.eml"))


@contextmanager
def demo(data: Path, variables: Mapping[str, str] | None = None) -> Iterator[Demo]:
    """A demo with its data in a folder, ready, and in the end stopped as by Ctrl-C."""
    process = start("-m", "demo", env=environment(PORT="0", DATA=str(data)) | dict(variables or {}))
    running = Demo(process, data)
    try:
        wait_until((data / "demo.json").exists, process)
        yield running
    finally:
        stdout, stderr = end(process, signal.SIGINT)
    assert process.returncode == 0, stdout + stderr
    assert stderr == ""
    assert not (data / "demo.json").exists()


def test_a_first_start_has_everything_to_try_2fa(tmp_path: Path) -> None:
    """Two company accounts of an admin and three members, real sign-in, letters as files; all kept over restarts."""
    with demo(tmp_path / "data") as first:
        facts = first.facts
        assert list(facts) == ["graphql_url", "mail_dir", "users"]
        assert (tmp_path / "data" / "demo.json").stat().st_mode & 0o777 == 0o600
        assert Path(facts["mail_dir"]).is_absolute()
        assert [set(user) for user in facts["users"]] == [{"email", "password", "role", "company"}] * 8
        assert [user["role"] for user in facts["users"]] == ["ADMIN", "MEMBER", "MEMBER", "MEMBER"] * 2
        for user in facts["users"]:
            answer = first.client.log_in(user["email"], user["password"])
            assert answer["__typename"] == "LoggedIn"
            flags = first.client.execute("{ featureFlags { backupCodes } }", answer["sessionToken"])["featureFlags"]
            assert flags["backupCodes"] is (user["company"] == facts["users"][0]["company"])
        root = facts["graphql_url"].removesuffix("/graphql")
        for page in (f"{root}/", facts["graphql_url"]):
            assert "<html" in httpx.get(page, headers={"Accept": "text/html"}, trust_env=False).text.lower()

        member = facts["users"][1]
        activate_two_factor(first, member)
        wait_until(first.letters, first.process)
        letter = message_from_bytes(first.letters()[0].read_bytes(), policy=default)
        assert member["email"] in letter["To"]
        kept = first.letters()

    with demo(tmp_path / "data") as second:
        assert second.facts["users"] == facts["users"]
        assert second.letters() == kept
        assert second.client.log_in(member["email"], member["password"])["__typename"] == "SecondFactorRequired"


def activate_two_factor(running: Demo, user: Mapping[str, str]) -> None:
    """Activate 2FA with an authenticator app that scans the QR code."""
    client = running.client
    token = client.log_in(user["email"], user["password"])["sessionToken"]
    started = client.execute(START, token, password=user["password"])["startTwoFactorActivation"]
    otp = Authenticator.scan(started["qrCode"]["svg"]).otp(datetime.now(UTC))
    confirmed = client.execute(CONFIRM, token, activation=started["activationId"], otp=otp)["confirmOtp"]
    assert confirmed["__typename"] == "BackupCodesIssued"
    done = client.execute(ACKNOWLEDGE, token, activation=started["activationId"])["acknowledgeBackupCodes"]
    assert done["__typename"] == "TwoFactorActivated"


def test_settings_of_the_environment_lead_nowhere_else(tmp_path: Path) -> None:
    """Variables of an installation on the same machine are ignored; the demo keeps to its folder."""
    elsewhere = tmp_path / "elsewhere.sqlite3"
    variables = {
        "COUNTERSIGN_DATABASE_URL": f"sqlite://{elsewhere}",
        "COUNTERSIGN_SMTP_PORT": "1",
        "COUNTERSIGN_INTROSPECTION": "false",
    }
    with demo(tmp_path / "data", variables) as running:
        assert running.client.execute("{ __schema { queryType { name } } }")["__schema"]["queryType"]["name"] == "Query"

    assert not elsewhere.exists()
    assert (tmp_path / "data" / "countersign.sqlite3").exists()


def test_new_passwords_reach_users_that_are_there(tmp_path: Path) -> None:
    """Where the file of passwords is lost and the database is not, the new ones that are shown work."""
    with demo(tmp_path / "data") as first:
        before = first.facts["users"]
    (tmp_path / "data" / "people.json").unlink()
    with demo(tmp_path / "data") as second:
        user = second.facts["users"][0]
        assert user["password"] != before[0]["password"]
        assert second.client.log_in(user["email"], user["password"])["__typename"] == "LoggedIn"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"COUNTERSIGN_MODE": "production"}, "COUNTERSIGN_MODE says production"),
        ({"PORT": "80000"}, "PORT must be a number"),
        ({"PORT": "taken"}, "cannot be used"),
        ({"DATA": os.devnull}, "DATA cannot be used"),
    ],
)
def test_where_it_cannot_run_it_says_so_in_one_line(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    """Production, a port in use, a folder that is none: one line, exit code 1, and nothing written."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        if variables.get("PORT") == "taken":
            variables = {"PORT": str(taken.getsockname()[1])}
        process = start("-m", "demo", env=environment(PORT="0", DATA=str(tmp_path / "data")) | variables)
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == 1
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert words in stderr
    assert not (tmp_path / "data").exists()


def test_it_stops_at_once_while_it_starts(tmp_path: Path) -> None:
    """SIGTERM before it is ready is no failure, and the next start finishes what was begun."""
    process = start("-m", "demo", env=environment(PORT="0", DATA=str(tmp_path / "data")))
    wait_until((tmp_path / "data" / "people.json").exists, process)
    _, stderr = end(process, signal.SIGTERM)
    assert (process.returncode, stderr) == (0, "")

    with demo(tmp_path / "data") as running:
        user = running.facts["users"][-1]
        assert running.client.log_in(user["email"], user["password"])["__typename"] == "LoggedIn"
