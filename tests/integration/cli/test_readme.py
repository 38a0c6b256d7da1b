"""Tests that the README lists every setting and command."""

import pytest

from tests.integration.cli.test_server import COMMANDS
from tests.support.processes import REPOSITORY
from tools.settings_table import with_table

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_lists_every_setting() -> None:
    """If `make settings-table` would change the README, this test fails."""
    assert with_table(README) == README


@pytest.mark.parametrize("command", COMMANDS)
def test_lists_every_command(command: str) -> None:
    """The README contains each command."""
    assert f"`{command}" in README
