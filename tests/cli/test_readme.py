"""The README says what is so."""

import pytest

from settings import settings_table
from tests.cli.processes import REPOSITORY
from tests.cli.test_server import COMMANDS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_listed_as_it_is() -> None:
    """The table of settings is that of `settings.settings_table`."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for setting in settings_table():
        default, description = (text.replace("|", r"\|") for text in (setting.default, setting.description))
        rows.append(f"| `{setting.key}` | {f'`{default}`' if default else ''} | {description} |")
    listed = README.partition("by tests/cli/test_readme.py -->\n")[2].partition("\n<!-- end of settings -->")[0]

    assert "\n".join(rows) == listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed(command: str) -> None:
    """The overview leaves none out."""
    assert f"`{command}" in README
