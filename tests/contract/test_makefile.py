"""The Makefile: what it prints if Python cannot create virtual environments."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="the test needs make")


@needs_make
@pytest.mark.parametrize(("target", "variable"), [("demo", "VENV"), ("test", "VENV_DEV")])
def test_missing_ensurepip_is_one_line(tmp_path: Path, target: str, variable: str) -> None:
    """Debian has Python without ensurepip. make names the package and creates no environment."""
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError('ensurepip')\n")
    folder = tmp_path / "environment"

    made = subprocess.run(
        ["make", target, f"PYTHON={sys.executable}", f"{variable}={folder}"],  # noqa: S607  # the first make in PATH
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    line, of_make = made.stderr.splitlines()
    assert line == f"{sys.executable} cannot create virtual environments: apt-get install python3-venv"
    assert of_make.endswith("Error 1")
    assert not folder.exists()
