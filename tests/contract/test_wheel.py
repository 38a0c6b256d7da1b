"""The wheel contains the product, and nothing else of the repository."""

import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from examples.demo.keys import DEMO_KEYS

ROOT = Path(__file__).parents[2]
PACKAGES = {"accounts", "cli", "mail", "models", "resolvers", "schema", "security", "transport", "twofactor"}
MODULES = {"app.py", "settings.py"}
OTHER_FOLDERS = {"examples", "tests", "tools"}
OTHER_FILES = {"pyproject.toml", "README.md", "LICENSE"}
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    source, target = folder / "source", folder / "target"
    skipped = shutil.ignore_patterns("node_modules", "__pycache__", "var")
    for name in PACKAGES | OTHER_FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=skipped)
    for name in MODULES | OTHER_FILES:
        shutil.copy(ROOT / name, source / name)
    target.mkdir()

    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(target)], cwd=source, capture_output=True, text=True, check=False
    )

    assert built.returncode == 0, built.stderr
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> frozenset[str]:
    """Return the names of the files in the wheel."""
    with ZipFile(wheel_file) as archive:
        return frozenset(archive.namelist())


def test_does_not_contain_the_public_key_of_the_demo(wheel_file: Path) -> None:
    """An installation from the wheel cannot use a key that everybody knows."""
    key = DEMO_KEYS.partition(":")[2].encode()
    with ZipFile(wheel_file) as archive:
        assert not [name for name in archive.namelist() if key in archive.read(name)]


def test_contains_only_the_product(wheel: frozenset[str]) -> None:
    """The packages of the product, its two modules and the metadata. No example, tool, test or document."""
    tops = {PurePosixPath(name).parts[0] for name in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES | MODULES


def test_contains_every_module_and_data_file(wheel: frozenset[str]) -> None:
    """All modules, email templates, files of the query page, and `py.typed` of each package."""
    modules = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    data = {path for folder in ("mail/templates", "transport/graphiql/static") for path in (ROOT / folder).rglob("*.*")}
    typed = {ROOT / package / "py.typed" for package in PACKAGES}

    assert {path.relative_to(ROOT).as_posix() for path in modules | data | typed} <= wheel


def test_contains_the_license(wheel: frozenset[str]) -> None:
    """The license is part of the metadata."""
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
