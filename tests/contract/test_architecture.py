"""The structure of the code: layers, module docstrings and sizes."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("accounts", "cli", "mail", "models", "resolvers", "schema", "security", "transport", "twofactor")
OURS = {*PRODUCT, "app", "examples", "settings", "tests", "tools"}
MODULES = sorted(
    path.relative_to(ROOT)
    for path in (
        ROOT / "app.py",
        ROOT / "settings.py",
        *(path for package in PRODUCT for path in (ROOT / package).rglob("*.py")),
    )
    if path.parent.name != "migrations"
)
# These modules read the clock, and hand the time to all others.
CLOCK_READERS = {"accounts/services.py", "security/cost_limiter.py", "security/ip_rate_limiter.py"}
# Modules of one name that do not import each other, and treat the same subject all the same.
SAME_SUBJECT = {
    "__init__": "a package",
    "activation": "the table, use case, resolvers and GraphQL fields of an activation",
    "authenticator": "the table and the factor",
    "company": "the table and the command group",
    "emails": "the emails and the command group",
    "events": "the resolvers and GraphQL fields of audit events",
    "user": "the table and the command group",
}


def tree_of(module: Path) -> ast.Module:
    """Parse a module."""
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


def imports(upper: Path, lower: Path) -> bool:
    """Return whether a module imports another one, as `import a.b` or as `from a import b`."""
    name = ".".join(lower.with_suffix("").parts)
    return name in imported_by(upper) | {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree_of(upper))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_imports_keep_the_contracts() -> None:
    """import-linter finds no violation of the contracts in pyproject.toml."""
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
    def test_has_a_docstring_that_starts_with_a_sentence(self, module: Path) -> None:
        """A reader learns from the first line what the module contains."""
        docstring = ast.get_docstring(tree_of(module))

        assert docstring is not None
        assert docstring.split("\n\n")[0].rstrip().endswith((".", ":"))

    def test_does_not_import_tests_tools_or_examples(self, module: Path) -> None:
        """The product runs without them."""
        assert not {name.split(".")[0] for name in imported_by(module)} & {"tests", "tools", "examples"}

    def test_has_at_most_350_lines(self, module: Path) -> None:
        """A longer module is hard to read."""
        assert len((ROOT / module).read_text().splitlines()) <= 350


def test_modules_of_one_name_have_one_subject() -> None:
    """Two modules share a name only if they treat the same subject in different layers: one imports the other."""
    namesakes = defaultdict(set)
    for module in MODULES:
        namesakes[module.stem].add(module)
    unrelated = {
        name
        for name, modules in namesakes.items()
        for module in modules
        if len(modules) > 1
        and not any(imports(module, other) or imports(other, module) for other in modules - {module})
    }

    assert unrelated <= SAME_SUBJECT.keys()


def test_settings_import_nothing_of_ours() -> None:
    """Settings are values. They do not depend on the code that uses them."""
    assert not {name.split(".")[0] for name in imported_by(Path("settings.py"))} & OURS


def test_models_import_nothing_of_ours() -> None:
    """The tables do not depend on rules."""
    for module in MODULES:
        if module.parts[0] == "models":
            assert {name.split(".")[0] for name in imported_by(module)} & OURS <= {"models"}


def test_only_the_services_read_the_clock() -> None:
    """All other modules get the time as an argument, so that tests control it."""
    for module in MODULES:
        if module.parts[0] in {"accounts", "models", "resolvers", "schema", "security", "twofactor"} and (
            module.as_posix() not in CLOCK_READERS
        ):
            calls = {ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)}
            assert not calls & {"datetime.now", "datetime.utcnow", "time.time", "utc_now"}, module
