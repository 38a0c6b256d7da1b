"""Refusals: every domain error is told in one way, in both languages, and every union has what its mutation meets."""

import dataclasses
import inspect
import re
import string
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLUnionType, get_named_type

from schema.error_mapping import TOP_LEVEL_CODES, USER_ERRORS
from schema.messages import MESSAGES, message
from tests.contract.elements import served
from twofactor import activation, backup_codes, errors, login, passwords, policy, removal, sessions
from twofactor.errors import AttemptRefusedError, TwoFactorError

LANGUAGES = {"en", "de"}
# Never raised themselves.
BASES = {TwoFactorError, AttemptRefusedError}

# What each mutation does. `logout` cannot be refused.
USE_CASES: dict[str, Callable[..., Any]] = {
    "login": login.log_in,
    "verifyLogin": login.verify_login,
    "startTwoFactorActivation": activation.start_activation,
    "confirmOtp": activation.confirm_otp,
    "acknowledgeBackupCodes": activation.acknowledge_backup_codes,
    "regenerateBackupCodes": backup_codes.regenerate_backup_codes,
    "deactivateTwoFactor": removal.deactivate,
    "adminResetTwoFactor": removal.reset_by_admin,
    "updateSecurityPolicy": policy.update_security_policy,
    "changePassword": passwords.change_password,
    "revokeSession": sessions.revoke_session,
}

ERRORS = [
    each
    for each in vars(errors).values()
    if inspect.isclass(each) and issubclass(each, TwoFactorError) and each not in BASES
]


def members(mutation: str) -> set[str]:
    """The names that the union of a mutation has."""
    schema = served()
    assert schema.mutation_type is not None
    union = get_named_type(schema.mutation_type.fields[mutation].type)
    assert isinstance(union, GraphQLUnionType)
    return {member.name for member in union.types}


def documented(use_case: Callable[..., Any]) -> set[type[TwoFactorError]]:
    """What a use case says that it raises."""
    _, _, raises = (inspect.getdoc(use_case) or "").partition("Raises:")
    return {getattr(errors, name) for name in re.findall(r"^\s+(\w+Error):", raises, re.MULTILINE)}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_domain_error_is_told_in_one_way(error: type[TwoFactorError]) -> None:
    """It is a member of unions or a top-level code, and never falls through as an internal error."""
    assert (error in USER_ERRORS) != (error in TOP_LEVEL_CODES)


def test_every_refusal_implements_the_interface() -> None:
    """`... on UserError` finds every refusal there is, and there is none that nothing raises."""
    schema = served()
    interface = schema.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)

    implementing = {each.name for each in schema.get_possible_types(interface)}

    assert implementing == {each.__name__ for each in USER_ERRORS.values()} == MESSAGES.keys()


@pytest.mark.parametrize("error", USER_ERRORS, ids=lambda error: error.__name__)
class TestRefusal:
    def test_its_facts_are_those_of_the_error(self, error: type[TwoFactorError]) -> None:
        """Every field of it but the message is a fact that the error is made with."""
        facts = {field.name for field in dataclasses.fields(USER_ERRORS[error])} - {"message"}

        assert facts <= inspect.signature(error.__init__).parameters.keys()

    def test_it_speaks_both_languages(self, error: type[TwoFactorError]) -> None:
        """People are told in English or German, with the same facts in both."""
        name = USER_ERRORS[error].__name__
        facts = {field.name for field in dataclasses.fields(USER_ERRORS[error])}
        told = {
            language: {part for _, part, _, _ in string.Formatter().parse(text) if part}
            for language, text in MESSAGES[name].items()
        }

        assert told.keys() == LANGUAGES
        assert told["en"] == told["de"] <= facts
        assert MESSAGES[name]["en"] != MESSAGES[name]["de"]


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en", "en"), ("de", "de"), ("de-AT", "de"), ("DE", "de"), ("fr", "en"), ("", "en")],
)
def test_a_language_that_we_do_not_speak_is_answered_in_english(locale: str, expected: str) -> None:
    """The main language of a tag decides, whatever its case and region."""
    assert message("TwoFactorNotActive", locale, {}) == MESSAGES["TwoFactorNotActive"][expected]


def test_every_mutation_has_its_use_case() -> None:
    """The two tests below look at every mutation that can be refused."""
    schema = served()
    assert schema.mutation_type is not None

    assert USE_CASES.keys() == schema.mutation_type.fields.keys() - {"logout"}


@pytest.mark.parametrize("mutation", USE_CASES)
class TestMutation:
    def test_its_union_has_every_refusal_of_its_use_case(self, mutation: str) -> None:
        """A refusal that the union lacks would reach the client as an internal error."""
        told_by_union = documented(USE_CASES[mutation]) - TOP_LEVEL_CODES.keys()

        assert {USER_ERRORS[error].__name__ for error in told_by_union} - members(mutation) == set()

    def test_its_use_case_raises_every_refusal_of_its_union(self, mutation: str) -> None:
        """No client has to be ready for what never comes."""
        refusals = {each.__name__ for each in USER_ERRORS.values()} & members(mutation)

        assert (
            refusals - {USER_ERRORS[error].__name__ for error in documented(USE_CASES[mutation]) & USER_ERRORS.keys()}
            == set()
        )
