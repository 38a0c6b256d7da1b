"""Persisted queries over HTTP: the answers on which the links of Apollo and urql fall back, and trusted documents."""

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import create_app
from settings import Settings, SettingsError
from tests.integration.transport.minimal_app import api_client, minimal_app
from transport.trusted_documents import TrustedDocuments

HELLO, ATTEMPTS = "{ hello }", "mutation { login verifyLogin }"
HASHES = {text: hashlib.sha256(text.encode()).hexdigest() for text in (HELLO, ATTEMPTS)}
TRUSTED: dict[str, Any] = {
    "trusted_documents": TrustedDocuments({HASHES[each]: each for each in HASHES}, others_allowed=False)
}
# As the clients send it.
APOLLO = "application/graphql-response+json,application/json;q=0.9"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)


def extensions_of(text: str) -> dict[str, Any]:
    """Return the extensions of a request for a document by its hash."""
    return {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}


def answer(response: httpx.Response) -> tuple[int, str, str]:
    """Return the status, the media type, and the message of the only error."""
    (error,) = response.json()["errors"]
    assert "data" not in response.json()
    assert error["extensions"]["code"] in {"PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_FOUND"}
    return response.status_code, response.headers["content-type"].partition(";")[0], error["message"]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        (APOLLO, 400, "application/graphql-response+json"),
        (URQL, 400, "application/graphql-response+json"),
        ("application/json", 200, "application/json"),
    ],
)
@pytest.mark.parametrize(
    ("options", "message"), [({}, "PersistedQueryNotSupported"), (TRUSTED, "PersistedQueryNotFound")]
)
async def test_unknown_hash_gets_the_message_of_the_protocol(
    method: str, accept: str, status: int, media_type: str, options: dict[str, Any], message: str
) -> None:
    """The status and the media type are those of each request that is not executed. The links read the message."""
    async with api_client(minimal_app(get_queries=True, **options)) as client:
        extensions = extensions_of("query Unknown { hello }")
        sent: dict[str, Any] = (
            {"json": {"extensions": extensions}}
            if method == "POST"
            else {"params": {"extensions": json.dumps(extensions)}}
        )
        response = await client.send(method, headers={"accept": accept}, **sent)

    assert answer(response) == (status, media_type, message)


async def test_hash_by_get_falls_back_where_get_is_off() -> None:
    """Apollo's link can send hashes by GET, and then sends the text by POST. A GET with a text is a plain 405."""
    async with api_client(minimal_app()) as client:
        by_hash = await client.send("GET", params={"extensions": json.dumps(extensions_of(HELLO))})
        by_text = await client.send("GET", params={"query": HELLO, "extensions": json.dumps(extensions_of(HELLO))})

        assert answer(by_hash) == (405, "application/json", "PersistedQueryNotSupported")
        assert (by_hash.headers["allow"], by_text.headers["allow"]) == ("POST", "POST")
        assert (by_text.status_code, by_text.json()["errors"][0]["extensions"]["code"]) == (405, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "request_body",
    [
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": {"sha256Hash": ["0"]}}},
        {"documentId": 1},
        {"documentId": "a", "extensions": {"persistedQuery": {"sha256Hash": "b"}}},
        {"query": HELLO, "documentId": []},
    ],
)
async def test_malformed_hash_is_rejected(request_body: dict[str, Any]) -> None:
    """With and without the text."""
    async with api_client(minimal_app()) as client:
        response = await client.send(json=request_body)

    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")


async def test_trusted_document_runs_by_its_hash() -> None:
    """By POST, and by GET where that is allowed. GET runs no mutation."""
    async with api_client(minimal_app(get_queries=True, **TRUSTED)) as client:
        for sent in ({"extensions": extensions_of(HELLO)}, {"documentId": f"sha256:{HASHES[HELLO]}"}):
            assert (await client.send(json=sent)).json() == {"data": {"hello": "world"}}
            params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}
            assert (await client.send("GET", params=params)).json() == {"data": {"hello": "world"}}
        response = await client.send("GET", params={"documentId": HASHES[ATTEMPTS]})

        assert response.status_code == 405
        assert client.attempts == []


@pytest.mark.attack("H19")
@pytest.mark.parametrize("query", ["{ echo }", "mutation { login }", "{ __typename }", f"{HELLO} ", "{"])
async def test_no_other_document_runs_in_production(query: str) -> None:
    """Neither as a text, nor beside the hash of a trusted document, which runs instead."""
    async with api_client(minimal_app(**TRUSTED)) as client:
        alone = await client.execute(query)
        beside = await client.execute(query, extensions=extensions_of(HELLO))

        assert alone.json()["errors"][0]["message"] == "The server runs only trusted documents."
        assert beside.json() == {"data": {"hello": "world"}}
        assert client.attempts == []


@pytest.mark.attack("H19")
async def test_limits_apply_to_trusted_documents() -> None:
    """A trusted document with two attempts does not run."""
    async with api_client(minimal_app(**TRUSTED)) as client:
        response = await client.send(json={"extensions": extensions_of(ATTEMPTS)})

        assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert client.attempts == []


def production_with_manifest(tmp_path: Path, *texts: str) -> None:
    """Build the application of production with a manifest of these documents."""
    file = tmp_path / "persisted-documents.json"
    file.write_text(json.dumps({f"sha256:{hashlib.sha256(text.encode()).hexdigest()}": text for text in texts}))
    keys = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
    create_app(Settings(mode="production", database_url="sqlite://unused", secret_keys=keys, trusted_documents=file))


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { id",
        "{ viewer { unknown } }",
        "{ __schema { types { name } } }",
        "{ " + " ".join(f"a{number}: viewer {{ id }}" for number in range(30)) + " }",
        "{ securityEvents(first: 100) { nodes { user { company { name } } actor { sessions { id } } } } }",
    ],
    ids=["not GraphQL", "not valid", "introspection", "too many aliases", "too dear"],
)
def test_manifest_with_a_document_that_cannot_run_stops_the_start(tmp_path: Path, text: str) -> None:
    """The error names the variable and the hash, and not the file."""
    with pytest.raises(
        SettingsError, match=r"^COUNTERSIGN_TRUSTED_DOCUMENTS: document 'sha256:[0-9a-f]{64}': "
    ) as error:
        production_with_manifest(tmp_path, "{ viewer { id } }", text)

    assert str(tmp_path) not in str(error.value)


def test_valid_manifest_starts(tmp_path: Path) -> None:
    """Its documents are within the limits."""
    production_with_manifest(tmp_path, "{ viewer { id } }", "mutation { logout { sessionId } }")
