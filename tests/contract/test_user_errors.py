"""User errors: each domain error has one mapping, messages in both languages, and a place in the right unions."""

import ast
import dataclasses
import inspect
import re
import string
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import pytest
from graphql import GraphQLInterfaceType

import accounts.errors
import security.errors
import twofactor.errors
from accounts.errors import FailedAttemptError
from schema.error_mapping import MESSAGES, OTHER_MESSAGES, TOP_LEVEL_CODES, USER_ERRORS, message
from schema.two_factor_errors import TwoFactorNotActive
from schema.type_mapping import TYPE_MAPPING
from security.errors import DomainError
from tests.support.schema_elements import mutation_fields, results_of, served_schema

MUTATIONS = mutation_fields()
LANGUAGES = {"en", "de"}
# Base classes, which no code raises.
BASES = {DomainError, FailedAttemptError}

# The contract drops no member of a union. The IP rate limit applied to `confirmOtp` once.
NO_LONGER_RAISED = {"confirmOtp": {"TooManyAttempts"}}

ERRORS_BY_NAME = {
    name: error
    for module in (security.errors, accounts.errors, twofactor.errors)
    for name, error in vars(module).items()
    if inspect.isclass(error) and issubclass(error, DomainError)
}
ERRORS = [error for error in ERRORS_BY_NAME.values() if error not in BASES]


