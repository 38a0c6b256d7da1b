"""Test the worked examples of CONTRIBUTING.md: they are complete, and their tests pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.docs.markdown import FENCED_CODE
from tests.contract.docs.worked_examples import copy_with_examples, edits, section

PATHS = sorted({edit.path for edit in edits() if edit.path.endswith(".py")})
OWN_TESTS = [path for path in PATHS if path.startswith("tests/") and Path(path).name.startswith("test_")]
# These tests complain if an example lacks a part: a message, a description, a member of a union, a page of the guide.
OTHER_TESTS = (
    "tests/contract/docs/test_documents.py",
    "tests/contract/docs/test_guide.py",
    "tests/contract/test_access.py",
    "tests/contract/test_architecture.py",
    "tests/contract/test_descriptions.py",
    "tests/contract/test_frontend_texts.py",
    "tests/contract/test_migrations.py::test_are_in_step_with_the_models",
    "tests/contract/test_root_fields.py",
    "tests/contract/test_sdl.py",
    "tests/contract/test_type_mapping.py",
    "tests/contract/test_user_errors.py",
    "tests/integration/mail/test_messages.py",
    "tests/integration/transport/test_limits.py",
    "tests/security/test_authorization.py::test_every_mutation_with_an_id_has_its_own_row",
    "tests/security/test_authorization.py::test_each_requester_gets_the_outcome_of_the_matrix[sqlite-MEMBER]",
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with all examples and a new `schema.graphql`."""
    folder = tmp_path_factory.mktemp("repository")
    copy_with_examples(folder)
    run(folder, "tools.contract_files")
    return folder


def run(folder: Path, *arguments: str) -> None:
    """Run a Python module in the copy. Fail with its output if it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_every_code_block_says_where_it_belongs() -> None:
    """A block without such a line would not be tested."""
    assert len(edits()) == len(FENCED_CODE.findall(section()))


def test_examples_have_the_style_of_the_repository(repository: Path) -> None:
    """Check the files of the examples as `make check` does."""
    run(repository, "ruff", "check", "--no-cache", *PATHS)
    run(repository, "ruff", "format", "--no-cache", "--check", *PATHS)


@pytest.mark.parametrize("path", OWN_TESTS)
def test_tests_of_the_examples_pass(repository: Path, path: str) -> None:
    """On SQLite: the examples contain no SQL."""
    run(repository, "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgres", path)


def test_no_other_test_misses_a_part(repository: Path) -> None:
    """The examples name every place that a change has to touch."""
    run(repository, "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgres", *OTHER_TESTS)
