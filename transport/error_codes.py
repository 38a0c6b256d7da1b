"""Codes and messages of top-level errors, and their serialisation."""

import re
from collections.abc import Mapping
from typing import Any

from asgi_correlation_id import correlation_id
from graphql import FieldNode, GraphQLError, GraphQLSyntaxError, VariableDefinitionNode, print_ast
from strawberry.exceptions import StrawberryInputCoercionError

GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
BAD_USER_INPUT = "BAD_USER_INPUT"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
TWO_FACTOR_SETUP_REQUIRED = "TWO_FACTOR_SETUP_REQUIRED"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

# The client gets this message instead of the message of the error.
MESSAGES = {
    UNAUTHENTICATED: "Sign in first.",
    FORBIDDEN: "This is not allowed.",
    TWO_FACTOR_SETUP_REQUIRED: "Activate two-factor authentication first.",
    SERVICE_UNAVAILABLE: "Try again in a moment.",
    INTERNAL_SERVER_ERROR: "Something went wrong on our side.",
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


def request_error(message: str, code: str) -> GraphQLError:
    """Return a request error (GraphQL §7.1.2): the operation is not executed."""
    return GraphQLError(message, extensions={"code": code})


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


def serialise_error(error: GraphQLError, code: str) -> dict[str, Any]:
    """Return the error as the client gets it, without submitted values, suggestions and internal details."""
    extensions: dict[str, Any] = {"code": code}
    if code == INTERNAL_SERVER_ERROR:
        extensions["correlationId"] = correlation_id.get()
    if code == SERVICE_UNAVAILABLE:
        extensions["retryAfter"] = int(getattr(error.original_error, "retry_after_s", DEFAULT_RETRY_AFTER_S))
    serialised: dict[str, Any] = {"message": _message(error, code)[:MAX_MESSAGE_LENGTH]}
    if error.locations:
        serialised["locations"] = [location.formatted for location in error.locations[:MAX_LOCATIONS]]
    if error.path:
        serialised["path"] = error.path
    return {**serialised, "extensions": extensions}


def _message(error: GraphQLError, code: str) -> str:
    if code in MESSAGES:
        return MESSAGES[code]
    if code == BAD_USER_INPUT and (error.original_error is None or isinstance(error.original_error, GraphQLError)):
        return _message_about_input(error)
    return SUGGESTION.sub("", REPEATED_VALUE.sub(r"\g<kept>.", error.message))


def _message_about_input(error: GraphQLError) -> str:
    for node in error.nodes or []:
        if isinstance(node, VariableDefinitionNode):
            return f"Variable '${node.variable.name.value}' is not a valid {print_ast(node.type)}."
    return "An argument is missing or has the wrong type."
