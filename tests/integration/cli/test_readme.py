"""Tests that the README lists every setting and command."""

import pytest

from settings import settings_table
from tests.integration.cli.test_server import COMMANDS
from tests.support.processes import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_lists_every_setting() -> None:
    """The table in the README equals `settings.settings_table`."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for setting in settings_table():
        default, description = (text.replace("|", r"\|") for text in (setting.default, setting.description))
        rows.append(f"| `{setting.key}` | {f'`{default}`' if default else ''} | {description} |")
    start, end = "by tests/integration/cli/test_readme.py -->\n", "\n<!-- end of settings -->"
    listed = README.partition(start)[2].partition(end)[0]

    assert "\n".join(rows) == listed


@pytest.mark.parametrize("command", COMMANDS)
def test_lists_every_command(command: str) -> None:
    """The README contains each command."""
    assert f"`{command}" in README
