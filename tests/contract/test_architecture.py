"""The shape of the code: its layers, and what each module says of itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("cli", "demo", "mail", "models", "resolvers", "schema", "transport", "twofactor", "web")
OURS = {*LAYERS, "app", "settings", "tests"}
MODULES = sorted(
    path.relative_to(ROOT)
    for path in (
        ROOT / "app.py",
        ROOT / "settings.py",
        *(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")),
    )
    if path.exists() and path.parent.name != "migrations"
)


def tree_of(module: Path) -> ast.Module:
    """The code of a module."""
    return ast.parse((ROOT / module).read_text())


def imported_by(module: Path) -> set[str]:
    """What a module imports, by the full names."""
    names: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.add(str(node.module))
    return names


def test_imports_follow_the_arrows() -> None:
    """The contracts in pyproject.toml hold: nothing points back, the rules are pure."""
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("module", MODULES, ids=str)
class TestModule:
    def test_says_in_a_sentence_what_lives_here(self, module: Path) -> None:
        """A module docstring, whose first line is a whole sentence or two."""
        docstring = ast.get_docstring(tree_of(module))

        assert docstring is not None
        assert docstring.split("\n\n")[0].rstrip().endswith((".", ":"))

    def test_imports_no_tests(self, module: Path) -> None:
        """The product stands without them."""
        assert not any(name.split(".")[0] == "tests" for name in imported_by(module))

    def test_is_of_a_size_to_be_read_in_one_go(self, module: Path) -> None:
        """No module grows into a heap."""
        assert len((ROOT / module).read_text().splitlines()) <= 350


def test_settings_import_nothing_of_ours() -> None:
    """They are values, and know nobody who uses them."""
    assert not {name.split(".")[0] for name in imported_by(Path("settings.py"))} & OURS


def test_models_import_nothing_of_ours() -> None:
    """The tables know no rule."""
    for module in MODULES:
        if module.parts[0] == "models":
            assert {name.split(".")[0] for name in imported_by(module)} & OURS <= {"models"}


def test_the_clock_is_asked_in_the_environment_alone() -> None:
    """Everywhere else `now` is handed in, so that time can be tested."""
    for module in MODULES:
        if module.parts[0] in {"twofactor", "models", "resolvers", "schema"} and module.name not in {
            "environment.py",
            "addresses.py",
        }:
            calls = {ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)}
            assert not calls & {"datetime.now", "datetime.utcnow", "time.time", "utc_now"}, module
