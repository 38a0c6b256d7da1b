"""`schema.graphql`: the committed schema is the served schema."""

from pathlib import Path

from graphql import get_introspection_query, graphql_sync

from schema.export import export_sdl
from schema.root import DESCRIPTION
from tests.support.schema_elements import served_schema

SDL_FILE = Path(__file__).parents[2] / "schema.graphql"


def test_committed_schema_is_the_served_schema() -> None:
    """`make schema` writes the file again."""
    assert SDL_FILE.read_text(encoding="utf-8") == export_sdl()


def test_introspection_has_the_description_of_the_schema() -> None:
    """Strawberry has no argument for it, so the code sets it on the schema."""
    result = graphql_sync(served_schema(), get_introspection_query(schema_description=True))

    assert result.data is not None
    assert result.data["__schema"]["description"] == DESCRIPTION


def test_every_root_field_is_nullable() -> None:
    """A failed root field must not remove a secret that another one returns once."""
    schema = served_schema()
    assert schema.query_type is not None
    assert schema.mutation_type is not None

    fields = {**schema.query_type.fields, **schema.mutation_type.fields}

    assert [name for name, field in fields.items() if str(field.type).endswith("!")] == []
