"""Tests that changes from the command line take effect at once in a running server."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import models
from models import SecurityEventKind
from models.database import Database
from tests.integration.cli.conftest import GOOD_PASSWORD, CommandLine
from tests.integration.cli.test_keys import give_two_factor
from tests.support.processes import Client, server
from tests.support.users import KEYS

EMAIL = "mia@acme.example"
NEW_PASSWORD = "hunaze-pivoka-limuto-71"


@pytest.fixture
def client(acme: CommandLine) -> Iterator[Client]:
    """Return a client of a server on the same database."""
    with server(acme.environment) as client:
        yield client


def test_changes_take_effect_in_a_running_server(acme: CommandLine, client: Client) -> None:
    """A new role applies to the next request. A new password, disabling, a 2FA reset and deletion end all sessions."""
    token = client.log_in(EMAIL, GOOD_PASSWORD)["sessionToken"]
    acme.run("user", "set-role", EMAIL, "ADMIN")
    assert client.viewer(token)["role"] == "ADMIN"

    acme.run("user", "set-password", EMAIL, "--password-stdin", stdin=NEW_PASSWORD)
    assert client.viewer(token) is None
    assert client.log_in(EMAIL, GOOD_PASSWORD)["__typename"] == "WrongEmailOrPassword"
    token = client.log_in(EMAIL, NEW_PASSWORD)["sessionToken"]

    acme.run("user", "disable", EMAIL, "--force")
    assert client.viewer(token) is None
    assert client.log_in(EMAIL, NEW_PASSWORD)["__typename"] == "WrongEmailOrPassword"
    acme.run("user", "enable", EMAIL)

    authenticator = give_two_factor(acme, EMAIL, KEYS)
    challenge = client.log_in(EMAIL, NEW_PASSWORD)["challengeToken"]
    token = client.verify(challenge, authenticator.otp(datetime.now(UTC)))["sessionToken"]
    assert client.viewer(token)["twoFactor"]["state"] == "ACTIVE"
    challenge = client.log_in(EMAIL, NEW_PASSWORD)["challengeToken"]
    acme.run("user", "reset-2fa", EMAIL, "--reason", "Lost the phone; called back.")
    assert client.viewer(token) is None
    assert client.verify(challenge, "000000")["__typename"] == "ChallengeExpired"
    token = client.log_in(EMAIL, NEW_PASSWORD)["sessionToken"]
    assert client.viewer(token)["twoFactor"]["state"] == "INACTIVE"

    async def note(_database: Database) -> str | None:
        return (await models.SecurityEvent.get(kind=SecurityEventKind.TWO_FACTOR_RESET)).note

    assert acme.query(note) == "Lost the phone; called back."
    emails = [row["kind"] for row in acme.run("mail", "list", "--json").json]
    assert emails == ["two_factor_reset", "user_enabled", "user_disabled", "password_changed", "role_changed"]

    acme.run("user", "delete", EMAIL, "--yes", "--force")
    assert client.viewer(token) is None
