"""Codes and messages of top-level errors, and their serialisation."""

import re
from collections.abc import Mapping
from typing import Any

from asgi_correlation_id import correlation_id
from graphql import FieldNode, GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import StrawberryInputCoercionError

from transport.input_messages import message_about_input

GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
BAD_USER_INPUT = "BAD_USER_INPUT"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
TWO_FACTOR_SETUP_REQUIRED = "TWO_FACTOR_SETUP_REQUIRED"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

# The client gets one of these messages instead of the message of the error.
MESSAGES = {
    "en": {
        UNAUTHENTICATED: "Sign in first.",
        FORBIDDEN: "This is not allowed.",
        TWO_FACTOR_SETUP_REQUIRED: "Activate two-factor authentication first.",
        SERVICE_UNAVAILABLE: "Try again in a moment.",
        INTERNAL_SERVER_ERROR: "Something went wrong on our side.",
    },
    "de": {
        UNAUTHENTICATED: "Melden Sie sich zuerst an.",
        FORBIDDEN: "Das ist nicht erlaubt.",
        TWO_FACTOR_SETUP_REQUIRED: "Aktivieren Sie zuerst die Zwei-Faktor-Authentifizierung.",
        SERVICE_UNAVAILABLE: "Versuchen Sie es gleich noch einmal.",
        INTERNAL_SERVER_ERROR: "Auf unserer Seite ist ein Fehler aufgetreten.",
    },
}
# What precedes a message of graphql-core about a document, which exists only in English.
DOCUMENT_ERRORS_DE = {
    GRAPHQL_PARSE_FAILED: "Das Dokument ist kein gültiges GraphQL",
    GRAPHQL_VALIDATION_FAILED: "Das Dokument passt nicht zum Schema",
}

# `retryAfter` if the error has no value of its own: a failover or a full connection pool takes a few seconds.
DEFAULT_RETRY_AFTER_S = 2

# Maps each exception class of the domain, with its subclasses, to a code.
TopLevelCodes = Mapping[type[Exception], str]

# graphql-core repeats a literal after a suggestion too, so everything from the suggestion on is removed.
SUGGESTION = re.compile(r" ?(Did you mean|Found:) .*", re.DOTALL)
# graphql-core repeats a literal in these forms: "Int cannot represent non-integer value: …", "Expected value of type …,
# found …", "Expected value of type … to be an object, found: …" and, in the parser, "Expected Name, found String '…'".
REPEATED_VALUE = re.compile(
    r"(?P<kept>cannot represent [^:]*|^Expected value of type [^,]*|^Syntax Error: .*?(String|Int|Float))"
    r"(: |, found:? | ['\"]).*",
    re.DOTALL,
)


def request_error(message: str, code: str, *, de: str | None = None) -> GraphQLError:
    """Return a request error (GraphQL §7.1.2): the operation is not executed.

    `de` is the message in German. Without it, the message is the same in each language.
    """
    return GraphQLError(message, extensions={"code": code, "de": de})


def error_code(error: GraphQLError, top_level_codes: TopLevelCodes, *, is_valid: bool) -> str:
    """Return the code of an error. `is_valid` is true if the document passed validation."""
    if "code" in (error.extensions or {}):
        return str((error.extensions or {})["code"])
    if isinstance(error, GraphQLSyntaxError):
        return GRAPHQL_PARSE_FAILED
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return _code_of_library_error(error) if is_valid else GRAPHQL_VALIDATION_FAILED
    for error_class in type(cause).__mro__:
        if error_class in top_level_codes:
            return top_level_codes[error_class]
    return INTERNAL_SERVER_ERROR


def _code_of_library_error(error: GraphQLError) -> str:
    """Return the code of an error that graphql-core or Strawberry raised in a valid document.

    If a variable or an argument has the wrong type, the error refers to its node in the document. If a resolver
    returned a value of the wrong type, the error refers to the field or to nothing, and the server is at fault. An
    error about a null in a oneOf input refers to nothing either, but has a class of its own.
    """
    if isinstance(error, StrawberryInputCoercionError):
        return BAD_USER_INPUT
    nodes = error.nodes or []
    is_about_input = bool(nodes) and not any(isinstance(node, FieldNode) for node in nodes)
    return BAD_USER_INPUT if is_about_input else INTERNAL_SERVER_ERROR


# Messages can repeat parts of the document, and an error can refer to many places in it.
MAX_MESSAGE_LENGTH = 500
MAX_LOCATIONS = 5


def serialise_error(error: GraphQLError, code: str, language: str, *, with_details: bool) -> dict[str, Any]:
    """Return the error as the client gets it, without submitted values, suggestions and internal details.

    `with_details` adds names of the schema to messages about arguments and variables.
    """
    extensions: dict[str, Any] = {"code": code}
    if code == INTERNAL_SERVER_ERROR:
        extensions["correlationId"] = correlation_id.get()
    if code == SERVICE_UNAVAILABLE:
        extensions["retryAfter"] = int(getattr(error.original_error, "retry_after_s", DEFAULT_RETRY_AFTER_S))
    message = _message(error, code, language, with_details=with_details)
    serialised: dict[str, Any] = {"message": message[:MAX_MESSAGE_LENGTH]}
    if error.locations:
        serialised["locations"] = [location.formatted for location in error.locations[:MAX_LOCATIONS]]
    if error.path:
        serialised["path"] = error.path
    return {**serialised, "extensions": extensions}


def _message(error: GraphQLError, code: str, language: str, *, with_details: bool) -> str:
    if code in MESSAGES[language]:
        return MESSAGES[language][code]
    if code == BAD_USER_INPUT and (error.original_error is None or isinstance(error.original_error, GraphQLError)):
        return message_about_input(error, language, with_details=with_details)
    facts = error.extensions or {}
    if language == "de" and (german := facts.get("de") or getattr(error.original_error, "de", None)):
        return str(german)
    message = SUGGESTION.sub("", REPEATED_VALUE.sub(r"\g<kept>.", error.message))
    parts = [DOCUMENT_ERRORS_DE.get(code) if language == "de" and "code" not in facts else None, facts.get("place")]
    return ": ".join([part for part in parts if part] + [message])
