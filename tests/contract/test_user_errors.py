"""User errors: each domain error has one mapping, messages in both languages, and a place in the right unions."""

import dataclasses
import inspect
import re
import string
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLUnionType, get_named_type

import accounts.errors
import security.errors
import twofactor.errors
from accounts import passwords, security_policy, sessions
from accounts.errors import FailedAttemptError
from schema.error_mapping import TOP_LEVEL_CODES, USER_ERRORS
from schema.user_error_messages import MESSAGES, message
from security.errors import DomainError
from tests.support.schema_elements import served_schema
from twofactor import activation, login, removal
from twofactor.factors import backup_codes

LANGUAGES = {"en", "de"}
# Base classes, which no code raises.
BASES = {DomainError, FailedAttemptError}

# The use case of each mutation. `logout` returns no user error.
USE_CASES: dict[str, Callable[..., Any]] = {
    "login": login.log_in,
    "verifyLogin": login.verify_login,
    "startTwoFactorActivation": activation.start_activation,
    "confirmOtp": activation.confirm_otp,
    "acknowledgeBackupCodes": activation.acknowledge_backup_codes,
    "regenerateBackupCodes": backup_codes.regenerate_backup_codes,
    "deactivateTwoFactor": removal.deactivate,
    "adminResetTwoFactor": removal.reset_by_admin,
    "updateSecurityPolicy": security_policy.update_security_policy,
    "changePassword": passwords.change_password,
    "revokeSession": sessions.revoke_session,
}

ERRORS_BY_NAME = {
    name: error
    for module in (security.errors, accounts.errors, twofactor.errors)
    for name, error in vars(module).items()
    if inspect.isclass(error) and issubclass(error, DomainError)
}
ERRORS = [error for error in ERRORS_BY_NAME.values() if error not in BASES]


def members(mutation: str) -> set[str]:
    """Return the names of the members of a mutation's union."""
    schema = served_schema()
    assert schema.mutation_type is not None
    union = get_named_type(schema.mutation_type.fields[mutation].type)
    assert isinstance(union, GraphQLUnionType)
    return {member.name for member in union.types}


def documented_errors(use_case: Callable[..., Any]) -> set[type[DomainError]]:
    """Return the errors in the "Raises" section of a use case."""
    _, _, raises = (inspect.getdoc(use_case) or "").partition("Raises:")
    return {ERRORS_BY_NAME[name] for name in re.findall(r"^\s+(\w+Error):", raises, re.MULTILINE)}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_domain_error_has_one_mapping(error: type[DomainError]) -> None:
    """It is either a user error or a top-level code, so that it never becomes an internal error."""
    assert (error in USER_ERRORS) != (error in TOP_LEVEL_CODES)


def test_every_user_error_implements_the_interface() -> None:
    """`... on UserError` matches every user error, and each user error has a domain error and messages."""
    schema = served_schema()
    interface = schema.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)

    implementing = {graphql_type.name for graphql_type in schema.get_possible_types(interface)}

    assert implementing == {user_error.__name__ for user_error in USER_ERRORS.values()} == MESSAGES.keys()


@pytest.mark.parametrize("error", USER_ERRORS, ids=lambda error: error.__name__)
class TestUserError:
    def test_has_the_values_of_the_domain_error(self, error: type[DomainError]) -> None:
        """Every field except the message is an argument of the domain error."""
        fields = {field.name for field in dataclasses.fields(USER_ERRORS[error])} - {"message"}

        assert fields <= inspect.signature(error.__init__).parameters.keys()

    def test_has_messages_in_both_languages(self, error: type[DomainError]) -> None:
        """The English and the German message use the same fields of the user error."""
        name = USER_ERRORS[error].__name__
        fields = {field.name for field in dataclasses.fields(USER_ERRORS[error])}
        used = {
            language: {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for language, text in MESSAGES[name].items()
        }

        assert used.keys() == LANGUAGES
        assert used["en"] == used["de"] <= fields
        assert MESSAGES[name]["en"] != MESSAGES[name]["de"]


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en", "en"), ("de", "de"), ("de-AT", "de"), ("DE", "de"), ("fr", "en"), ("", "en")],
)
def test_unsupported_language_gets_english(locale: str, expected: str) -> None:
    """The language subtag decides; its case and the region do not matter."""
    assert message("TwoFactorNotActive", locale, {}) == MESSAGES["TwoFactorNotActive"][expected]


def test_every_mutation_has_its_use_case() -> None:
    """The tests below cover every mutation that can return a user error."""
    schema = served_schema()
    assert schema.mutation_type is not None

    assert USE_CASES.keys() == schema.mutation_type.fields.keys() - {"logout"}


@pytest.mark.parametrize("mutation", USE_CASES)
class TestMutation:
    def test_union_has_every_user_error_of_the_use_case(self, mutation: str) -> None:
        """An error that is missing in the union would become an internal error."""
        expected = documented_errors(USE_CASES[mutation]) - TOP_LEVEL_CODES.keys()

        assert {USER_ERRORS[error].__name__ for error in expected} - members(mutation) == set()

    def test_use_case_raises_every_user_error_of_the_union(self, mutation: str) -> None:
        """No client has to handle an error that never occurs."""
        user_errors = {user_error.__name__ for user_error in USER_ERRORS.values()} & members(mutation)
        documented = documented_errors(USE_CASES[mutation]) & USER_ERRORS.keys()

        assert user_errors - {USER_ERRORS[error].__name__ for error in documented} == set()
