"""The contract as files at the top of the repository: `schema.graphql`, and `possibleTypes.json` for caches."""

import json

from graphql import GraphQLInputObjectType, is_abstract_type, print_schema

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


def export_possible_types() -> str:
    """Write which types each interface and union has, in the form of Apollo's `InMemoryCache`, with a newline."""
    schema = create_schema()._schema  # noqa: SLF001  # no public way
    possible = {
        name: sorted(member.name for member in schema.get_possible_types(named))
        for name, named in sorted(schema.type_map.items())
        if is_abstract_type(named)
    }
    return json.dumps(possible, indent=2) + "\n"