def use_cases_of(resolver: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield the use cases that a resolver in `schema/` or `resolvers/` calls."""
    source = ast.parse(textwrap.dedent(inspect.getsource(resolver)))
    for call in (node for node in ast.walk(source) if isinstance(node, ast.Call)):
        called = named_by(call.func, resolver)
        if inspect.isfunction(called) and called.__module__.split(".")[0] == "resolvers":
            yield from use_cases_of(called)
        elif inspect.isfunction(called) and called.__module__.split(".")[0] in {"accounts", "twofactor"}:
            yield called


def named_by(expression: ast.expr, function: Callable[..., Any]) -> object:
    """Return the object that a dotted name refers to in the module of a function, or None for other expressions."""
    *names, last = reversed(ast.unparse(expression).split("."))
    found: object = inspect.unwrap(function).__globals__.get(last)
    for name in reversed(names):
        found = getattr(found, name, None)
    return found


def use_cases_of_mutation(mutation: str) -> list[Callable[..., Any]]:
    """Return the use cases that a mutation calls."""
    declared_field = MUTATIONS[mutation].extensions["strawberry-definition"]
    return list(use_cases_of(inspect.unwrap(declared_field.base_resolver.wrapped_func)))


def documented_errors(use_case: Callable[..., Any]) -> set[type[DomainError]]:
    """Return the errors in the "Raises" section of a use case."""
    _, _, raises = (inspect.getdoc(use_case) or "").partition("Raises:")
    return {ERRORS_BY_NAME[name] for name in re.findall(r"^\s+(\w+Error):", raises, re.MULTILINE)}


def errors_of(mutation: str) -> set[type[DomainError]]:
    """Return the documented errors of the use cases that a mutation calls."""
    return {error for use_case in use_cases_of_mutation(mutation) for error in documented_errors(use_case)}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_domain_error_has_one_mapping(error: type[DomainError]) -> None:
    """It is either a user error or a top-level code, so that it never becomes an internal error."""
    assert (error in USER_ERRORS) != (error in TOP_LEVEL_CODES)


def test_every_user_error_implements_the_interface() -> None:
    """`... on UserError` matches every user error, and each user error has a domain error."""
    schema = served_schema()
    interface = schema.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)

    implementing = {graphql_type.name for graphql_type in schema.get_possible_types(interface)}

    assert implementing == {user_error.__name__ for user_error in USER_ERRORS.values()}


@pytest.mark.parametrize("error", USER_ERRORS, ids=lambda error: error.__name__)
class TestUserError:
    def test_has_the_values_of_the_domain_error(self, error: type[DomainError]) -> None:
        """Every field without a resolver, except the message, is an argument or a property of the domain error."""
        fields = {field.name for field in dataclasses.fields(USER_ERRORS[error]) if field.init} - {"message"}
        properties = {name for name, _ in inspect.getmembers(error, lambda value: isinstance(value, property))}

        assert fields <= inspect.signature(error.__init__).parameters.keys() | properties

    def test_has_messages_in_both_languages(self, error: type[DomainError]) -> None:
        """The English and the German message use the same fields of the user error. No two messages are equal."""
        user_error = USER_ERRORS[error]
        fields = {field.name for field in dataclasses.fields(user_error)}
        all_messages = (MESSAGES[user_error], *OTHER_MESSAGES[user_error].values())
        for messages in all_messages:
            used = {
                language: {field for _, field, _, _ in string.Formatter().parse(text) if field}
                for language, text in messages.items()
            }
            assert used.keys() == LANGUAGES
            assert used["en"] == used["de"] <= fields
        texts = [text for messages in all_messages for text in messages.values()]
        assert len(set(texts)) == len(texts)

    def test_other_messages_are_selected_by_the_domain_error(self, error: type[DomainError]) -> None:
        """The name of each other message is an argument or a property of the domain error."""
        properties = {name for name, _ in inspect.getmembers(error, lambda value: isinstance(value, property))}

        assert (
            OTHER_MESSAGES[USER_ERRORS[error]].keys()
            <= inspect.signature(error.__init__).parameters.keys() | properties
        )

    def test_has_another_message_for_malformed_input(self, error: type[DomainError]) -> None:
        """Each user error with the field `malformed` says that the input is malformed."""
        fields = {field.name for field in dataclasses.fields(USER_ERRORS[error])}

        assert ("malformed" in fields) == ("malformed" in OTHER_MESSAGES[USER_ERRORS[error]])

    def test_says_when_the_next_attempt_is_checked(self, error: type[DomainError]) -> None:
        """Each error of a failed or rejected attempt says it, so that no client has to try in order to know."""
        fields = {field.name for field in dataclasses.fields(USER_ERRORS[error])}

        assert ("next_attempt_at" in fields) == issubclass(error, FailedAttemptError)
        assert ("retry_after_seconds" in fields) == (not fields.isdisjoint({"next_attempt_at", "retry_at"}))


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en", "en"), ("de", "de"), ("de-AT", "de"), ("DE", "de"), ("fr", "en"), ("", "en")],
)
def test_unsupported_language_gets_english(locale: str, expected: str) -> None:
    """The language subtag decides; its case and the region do not matter."""
    assert message(MESSAGES[TwoFactorNotActive], locale, {}) == MESSAGES[TwoFactorNotActive][expected]


@pytest.mark.parametrize("mutation", MUTATIONS)
class TestMutation:
    def test_calls_a_use_case(self, mutation: str) -> None:
        """The tests below find the errors and the results in it."""
        assert use_cases_of_mutation(mutation)

    def test_union_has_every_user_error_of_the_use_case(self, mutation: str) -> None:
        """An error that is missing in the union would become an internal error."""
        expected = errors_of(mutation) - TOP_LEVEL_CODES.keys()

        assert {USER_ERRORS[error].__name__ for error in expected} - set(results_of(MUTATIONS[mutation])) == set()

    def test_use_case_raises_every_user_error_of_the_union(self, mutation: str) -> None:
        """No client has to handle an error that never occurs."""
        raised = {USER_ERRORS[error].__name__ for error in errors_of(mutation) & USER_ERRORS.keys()}
        user_errors = {user_error.__name__ for user_error in USER_ERRORS.values()}

        never_raised = user_errors & set(results_of(MUTATIONS[mutation])) - raised
        assert never_raised == NO_LONGER_RAISED.get(mutation, set())

    def test_union_has_every_result_of_the_use_case(self, mutation: str) -> None:
        """A use case returns no object that the schema does not have, and no result is in vain."""
        domain_classes = {graphql_type.__name__: domain_class for graphql_type, domain_class in TYPE_MAPPING.items()}
        returned = {
            result
            for use_case in use_cases_of_mutation(mutation)
            for result in members_of(get_type_hints(use_case)["return"])
        }

        assert {domain_classes[name] for name in results_of(MUTATIONS[mutation]) if name in domain_classes} == returned


def members_of(annotation: object) -> tuple[object, ...]:
    """Return the members of a union, or the type itself."""
    return get_args(annotation) or (annotation,)
