"""The contract as a file: `schema.graphql` at the top of the repository."""

from graphql import GraphQLInputObjectType, print_schema

from schema.root import create_schema


def export_sdl() -> str:
    """Write the served schema in SDL, descriptions and all, with a newline at its end."""
    schema = create_schema()._schema  # noqa: SLF001  # no public way
    for named in schema.type_map.values():
        # Strawberry 0.341 tells introspection of `@oneOf` and checks it by itself, behind the back of graphql-core.
        if isinstance(named, GraphQLInputObjectType):
            named.is_one_of = named.extensions["strawberry-definition"].is_one_of
    # Strawberry's own printer leaves out the description of the schema.
    return print_schema(schema) + "\n"
