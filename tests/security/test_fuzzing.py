"""A short run of `make attack-fuzz`. No input causes a 5xx response, a timeout or a leak."""

import subprocess
import sys
import warnings
from importlib.util import find_spec

import pytest

from tools.attacks.fuzz import PERCENTAGES, FuzzTarget, fuzz, senders

REQUESTS = 150
PARSER_RUNS = 3_000


@pytest.mark.attack("C7", "F7")
@pytest.mark.parametrize("name", PERCENTAGES)
def test_fuzzed_requests_cause_no_server_error_and_no_leak(database_url: str, name: str) -> None:
    """The requests are bytes, JSON, valid operations with hostile values, or documents from the schema."""
    with warnings.catch_warnings():
        # schemathesis warns about scalars until they are registered.
        warnings.simplefilter("ignore")
        with FuzzTarget(database_url) as target:
            fuzz(target, senders(target)[name], REQUESTS)

    assert target.results.failures == []
    assert target.results.requests >= REQUESTS


@pytest.mark.attack("C7")
def test_fuzzer_detects_server_errors_and_leaks(database_url: str) -> None:
    """The fuzzer reports an application that fails and one that leaks a secret."""
    with FuzzTarget(database_url) as target:
        target._secrets = ["__typename"]
        target.post(b'{"query": "{ __typename: __typename }"}')
        target.post(b'{"query": "{ \\u005f_typename }"}')
        assert [failure.partition(":")[0] for failure in target.results.failures] == ["leak of __typename"]
        target.results.failures.clear()
        target._app.routes[0].app.app._services.database._readers = None  # cause an error on purpose
        target.post(b'{"query": "{ viewer { id } }"}', token=target.tokens[-1])
        assert len(target.results.failures) == 1


@pytest.mark.attack("A7", "C7", "F3")
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has wheels only for Linux on x86-64")
def test_parsers_survive_coverage_guided_fuzzing() -> None:
    """Parsers reject codes, tokens, ids, cursors, keys and bodies as documented, or accept them in one form."""
    ended = subprocess.run(
        [sys.executable, "-m", "tools.attacks.fuzz_parsers", f"-runs={PARSER_RUNS}", "-max_len=1024", "-seed=1"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr[-4000:]
