"""Tests of `python -m examples.demo`."""

import os
import signal
import socket
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest

from accounts.services import utc_now
from tests.support.demo_process import demo
from tests.support.operations import FEATURE_FLAGS
from tests.support.processes import end, environment, start, wait_until


def test_first_start_creates_everything_and_the_next_one_keeps_it(tmp_path: Path) -> None:
    """The demo has two company accounts with an admin and three members each, and stores emails as files.

    Users, emails and 2FA stay over a restart. The next start can allow other origins.
    """
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
            flags = first.client.execute(FEATURE_FLAGS, answer["sessionToken"])
            assert flags["backupCodes"] is (user["company"] == facts["users"][0]["company"])
        root = facts["graphql_url"].removesuffix("/graphql")
        for url in (f"{root}/", facts["graphql_url"]):
            assert "<html" in httpx.get(url, headers={"Accept": "text/html"}, trust_env=False).text.lower()

        member = facts["users"][1]
        token = first.client.log_in(member["email"], member["password"])["sessionToken"]
        _, codes = first.client.activate(token, member["password"], utc_now)
        assert len(codes) == 10
        wait_until(first.emails, first.process)
        email = message_from_bytes(first.emails()[0].read_bytes(), policy=default)
        assert member["email"] in email["To"]
        kept = first.emails()

    origins = ["http://localhost:5173", "capacitor://localhost"]
    with demo(tmp_path / "data", {"ORIGINS": ", ".join(origins)}) as second:
        for origin in origins:
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            preflight = httpx.options(second.facts["graphql_url"], headers=headers, trust_env=False)
            assert preflight.headers["access-control-allow-origin"] == origin
        assert second.facts["users"] == facts["users"]
        assert second.emails() == kept
        assert second.client.log_in(member["email"], member["password"])["__typename"] == "SecondFactorRequired"


def test_ignores_settings_of_the_environment(tmp_path: Path) -> None:
    """The demo ignores the variables of another installation. It uses only its own folder."""
    elsewhere = tmp_path / "elsewhere.sqlite3"
    variables = {
        "COUNTERSIGN_DATABASE_URL": f"sqlite://{elsewhere}",
        "COUNTERSIGN_SMTP_PORT": "1",
        "COUNTERSIGN_INTROSPECTION": "false",
    }
    with demo(tmp_path / "data", variables) as running:
        assert running.client.execute("{ __schema { queryType { name } } }")["queryType"]["name"] == "Query"

    assert not elsewhere.exists()
    assert (tmp_path / "data" / "countersign.sqlite3").exists()


def test_existing_users_get_new_passwords_if_the_file_is_lost(tmp_path: Path) -> None:
    """If only the file of passwords is deleted, the users in the database get the new passwords."""
    with demo(tmp_path / "data") as first:
        before = first.facts["users"]
    (tmp_path / "data" / "people.json").unlink()
    with demo(tmp_path / "data") as second:
        user = second.facts["users"][0]
        assert user["password"] != before[0]["password"]
        assert second.client.log_in(user["email"], user["password"])["__typename"] == "LoggedIn"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"COUNTERSIGN_MODE": "production"}, "COUNTERSIGN_MODE is production"),
        ({"PORT": "80000"}, "PORT must be a number"),
        ({"PORT": "taken"}, "cannot be used"),
        ({"DATA": os.devnull}, "DATA cannot be used"),
        ({"ORIGINS": "http://localhost:5173/"}, "ORIGINS must be origins"),
    ],
)
def test_reports_in_one_line_why_it_cannot_run(tmp_path: Path, variables: dict[str, str], reason: str) -> None:
    """In production, with a port in use or an invalid folder: one line, exit code 1, and no file is written."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        if variables.get("PORT") == "taken":
            variables = {"PORT": str(taken.getsockname()[1])}
        process = start("-m", "examples.demo", env=environment(PORT="0", DATA=str(tmp_path / "data")) | variables)
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == 1
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert reason in stderr
    assert not (tmp_path / "data").exists()


def test_sigterm_stops_it_during_the_start(tmp_path: Path) -> None:
    """SIGTERM during the start gives exit code 0, and the next start creates the missing data."""
    process = start("-m", "examples.demo", env=environment(PORT="0", DATA=str(tmp_path / "data")))
    wait_until((tmp_path / "data" / "people.json").exists, process)
    _, stderr = end(process, signal.SIGTERM)
    assert (process.returncode, stderr) == (0, "")

    with demo(tmp_path / "data") as running:
        user = running.facts["users"][-1]
        assert running.client.log_in(user["email"], user["password"])["__typename"] == "LoggedIn"
