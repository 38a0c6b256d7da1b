"""Test that every GraphQL document of the documentation matches the schema."""

import json
import re

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from graphql.language import FieldNode

from schema.export import export_possible_types
from tests.contract.docs.markdown import ROOT, code_blocks, guide_pages, markdown_files

SCHEMA = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))

# How the example clients contain their operations: a shell variable, `gql(…)` in Python and `graphql(…)` in TypeScript.
CLIENT_OPERATIONS = {
    "examples/clients/curl/flow.sh": re.compile(r"^[A-Z_]+='((?:query|mutation) [^']*)'$", re.MULTILINE),
    "examples/clients/python/client.py": re.compile(r'\bgql\("(?:"")?(.*?)"(?:"")?\)', re.DOTALL),
    "examples/clients/typescript/src/operations.ts": re.compile(r"\bgraphql\(/\* GraphQL \*/ `(.*?)`\)", re.DOTALL),
}


def graphql_documents() -> list[tuple[str, str]]:
    """Return the GraphQL documents of all Markdown files and example clients, each as (file and line, text)."""
    documents = [
        (block.source, block.text)
        for path in markdown_files()
        for block in code_blocks(path)
        if block.kind == "graphql"
    ]
    for name, pattern in CLIENT_OPERATIONS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        operations = [
            (f"{name}:{text.count(chr(10), 0, match.start()) + 1}", match[1]) for match in pattern.finditer(text)
        ]
        assert operations, f"{name} contains no operation"
        documents += operations
    return documents


DOCUMENTS = [pytest.param(text, id=source) for source, text in graphql_documents()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_is_valid(document: str) -> None:
    """Validate the document against the schema."""
    assert validate(SCHEMA, parse(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_mutation_selects_typename(document: str) -> None:
    """Require `__typename` in each mutation: it is the stable code of the result."""
    for operation in parse(document).definitions:
        assert isinstance(operation, OperationDefinitionNode)
        assert operation.name, "the operation has no name"
        if operation.operation.value == "mutation":
            (field,) = operation.selection_set.selections
            assert isinstance(field, FieldNode)
            assert field.selection_set
            selected = [node.name.value for node in field.selection_set.selections if isinstance(node, FieldNode)]
            assert "__typename" in selected


def test_guide_shows_every_mutation() -> None:
    """Require that a new mutation is added to the guide."""
    assert SCHEMA.mutation_type is not None
    text = "".join(block.text for page in guide_pages() for block in code_blocks(page) if block.kind == "graphql")

    assert [name for name in SCHEMA.mutation_type.fields if f" {name}(" not in text and f" {name} {{" not in text] == []


def test_possible_types_match_the_schema() -> None:
    """Compare possibleTypes.json with the schema; `make schema` writes the file.

    With an outdated list, clients with a cache drop the message of a new user error.
    """
    committed = (ROOT / "possibleTypes.json").read_text(encoding="utf-8")

    assert committed == export_possible_types()
    assert "TooManyAttempts" in json.loads(committed)["UserError"]
