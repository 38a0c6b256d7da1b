"""A short run of `make attack-fuzz`: attacks A7, C7, F3 and F7. No input gives a 5xx, a hang or a secret."""

import subprocess
import sys
import warnings
from importlib.util import find_spec

import pytest

from attacks.fuzz import SHARES, Target, fuzz, strategies

REQUESTS = 150
PARSER_RUNS = 3_000


@pytest.mark.parametrize("name", SHARES)
def test_f7_a_fuzzed_request_is_answered_soon_with_no_5xx_and_no_secret(database_url: str, name: str) -> None:
    """Whether bytes, JSON, our own operations with hostile values, or documents that the schema allows."""
    with warnings.catch_warnings():
        # Of scalars that schemathesis does not know, before it is told.
        warnings.simplefilter("ignore")
        with Target(database_url) as target:
            fuzz(target, strategies(target)[name], REQUESTS)

    assert target.tally.failures == []
    assert target.tally.requests >= REQUESTS


def test_the_fuzzer_finds_what_it_looks_for(database_url: str) -> None:
    """An application that breaks and one that tells a secret are both found out."""
    with Target(database_url) as target:
        target._secrets = ["__typename"]
        target.post(b'{"query": "{ __typename: __typename }"}')
        target.post(b'{"query": "{ \\u005f_typename }"}')
        assert [failure.partition(":")[0] for failure in target.tally.failures] == ["leak of __typename"]
        target.tally.failures.clear()
        target._app.routes[0].app.app._env.database._connections = None  # broken on purpose
        target.post(b'{"query": "{ viewer { id } }"}', token=target.tokens[-1])
        assert len(target.tally.failures) == 1


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has wheels for Linux on x86-64 alone")
def test_a7_c7_f3_the_parsers_stand_what_coverage_guides_to_them() -> None:
    """Codes, tokens, ids, cursors, keys and bodies: refused as promised, or taken in one form."""
    ended = subprocess.run(
        [sys.executable, "-m", "attacks.fuzz_parsers", f"-runs={PARSER_RUNS}", "-max_len=1024", "-seed=1"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr[-4000:]
