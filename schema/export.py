"""Export the contract as files: `schema.graphql`, and `possibleTypes.json` for clients with a cache."""

import json

from graphql import GraphQLInputObjectType, is_abstract_type, print_schema
from strawberry import Schema

from schema.root import create_schema


def export_sdl() -> str:
    """Return the served schema in SDL with all descriptions and a newline at the end."""
    schema = create_schema(Schema)._schema  # noqa: SLF001  # there is no public access
    for graphql_type in schema.type_map.values():
        # Strawberry 0.341 handles `@oneOf` itself and does not set the attribute that graphql-core prints.
        if isinstance(graphql_type, GraphQLInputObjectType):
            graphql_type.is_one_of = graphql_type.extensions["strawberry-definition"].is_one_of
    # Do not use Strawberry's own printer: it omits the description of the schema.
    return print_schema(schema) + "\n"


def export_possible_types() -> str:
    """Return the possible types of each interface and union as JSON for Apollo's `InMemoryCache`.

    The text ends with a newline.
    """
    schema = create_schema(Schema)._schema  # noqa: SLF001  # there is no public access
    possible = {
        name: sorted(member.name for member in schema.get_possible_types(graphql_type))
        for name, graphql_type in sorted(schema.type_map.items())
        if is_abstract_type(graphql_type)
    }
    return json.dumps(possible, indent=2) + "\n"
