"""The elements of the served schema, with the names that introspection shows."""

from collections.abc import Iterator
from functools import cache

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    is_required_argument,
    is_specified_scalar_type,
)
from strawberry import Schema

from schema.fields import Access, declared
from schema.root import create_schema


def served_schema() -> GraphQLSchema:
    """Return the served schema."""
    return create_schema(Schema)._schema


@cache
def query_fields() -> dict[str, GraphQLField]:
    """Return the fields of `Query`."""
    query = served_schema().query_type
    assert query is not None
    fields: dict[str, GraphQLField] = query.fields
    return fields


@cache
def mutation_fields() -> dict[str, GraphQLField]:
    """Return the fields of `Mutation`."""
    mutation = served_schema().mutation_type
    assert mutation is not None
    fields: dict[str, GraphQLField] = mutation.fields
    return fields


def access_of(field: GraphQLField) -> Access:
    """Return who may call a field of `Query` or `Mutation`."""
    access: Access = declared(field)["access"]
    return access


def results_of(field: GraphQLField) -> list[str]:
    """Return the names of the types that a field can return: the members of a union, or its only type."""
    named = get_named_type(field.type)
    return [member.name for member in named.types] if isinstance(named, GraphQLUnionType) else [named.name]


def required_arguments(field: GraphQLField) -> list[str]:
    """Return the names of the arguments that a field requires."""
    return [name for name, argument in field.args.items() if is_required_argument(argument)]


def own_types(schema: GraphQLSchema) -> list[GraphQLNamedType]:
    """Return the types of the schema without introspection types and built-in scalars."""
    return [
        each
        for each in schema.type_map.values()
        if not is_introspection_type(each) and not is_specified_scalar_type(each)
    ]


def described_elements(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Yield each type, field, argument, input field and enum value with its description."""
    for each in own_types(schema):
        yield each.name, each.description
        if isinstance(each, GraphQLEnumType):
            for name, value in each.values.items():
                yield f"{each.name}.{name}", value.description
        if isinstance(each, GraphQLInputObjectType):
            for name, input_field in each.fields.items():
                yield f"{each.name}.{name}", input_field.description
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in each.fields.items():
                yield f"{each.name}.{name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{each.name}.{name}({argument_name}:)", argument.description
