"""The served introspection, as clients of released versions of graphql-core and graphql-js read it."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app import create_app
from settings import Settings
from tests.contract.docs.markdown import ROOT, code_blocks, guide_pages
from tests.support.server import serving
from tests.support.users import KEYS

FOLDER = Path(__file__).parent
SDL_FILE = ROOT / "schema.graphql"
OLD_GRAPHQL_CORE = ROOT / "var/graphql-core"
TIMEOUT_S = 300


@pytest.fixture
async def url(database_url: str) -> AsyncIterator[str]:
    """Serve the API, and return its address."""
    settings = Settings(database_url=database_url, secret_keys=KEYS, strangers_per_address=1_000_000)
    async with serving(create_app(settings), settings) as address:
        yield address


async def run(*command: str | Path, **environment: str) -> str:
    """Run a check with the documents of the guide. Return what it prints, after the name of the version."""
    documents = [block.text for page in guide_pages() for block in code_blocks(page) if block.kind == "graphql"]
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(json.dumps(documents).encode()), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert len(documents) > 10
    return output.decode().replace(f" {len(documents)} documents", " all documents")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_graphql_core_3_2_builds_the_schema(url: str) -> None:
    """Strawberry needs a newer version, which also serves parts of drafts."""
    check = FOLDER / "check.py"
    output = await run(sys.executable, "-P", check, url, SDL_FILE, PYTHONPATH=str(OLD_GRAPHQL_CORE))

    assert output == "graphql-core 3.2.8: all documents\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("package", "version"), [("graphql-16", "16.15.0"), ("graphql-17", "17.1.0")])
async def test_graphql_js_builds_the_schema(url: str, package: str, version: str) -> None:
    """Apollo, urql, Relay, GraphiQL and code generators read the introspection with it."""
    node = shutil.which("node")
    assert node, "node is missing: apt-get install nodejs"

    output = await run(node, FOLDER / "check.mjs", package, url, SDL_FILE)

    assert output == f"graphql-js {version}: all documents\n"
