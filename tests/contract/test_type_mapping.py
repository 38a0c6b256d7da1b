"""The type mapping: a GraphQL type and its domain class have the same fields with the same nullability."""

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
from tests.support.schema_elements import own_types, served_schema

# Fields of GraphQL types that are not in the domain class: resolvers compute or load them.
COMPUTED = {
    ("TwoFactor", "state"),
    ("TwoFactor", "enforced"),
    ("TwoFactor", "setup_required"),
    ("TwoFactor", "enforcement"),
    ("TwoFactor", "exempt_until"),
    ("LoggedIn", "session_token"),
    ("LoggedIn", "device_token"),
    ("PasswordChanged", "session_token"),
    ("TwoFactorActivated", "session_token"),
    ("TwoFactorDeactivated", "session_token"),
    ("AuthenticatorReplaced", "session_token"),
    ("AuthenticatorAdded", "session_token"),
    ("User", "authenticators"),
    ("Company", "admins"),
    ("Company", "statistics"),
    ("User", "enabled"),
    ("User", "locked_until"),
    ("User", "locked_second_factors"),
    ("User", "session_count"),
    ("User", "device_count"),
    ("User", "devices"),
    ("User", "sessions"),
    ("User", "security_events"),
    ("UserConnection", "total_count"),
    ("TwoFactorActivation", "qr_code"),
    ("PolicyImpact", "users"),
}
# Fields of domain classes that clients cannot read, or can read only in another form.
HIDDEN = {
    ("TwoFactor", "is_active"),
    ("TwoFactor", "required_from"),
    ("TwoFactor", "rule"),
    ("TwoFactor", "is_enforced"),
    ("TwoFactor", "is_setup_required"),
    ("User", "is_enabled"),
    ("LoggedIn", "token"),
    ("LoggedIn", "transport"),
    ("LoggedIn", "device"),
    ("SecondFactorRequired", "is_known_device"),
    ("PasswordChanged", "new_token"),
    ("TwoFactorActivated", "new_token"),
    ("TwoFactorDeactivated", "new_token"),
    ("AuthenticatorReplaced", "new_token"),
    ("AuthenticatorAdded", "new_token"),
    ("Session", "device_id"),
    ("QrCode", "text"),
    ("UserConnection", "page"),
    ("UserConnection", "query"),
    ("PolicyImpact", "rule"),
}


def definition(graphql_type: type) -> StrawberryObjectDefinition:
    """Return Strawberry's definition of a GraphQL type."""
    found: StrawberryObjectDefinition = graphql_type.__strawberry_definition__  # type: ignore[attr-defined]
    return found


def graphql_fields(graphql_type: type) -> dict[str, StrawberryField]:
    """Return the fields of a GraphQL type by their Python names."""
    return {field.python_name: field for field in definition(graphql_type).fields}


def domain_fields(domain_class: type) -> dict[str, Any]:
    """Return the types of the fields, properties and public methods of a domain class by their names."""
    found = dict(get_type_hints(domain_class))
    for name, member in vars(domain_class).items():
        if isinstance(member, property):
            found[name] = get_type_hints(member.fget)["return"]
        elif inspect.isfunction(member) and not name.startswith("_"):
            found[name] = get_type_hints(member)["return"]
    return found


def is_optional(annotation: object) -> bool:
    """Return whether a type annotation includes None."""
    return get_origin(annotation) in {typing.Union, types.UnionType} and type(None) in get_args(annotation)


def has_secret(domain_class: type) -> bool:
    """Return whether a domain class hides a field in its `repr`."""
    return any(not field.repr for field in dataclasses.fields(domain_class))


@pytest.mark.parametrize("graphql_type", TYPE_MAPPING, ids=lambda graphql_type: graphql_type.__name__)
class TestTypeMapping:
    def test_every_graphql_field_is_in_the_domain_class(self, graphql_type: type) -> None:
        """Exceptions are in `COMPUTED`."""
        missing = graphql_fields(graphql_type).keys() - domain_fields(TYPE_MAPPING[graphql_type]).keys() - {"id"}
        name = graphql_type.__name__

        assert {(name, field) for field in missing} == {pair for pair in COMPUTED if pair[0] == name}

    def test_every_domain_field_is_in_the_graphql_type(self, graphql_type: type) -> None:
        """Exceptions are in `HIDDEN`."""
        missing = domain_fields(TYPE_MAPPING[graphql_type]).keys() - graphql_fields(graphql_type).keys()
        name = graphql_type.__name__

        assert {(name, field) for field in missing} == {pair for pair in HIDDEN if pair[0] == name}

    def test_fields_have_the_same_nullability(self, graphql_type: type) -> None:
        """A None in a non-null field would lose the response. A needless null would need a check in every client."""
        fields = graphql_fields(graphql_type)
        annotations = domain_fields(TYPE_MAPPING[graphql_type])
        shared = fields.keys() & annotations.keys()

        nullable = {name for name in shared if isinstance(fields[name].type, StrawberryOptional)}

        assert nullable == {name for name in shared if is_optional(annotations[name])}

    def test_type_with_a_secret_has_no_id(self, graphql_type: type) -> None:
        """A normalising cache keeps objects with an `id`, and the secret with them."""
        assert not (has_secret(TYPE_MAPPING[graphql_type]) and "id" in graphql_fields(graphql_type))


def test_every_graphql_type_has_a_domain_class() -> None:
    """Only Query, Mutation and the user errors have none, so the tests above cover all other types."""
    objects = {each.name for each in own_types(served_schema()) if isinstance(each, GraphQLObjectType)}
    user_errors = {user_error.__name__ for user_error in USER_ERRORS.values()}

    assert objects - {"Query", "Mutation"} - user_errors == {graphql_type.__name__ for graphql_type in TYPE_MAPPING}


def test_types_with_a_secret() -> None:
    """A field with a secret is hidden in `repr`. The test above recognises secrets by this."""
    assert {
        graphql_type.__name__ for graphql_type, domain_class in TYPE_MAPPING.items() if has_secret(domain_class)
    } == {
        "LoggedIn",
        "SecondFactorRequired",
        "TwoFactorActivation",
        "QrCode",
        "TextFile",
        "TwoFactorReset",
        "BackupCodesIssued",
        "BackupCodesRegenerated",
    }
