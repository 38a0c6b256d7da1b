"""Every GraphQL document of the documentation fits the schema."""

import json

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from graphql.language import FieldNode

from schema.export import export_possible_types
from tests.docs.blocks import GUIDE, ROOT, blocks_of, documents

SCHEMA = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", [text for _, text in documents()], ids=[place for place, _ in documents()])
def test_is_valid(document: str) -> None:
    """No field, argument or type in it is wrong."""
    assert validate(SCHEMA, parse(document)) == []


@pytest.mark.parametrize("document", [text for _, text in documents()], ids=[place for place, _ in documents()])
def test_selects_the_type_name_of_each_answer(document: str) -> None:
    """It is the code to go by, so no example may leave it out of a mutation."""
    for operation in parse(document).definitions:
        assert isinstance(operation, OperationDefinitionNode)
        assert operation.name, "operations of the documentation have names"
        if operation.operation.value == "mutation":
            (field,) = operation.selection_set.selections
            assert isinstance(field, FieldNode)
            assert field.selection_set
            selected = [node.name.value for node in field.selection_set.selections if isinstance(node, FieldNode)]
            assert "__typename" in selected


def test_the_guide_shows_every_mutation() -> None:
    """A mutation that is added has to be shown too."""
    assert SCHEMA.mutation_type is not None
    text = "".join(block.text for block in blocks_of(GUIDE) if block.kind == "graphql")

    assert [name for name in SCHEMA.mutation_type.fields if f" {name}(" not in text and f" {name} {{" not in text] == []


def test_the_possible_types_are_those_of_the_schema() -> None:
    """An older list would hide the message of a new refusal from caching clients; `make schema` writes it anew."""
    committed = (ROOT / "possibleTypes.json").read_text(encoding="utf-8")

    assert committed == export_possible_types()
    assert "TooManyAttempts" in json.loads(committed)["UserError"]
