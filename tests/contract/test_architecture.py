"""The architecture: layers, module docstrings and sizes."""

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
    """Return the syntax tree of a module."""
    return ast.parse((ROOT / module).read_text())


def imported_by(module: Path) -> set[str]:
    """Return the full names of the modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names.add(str(node.module))
    return names


def test_imports_follow_the_layers() -> None:
    """The import contracts in pyproject.toml hold."""
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
    def test_has_a_module_docstring(self, module: Path) -> None:
        """Its first paragraph consists of complete sentences."""
        docstring = ast.get_docstring(tree_of(module))

        assert docstring is not None
        assert docstring.split("\n\n")[0].rstrip().endswith((".", ":"))

    def test_imports_no_tests(self, module: Path) -> None:
        """The product does not depend on its tests."""
        assert not any(name.split(".")[0] == "tests" for name in imported_by(module))

    def test_has_at_most_350_lines(self, module: Path) -> None:
        """A reader should be able to read a module in one go."""
        assert len((ROOT / module).read_text().splitlines()) <= 350


def test_settings_import_no_other_module_of_ours() -> None:
    """Settings are values and do not depend on the code that uses them."""
    assert not {name.split(".")[0] for name in imported_by(Path("settings.py"))} & OURS


def test_models_import_only_models() -> None:
    """The tables do not depend on any rule."""
    for module in MODULES:
        if module.parts[0] == "models":
            assert {name.split(".")[0] for name in imported_by(module)} & OURS <= {"models"}


def test_only_the_services_read_the_clock() -> None:
    """All other code gets `now` as an argument, so that tests can control the time."""
    for module in MODULES:
        if module.parts[0] in {"twofactor", "models", "resolvers", "schema"} and module.name not in {
            "environment.py",
            "addresses.py",
        }:
            calls = {ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)}
            assert not calls & {"datetime.now", "datetime.utcnow", "time.time", "utc_now"}, module
