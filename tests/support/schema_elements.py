"""The elements of the served schema, with the names that introspection shows."""

from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_scalar_type,
)

from schema.root import create_schema


def served_schema() -> GraphQLSchema:
    """Return the served schema."""
    return create_schema()._schema


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
