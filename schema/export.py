"""The contract as a file: `schema.graphql` at the top of the repository."""

from graphql import print_schema

from schema.root import create_schema


def export_sdl() -> str:
    """Write the served schema in SDL, descriptions and all, with a newline at its end."""
    # Strawberry's own printer leaves out the description of the schema.
    return print_schema(create_schema()._schema) + "\n"  # noqa: SLF001
