"""Trusted documents: a manifest of documents that clients name by id instead of sending their text.

graphql-codegen writes such a manifest, `persisted-documents.json`, when it builds a client. An id is the hash of the
document. The server never stores a document that a client sends, so it does not support automatic persisted queries.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from transport.bodies import ID_PREFIX, Parameters
from transport.error_codes import (
    GRAPHQL_VALIDATION_FAILED,
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    request_error,
)

# Apollo and urql compare these messages, so they are the same in each language. After the first they send
# texts and no more hashes, after the second this text beside its hash.
NOT_SUPPORTED = "PersistedQueryNotSupported"
NOT_FOUND = "PersistedQueryNotFound"


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """The texts of the trusted documents by their ids. If `documents` is None, there is no manifest."""

    documents: Mapping[str, str] | None = field(default=None, repr=False)
    # Whether the text of any other document runs too.
    others_allowed: bool = True

    def text_of(self, parameters: Parameters) -> str | None:
        """Return the text of the document to run, or None if the request has none.

        A known id decides, whatever text is sent beside it.

        Raises:
            GraphQLError: No document has this id, or the document is not a trusted one.
        """
        query, document_id = parameters.query, parameters.document_id
        if self.documents is None:
            if document_id is not None and not query:
                raise request_error(NOT_SUPPORTED, PERSISTED_QUERY_NOT_SUPPORTED, de=NOT_SUPPORTED)
            return query
        if document_id is not None and document_id in self.documents:
            return self.documents[document_id]
        if query and not self.others_allowed and query not in self.documents.values():
            message = "The server runs only trusted documents."
            german = "Der Server führt nur freigegebene Dokumente aus."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)
        if document_id is not None and not query:
            raise request_error(NOT_FOUND, PERSISTED_QUERY_NOT_FOUND, de=NOT_FOUND)
        return query


NO_MANIFEST = TrustedDocuments()


def read_manifest(file: Path, problem_of_document: Callable[[str], str | None]) -> dict[str, str]:
    """Read the documents of a manifest by their ids.

    Raises:
        ValueError: The file is not a manifest, or one of its documents has a problem.
    """
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise ValueError(message) from None
    except (ValueError, RecursionError):
        message = "is not JSON in UTF-8"
        raise ValueError(message) from None
    if not isinstance(manifest, dict) or not all(isinstance(text, str) for text in manifest.values()):
        message = "must be one JSON object that maps the hash of each document to its text"
        raise ValueError(message)
    if not manifest:
        message = "contains no document"
        raise ValueError(message)
    for document_id, text in manifest.items():
        problem = _problem_of_id(document_id, text) or problem_of_document(text)
        if problem:
            message = f"document {document_id!r}: {problem}"
            raise ValueError(message)
    return {document_id.removeprefix(ID_PREFIX): text for document_id, text in manifest.items()}


def _problem_of_id(document_id: str, text: str) -> str | None:
    expected = ID_PREFIX + hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return "it is not the hash of its text" if document_id.startswith(ID_PREFIX) and document_id != expected else None
