"""Trusted documents: which document a request runs, and which manifests the server accepts."""

import hashlib
import json
from pathlib import Path

import pytest
from graphql import GraphQLError

from transport.bodies import parse_parameters
from transport.trusted_documents import NO_MANIFEST, TrustedDocuments, read_manifest

TRUSTED, OTHER = "query Trusted { viewer { id } }", "query Other { viewer { email } }"
HASH = hashlib.sha256(TRUSTED.encode()).hexdigest()
UNKNOWN = "0" * 64

PRODUCTION = TrustedDocuments({HASH: TRUSTED}, others_allowed=False)
DEVELOPMENT = TrustedDocuments({HASH: TRUSTED}, others_allowed=True)

NOT_SUPPORTED = "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"
NOT_FOUND = "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"
NOT_TRUSTED = "The server runs only trusted documents.", "GRAPHQL_VALIDATION_FAILED"


def by_hash(document_hash: str, **request: object) -> dict[str, object]:
    """Return a request as the links of Apollo and urql send it."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": document_hash}}, **request}


def result_of(documents: TrustedDocuments, request: dict[str, object]) -> str | tuple[str, str] | None:
    """Return the text that runs, or the message and the code of the error."""
    try:
        return documents.text_of(parse_parameters(request))
    except GraphQLError as error:
        return error.message, str((error.extensions or {})["code"])


@pytest.mark.parametrize(
    ("request_body", "without_manifest", "in_development", "in_production"),
    [
        (by_hash(HASH), NOT_SUPPORTED, TRUSTED, TRUSTED),
        (by_hash(f"sha256:{HASH}"), NOT_SUPPORTED, TRUSTED, TRUSTED),
        ({"documentId": f"sha256:{HASH}"}, NOT_SUPPORTED, TRUSTED, TRUSTED),
        ({"documentId": HASH}, NOT_SUPPORTED, TRUSTED, TRUSTED),
        (by_hash(HASH, documentId=f"sha256:{HASH}"), NOT_SUPPORTED, TRUSTED, TRUSTED),
        (by_hash(HASH, query=""), NOT_SUPPORTED, TRUSTED, TRUSTED),
        (by_hash(UNKNOWN), NOT_SUPPORTED, NOT_FOUND, NOT_FOUND),
        ({"documentId": UNKNOWN}, NOT_SUPPORTED, NOT_FOUND, NOT_FOUND),
        ({"query": TRUSTED}, TRUSTED, TRUSTED, TRUSTED),
        ({"query": OTHER}, OTHER, OTHER, NOT_TRUSTED),
        ({"query": f" {TRUSTED}"}, f" {TRUSTED}", f" {TRUSTED}", NOT_TRUSTED),
        (by_hash(HASH, query=TRUSTED), TRUSTED, TRUSTED, TRUSTED),
        (by_hash(HASH, query=OTHER), OTHER, TRUSTED, TRUSTED),
        (by_hash(UNKNOWN, query=OTHER), OTHER, OTHER, NOT_TRUSTED),
        (by_hash(UNKNOWN, query=TRUSTED), TRUSTED, TRUSTED, TRUSTED),
        ({}, None, None, None),
        ({"query": ""}, "", "", ""),
        ({"documentId": None, "extensions": {"persistedQuery": None}}, None, None, None),
    ],
)
def test_document_that_a_request_runs(
    request_body: dict[str, object], without_manifest: object, in_development: object, in_production: object
) -> None:
    """A known hash decides. In production with a manifest, no text runs that is not in it."""
    results = [result_of(documents, request_body) for documents in (NO_MANIFEST, DEVELOPMENT, PRODUCTION)]

    assert results == [without_manifest, in_development, in_production]


def problem_of(text: str) -> str | None:
    """Reject one document."""
    return "it is too large" if text == OTHER else None


def read(tmp_path: Path, content: bytes) -> dict[str, str]:
    """Read a manifest with this content."""
    file = tmp_path / "persisted-documents.json"
    file.write_bytes(content)
    return read_manifest(file, problem_of)


@pytest.mark.parametrize("document_id", [HASH, f"sha256:{HASH}", "getViewer"])
def test_manifest_is_read(tmp_path: Path, document_id: str) -> None:
    """graphql-codegen writes the hash with a prefix, older versions without, and custom functions write any text."""
    manifest = read(tmp_path, json.dumps({document_id: TRUSTED}).encode())

    assert manifest == {document_id.removeprefix("sha256:"): TRUSTED}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON in UTF-8"),
        (b"\xff{}", "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b"[]", "must be one JSON object that maps the hash of each document to its text"),
        (b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": []}', "must be one JSON object"),
        (b"{}", "contains no document"),
        (json.dumps({UNKNOWN: OTHER}).encode(), f"document '{UNKNOWN}': it is too large"),
        (json.dumps({f"sha256:{UNKNOWN}": TRUSTED}).encode(), "it is not the hash of its text"),
    ],
)
def test_file_that_is_no_manifest_is_rejected(tmp_path: Path, content: bytes, problem: str) -> None:
    """The message gives the reason."""
    with pytest.raises(ValueError, match=problem):
        read(tmp_path, content)


def test_missing_file_is_rejected_without_its_name(tmp_path: Path) -> None:
    """Errors about settings contain no value."""
    with pytest.raises(ValueError, match=r"^cannot be read: No such file or directory$"):
        read_manifest(tmp_path / "missing.json", problem_of)
