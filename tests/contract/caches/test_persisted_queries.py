"""The persisted-query links of Apollo and urql: both fall back, and both send trusted documents by their hashes."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import models
from app import create_app
from settings import Settings
from tests.contract.caches.programs import guide, run_program
from tests.contract.docs.markdown import ROOT
from tests.support.server import serving
from tests.support.users import PASSWORD

CODEGEN = ROOT / "examples/clients/typescript/node_modules"
START, LOGIN = guide()["getting-started.md"]["Start"], guide()["log-in.md"]["Login"]
FLAGS = guide()["errors.md"]["Flags"]
NOT_TRUSTED = "The server runs only trusted documents."

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def serve(database_url: str) -> Serve:
    """Return a function that starts a server with the settings of its arguments."""

    @asynccontextmanager
    async def serve(**options: Any) -> AsyncIterator[str]:  # noqa: ANN401  # any setting
        keys = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
        settings = Settings(database_url=database_url, secret_keys=keys, **options)
        async with serving(create_app(settings), settings) as url:
            yield url

    return serve


def login(member: models.User, text: str = LOGIN) -> dict[str, Any]:
    """Return the operation that logs in."""
    return {
        "text": text,
        "isMutation": True,
        "variables": {"email": member.email, "password": PASSWORD, "transport": "TOKEN"},
    }


async def run_client(folder: Path, client: str, **facts: Any) -> tuple[list[Any], list[str]]:  # noqa: ANN401  # any JSON
    """Run operations with a client. Return the results, and the method and the parts of each request."""
    output = json.loads(await run_program(folder, "persisted.mjs", client, **facts))
    return output["results"], output["requests"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("mode", "client", "requests"),
    [
        ("production", "apollo", ["POST hash", "POST text", "POST text", "POST text"]),
        ("production", "apollo-get", ["GET hash", "POST text", "POST text", "POST text"]),
        ("production", "urql", ["POST hash", "POST text", "POST text", "POST text"]),
        ("development", "apollo-get", ["GET hash", "POST text", "POST text", "POST text"]),
        ("development", "urql-get", ["GET hash", "GET text", "POST text", "GET text"]),
    ],
)
async def test_link_falls_back_to_texts(
    serve: Serve, member: models.User, tmp_path: Path, mode: str, client: str, requests: list[str]
) -> None:
    """The server supports no automatic persisted queries. The link sends one hash, and then only texts."""
    async with serve(mode=mode) as url:
        operations = [{"text": START}, login(member), {"text": START}]
        results, sent = await run_client(tmp_path, client, url=url, operations=operations)

    assert results[0]["authenticatorApps"]
    assert results[1]["login"]["sessionToken"]
    assert results[2] == results[0]
    assert sent == requests


async def codegen_manifest(folder: Path, *texts: str) -> Path:
    """Return the manifest that graphql-codegen writes for these documents."""
    documents = [folder / f"{number}.graphql" for number in range(len(texts))]
    for file, text in zip(documents, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    preset = (CODEGEN / "@graphql-codegen/client-preset/esm/index.js").as_uri()
    (folder / "codegen.mjs").write_text(
        f"""
        import {{ addTypenameSelectionDocumentTransform }} from {json.dumps(preset)};
        export default {{
            schema: {json.dumps(str(ROOT / "schema.graphql"))},
            documents: {json.dumps([str(file) for file in documents])},
            documentTransforms: [addTypenameSelectionDocumentTransform],
            generates: {{
                {json.dumps(f"{folder}/generated/")}: {{
                    preset: "client", presetConfig: {{ persistedDocuments: true }}
                }},
            }},
        }};""",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        CODEGEN / ".bin/graphql-codegen",
        "--config",
        folder / "codegen.mjs",
        cwd=CODEGEN.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return folder / "generated/persisted-documents.json"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_trusted_documents_run_by_their_hashes(serve: Serve, member: models.User, tmp_path: Path) -> None:
    """The manifest is that of graphql-codegen. In production no other document runs; in development it does."""
    file = await codegen_manifest(tmp_path, START, LOGIN)
    manifest: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    hash_of = {text.split("(")[0].split("{")[0].split()[1]: document_hash for document_hash, text in manifest.items()}
    operations = [
        {"text": manifest[hash_of["Start"]], "hash": hash_of["Start"]},
        login(member, manifest[hash_of["Login"]]) | {"hash": hash_of["Login"]},
        {"text": FLAGS, "hash": "sha256:" + "0" * 64},
    ]
    for mode, client in (("production", "apollo"), ("production", "urql"), ("development", "apollo")):
        async with serve(mode=mode, trusted_documents=file) as url:
            results, sent = await run_client(tmp_path, client, url=url, operations=operations, trusted=True)

        assert results[0]["authenticatorApps"]
        assert results[1]["login"]["sessionToken"]
        assert results[2] == {"production": NOT_TRUSTED, "development": "Sign in first."}[mode]
        assert sent == ["POST hash", "POST hash", "POST hash", "POST text hash"]
