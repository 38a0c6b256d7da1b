"""Descriptions: everything has one, and it says more than the name does."""

import re

import pytest

from tests.contract.elements import described_elements, served

# Fewer words than these say nothing that the name has not said already.
LEAST_WORDS = 6
LEAST_NEW_WORDS = 4

ELEMENTS = list(described_elements(served()))


def words(text: str) -> set[str]:
    """The words of a name or a sentence, without case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", text)}


@pytest.mark.parametrize(("name", "description"), ELEMENTS, ids=[name for name, _ in ELEMENTS])
def test_every_element_is_described(name: str, description: str | None) -> None:
    """A frontend developer learns from introspection what the name alone does not tell."""
    assert description is not None, name
    assert description[0].isupper(), "it is a sentence"
    assert description.rstrip().endswith("."), "it is a whole sentence"
    assert len(description.split()) >= LEAST_WORDS
    assert len(words(description) - words(name)) >= LEAST_NEW_WORDS


def test_codes_that_descriptions_name_exist() -> None:
    """Where a description names another type or field by its capital letter, the schema has it."""
    schema = served()
    named = {
        (where, type_name, field_name)
        for where, description in ELEMENTS
        for type_name, field_name in re.findall(r"`([A-Z][a-z]\w*)(?:\.(\w+))?`", description or "")
    }
    # Words of HTTP and of stores, in the same spelling.
    foreign = {"Authorization", "Accept"}

    unknown = {
        (where, type_name, field_name)
        for where, type_name, field_name in named
        if type_name not in foreign
        and (
            type_name not in schema.type_map
            or (field_name and field_name not in getattr(schema.type_map[type_name], "fields", {}))
        )
    }

    assert unknown == set()


def test_fields_that_descriptions_name_exist() -> None:
    """Where a description names a field or argument by its small letter, the schema has it somewhere."""
    known = {part for name, _ in ELEMENTS for part in re.findall(r"\w+", name)}
    # Values and words of other languages.
    foreign = {"de", "en"}

    unknown = {
        (where, name)
        for where, description in ELEMENTS
        for name in re.findall(r"`([a-z]\w*)`", description or "")
        if name not in known | foreign
    }

    assert unknown == set()
