"""The codes of top-level errors: which one an error gets, and what a client is told beside it."""

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

# What is said with a code where the error has no words for clients.
MESSAGES = {
    UNAUTHENTICATED: "Sign in first.",
    FORBIDDEN: "This is not allowed.",
    TWO_FACTOR_SETUP_REQUIRED: "Activate two-factor authentication first.",
    SERVICE_UNAVAILABLE: "Try again in a moment.",
    INTERNAL_SERVER_ERROR: "Something went wrong on our side.",
}

# How soon to come back where the error does not say: a failover or a full pool is over within seconds.
RETRY_AFTER_S = 2

# From an exception of the domain to its code; subclasses share it.
TopLevelCodes = Mapping[type[Exception], str]

# What follows a suggestion repeats the literal.
SUGGESTION = re.compile(r" ?(Did you mean|Found:) .*", re.DOTALL)
# How graphql-core repeats a literal: "Int cannot represent non-integer value: …", "Expected value of type …, found …".
# "Expected value of type … to be an object, found: …", and the parser: "Expected Name, found String '…'".
REPEATED_VALUE = re.compile(
    r"(?P<told>cannot represent [^:]*|^Expected value of type [^,]*|^Syntax Error: .*?(String|Int|Float))"
    r"(: |, found:? | ['\"]).*",
    re.DOTALL,
)


def request_error(message: str, code: str) -> GraphQLError:
    """An error that keeps an operation from running."""
    return GraphQLError(message, extensions={"code": code})


def code_of(error: GraphQLError, top_level_codes: TopLevelCodes, *, is_valid: bool) -> str:
    """The code of an error, by where it arose: in a document that is not valid, or in running one that is."""
    if "code" in (error.extensions or {}):
        return str((error.extensions or {})["code"])
    if isinstance(error, GraphQLSyntaxError):
        return GRAPHQL_PARSE_FAILED
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return _code_of_own_error(error) if is_valid else GRAPHQL_VALIDATION_FAILED
    for kind in type(cause).__mro__:
        if kind in top_level_codes:
            return top_level_codes[kind]
    return INTERNAL_SERVER_ERROR


def _code_of_own_error(error: GraphQLError) -> str:
    """The code of what graphql-core itself raised in a valid document.

    A variable or argument of the wrong kind points at its place in the document; a result that its type does not fit
    points at the field, or nowhere, and is our mistake. A variable with a null in a one-of points nowhere too.
    """
    if isinstance(error, StrawberryInputCoercionError):
        return BAD_USER_INPUT
    nodes = error.nodes or []
    is_about_input = bool(nodes) and not any(isinstance(node, FieldNode) for node in nodes)
    return BAD_USER_INPUT if is_about_input else INTERNAL_SERVER_ERROR


def told(error: GraphQLError, code: str) -> dict[str, Any]:
    """The error as the client gets it: no value that was submitted, no suggestion, nothing of ours that broke."""
    extensions: dict[str, Any] = {"code": code}
    if code == INTERNAL_SERVER_ERROR:
        extensions["correlationId"] = correlation_id.get()
    if code == SERVICE_UNAVAILABLE:
        extensions["retryAfter"] = int(getattr(error.original_error, "retry_after_s", RETRY_AFTER_S))
    answer: dict[str, Any] = {"message": _message(error, code)}
    if error.locations:
        answer["locations"] = [location.formatted for location in error.locations]
    if error.path:
        answer["path"] = error.path
    return {**answer, "extensions": extensions}


def _message(error: GraphQLError, code: str) -> str:
    if code in MESSAGES:
        return MESSAGES[code]
    if code == BAD_USER_INPUT and (error.original_error is None or isinstance(error.original_error, GraphQLError)):
        return _message_about_input(error)
    return SUGGESTION.sub("", REPEATED_VALUE.sub(r"\g<told>.", error.message))


def _message_about_input(error: GraphQLError) -> str:
    for node in error.nodes or []:
        if isinstance(node, VariableDefinitionNode):
            return f"Variable '${node.variable.name.value}' is no valid {print_ast(node.type)}."
    return "An argument is missing or of the wrong type."
