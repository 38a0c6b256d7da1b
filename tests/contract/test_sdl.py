"""`schema.graphql`: what is committed is what is served."""

from pathlib import Path

from graphql import get_introspection_query, graphql_sync

from schema.export import export_sdl
from schema.root import DESCRIPTION
from tests.contract.elements import served

SDL_FILE = Path(__file__).parents[2] / "schema.graphql"


def test_the_committed_schema_is_the_served_one() -> None:
    """The file at the top of the repository says what the server serves; `make schema` writes it anew."""
    assert SDL_FILE.read_text(encoding="utf-8") == export_sdl()


def test_introspection_begins_with_how_to_read_an_answer() -> None:
    """The schema has a description of its own, which Strawberry has no argument for."""
    result = graphql_sync(served(), get_introspection_query(schema_description=True))

    assert result.data is not None
    assert result.data["__schema"]["description"] == DESCRIPTION


def test_every_root_field_can_be_null() -> None:
    """One refused field leaves its neighbours readable: secrets that are shown once must not be lost beside it."""
    schema = served()
    assert schema.query_type is not None
    assert schema.mutation_type is not None

    fields = {**schema.query_type.fields, **schema.mutation_type.fields}

    assert [name for name, field in fields.items() if str(field.type).endswith("!")] == []
