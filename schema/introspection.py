"""Serve the introspection of the GraphQL specification of September 2025.

graphql-core 3.3 also serves parts of drafts. Tools for the released specifications fail on a location that they do not
know. The server lists no part of a draft, and still answers tools that ask for the fields of drafts.
"""

from collections.abc import Iterable
from copy import copy
from typing import Any, TypeAlias

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLDirective,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    introspection_types,
)
from graphql.type.introspection import FieldFields, TypeFields

DRAFT_LOCATIONS = {DirectiveLocation.FRAGMENT_VARIABLE_DEFINITION, DirectiveLocation.DIRECTIVE_DEFINITION}
# Of `__Directive`.
DRAFT_FIELDS = {"isDeprecated", "deprecationReason"}
# Of the field `directives` of `__Schema`.
DRAFT_ARGUMENTS = {"includeDeprecated"}

NamedField: TypeAlias = tuple[str, GraphQLField]
NamedValue: TypeAlias = tuple[str, GraphQLEnumValue]
NamedArgument: TypeAlias = tuple[str, GraphQLArgument]


def serve_released_introspection(schema: GraphQLSchema) -> None:
    """Remove the parts of drafts from what introspection lists for a schema.

    All schemas of a process share the introspection types of graphql-core.
    """
    schema.directives = tuple(_released(directive) for directive in schema.directives)
    _fields("__Type")["fields"].resolve = _listed_fields
    _fields("__Type")["enumValues"].resolve = _listed_values
    _fields("__Field")["args"].resolve = _listed_arguments
    # The resolver of Strawberry 0.341 fails for lists and for types that cannot be null.
    _fields("__Type")["isOneOf"].resolve = _is_one_of


def _released(directive: GraphQLDirective) -> GraphQLDirective:
    released = copy(directive)
    released.locations = tuple(location for location in directive.locations if location not in DRAFT_LOCATIONS)
    return released


def _fields(type_name: str) -> dict[str, GraphQLField]:
    graphql_type = introspection_types[type_name]
    assert isinstance(graphql_type, GraphQLObjectType)  # noqa: S101  # graphql-core declares it so
    fields: dict[str, GraphQLField] = graphql_type.fields
    return fields


def _listed_fields(graphql_type: Any, info: GraphQLResolveInfo[Any], **arguments: bool) -> list[NamedField] | None:  # noqa: ANN401  # any type, also a wrapper
    found: list[NamedField] | None = TypeFields.fields(graphql_type, info, **arguments)  # type: ignore[no-untyped-call]
    if found is None or graphql_type is not introspection_types["__Directive"]:
        return found
    return [(name, field) for name, field in found if name not in DRAFT_FIELDS]


def _listed_values(graphql_type: Any, info: GraphQLResolveInfo[Any], **arguments: bool) -> list[NamedValue] | None:  # noqa: ANN401  # any type, also a wrapper
    found: Iterable[NamedValue] | None = TypeFields.enum_values(graphql_type, info, **arguments)  # type: ignore[no-untyped-call]
    return None if found is None else [(name, value) for name, value in found if value.value not in DRAFT_LOCATIONS]


def _listed_arguments(field: NamedField, info: GraphQLResolveInfo[Any], **arguments: bool) -> list[NamedArgument]:
    found: Iterable[NamedArgument] = FieldFields.args(field, info, **arguments)  # type: ignore[no-untyped-call]
    drafts = DRAFT_ARGUMENTS if field[1] is _fields("__Schema")["directives"] else set()
    return [(name, argument) for name, argument in found if name not in drafts]


def _is_one_of(graphql_type: Any, _info: GraphQLResolveInfo[Any]) -> bool | None:  # noqa: ANN401  # any type, also a wrapper
    """Return whether an input object is a oneOf. Strawberry does not set the attribute of graphql-core."""
    if not isinstance(graphql_type, GraphQLInputObjectType):
        return None
    is_one_of: bool = graphql_type.extensions["strawberry-definition"].is_one_of
    return is_one_of
