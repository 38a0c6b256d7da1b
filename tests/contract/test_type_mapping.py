"""Twins: a GraphQL type and the facts that it claims have the same fields, and both know when one is null."""

import dataclasses
import inspect
import types
import typing
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from graphql import GraphQLObjectType
from strawberry.types.base import StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField

from schema.error_mapping import USER_ERRORS
from schema.type_mapping import TYPE_MAPPING
from tests.contract.elements import own_types, served
from twofactor import results

# What a GraphQL type has and its facts have not: it is made from other facts, or asked for on its own.
COMPUTED = {
    ("TwoFactor", "state"),
    ("LoggedIn", "session_token"),
    ("User", "sessions"),
    ("User", "security_events"),
    ("UserConnection", "total_count"),
}
# What the facts have and clients are not told, or are told in another form.
HIDDEN = {
    ("TwoFactor", "is_active"),
    ("LoggedIn", "token"),
    ("LoggedIn", "transport"),
    ("QrCode", "text"),
    ("UserConnection", "page"),
    ("UserConnection", "query"),
}


def definition(twin: type) -> StrawberryObjectDefinition:
    """What Strawberry knows of a type."""
    known: StrawberryObjectDefinition = twin.__strawberry_definition__  # type: ignore[attr-defined]
    return known


def fields_of(twin: type) -> dict[str, StrawberryField]:
    """The fields of a GraphQL type, by their Python names."""
    return {field.python_name: field for field in definition(twin).fields}


def facts_of(facts: type) -> dict[str, Any]:
    """What an answer of the domain says, by name, each with its type."""
    found = dict(get_type_hints(facts))
    for name, member in vars(facts).items():
        if isinstance(member, property):
            found[name] = get_type_hints(member.fget)["return"]
        elif inspect.isfunction(member) and not name.startswith("_"):
            found[name] = get_type_hints(member)["return"]
    return found


def can_be_none(annotation: object) -> bool:
    """Whether a type admits None."""
    return get_origin(annotation) in {typing.Union, types.UnionType} and type(None) in get_args(annotation)


@pytest.mark.parametrize("twin", TYPE_MAPPING, ids=lambda twin: twin.__name__)
class TestTwin:
    def test_every_field_has_its_fact(self, twin: type) -> None:
        """Whatever a client can select, the resolver's answer has; what it has not is listed as computed."""
        missing = fields_of(twin).keys() - facts_of(TYPE_MAPPING[twin]).keys() - {"id"}

        assert {(twin.__name__, name) for name in missing} == {pair for pair in COMPUTED if pair[0] == twin.__name__}

    def test_every_fact_has_its_field(self, twin: type) -> None:
        """Whatever a use case says, clients can select; what they cannot is listed as hidden."""
        unsaid = facts_of(TYPE_MAPPING[twin]).keys() - fields_of(twin).keys()

        assert {(twin.__name__, name) for name in unsaid} == {pair for pair in HIDDEN if pair[0] == twin.__name__}

    def test_both_are_null_or_neither(self, twin: type) -> None:
        """A field can be null exactly where its fact can be None: else one answer would be lost, or one check idle."""
        facts = facts_of(TYPE_MAPPING[twin])
        shared = fields_of(twin).keys() & facts.keys()

        nullable = {name for name in shared if isinstance(fields_of(twin)[name].type, StrawberryOptional)}

        assert nullable == {name for name in shared if can_be_none(facts[name])}

    def test_no_type_with_a_secret_has_an_id(self, twin: type) -> None:
        """A normalising cache keeps what has an `id`: it would keep the secret too."""
        facts = TYPE_MAPPING[twin]
        carries_secret = any(not field.repr for field in dataclasses.fields(facts))

        assert not (carries_secret and "id" in fields_of(twin))


def test_every_type_is_a_twin() -> None:
    """But for the two roots and the refusals, no type is without its facts: the tests above miss none."""
    objects = {each.name for each in own_types(served()) if isinstance(each, GraphQLObjectType)}

    assert objects - {"Query", "Mutation"} - {each.__name__ for each in USER_ERRORS.values()} == {
        twin.__name__ for twin in TYPE_MAPPING
    }


def test_every_answer_has_a_twin() -> None:
    """No use case can answer with something that the schema does not know."""
    answers = {each for each in vars(results).values() if dataclasses.is_dataclass(each) and isinstance(each, type)}

    assert answers - set(TYPE_MAPPING.values()) == set()


def test_secrets_are_recognised() -> None:
    """What is shown once is hidden in `repr`, by which the test above knows it."""
    secret = {
        twin.__name__
        for twin, facts in TYPE_MAPPING.items()
        if any(not field.repr for field in dataclasses.fields(facts))
    }

    assert secret == {
        "LoggedIn",
        "SecondFactorRequired",
        "TwoFactorActivation",
        "QrCode",
        "TextFile",
        "BackupCodesIssued",
        "BackupCodesRegenerated",
    }
