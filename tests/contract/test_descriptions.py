"""Descriptions: every element has one, and it says more than the name."""

import re

import pytest

from tests.support.schema_elements import described_elements, served_schema

# A description with fewer words repeats the name.
LEAST_WORDS = 6
LEAST_NEW_WORDS = 4

ELEMENTS = list(described_elements(served_schema()))


def words(text: str) -> set[str]:
    """Return the lower-case words of a name or a text."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", text)}


@pytest.mark.parametrize(("name", "description"), ELEMENTS, ids=[name for name, _ in ELEMENTS])
def test_every_element_has_a_description(name: str, description: str | None) -> None:
    """It is a sentence with words that the name does not contain."""
    assert description is not None, name
    assert description[0].isupper(), "start with a capital letter"
    assert description.rstrip().endswith("."), "end with a full stop"
    assert len(description.split()) >= LEAST_WORDS
    assert len(words(description) - words(name)) >= LEAST_NEW_WORDS


def test_types_in_descriptions_exist() -> None:
    """A capitalised name in backticks is a type of the schema, with a field of this name if it has a dot."""
    schema = served_schema()
    named = {
        (where, type_name, field_name)
        for where, description in ELEMENTS
        for type_name, field_name in re.findall(r"`([A-Z][a-z]\w*)(?:\.(\w+))?`", description or "")
    }
    # HTTP headers are not elements of the schema.
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


def test_fields_in_descriptions_exist() -> None:
    """A lower-case name in backticks is a field or argument of the schema."""
    known = {part for name, _ in ELEMENTS for part in re.findall(r"\w+", name)}
    # Language tags are not elements of the schema.
    foreign = {"de", "en"}

    unknown = {
        (where, name)
        for where, description in ELEMENTS
        for name in re.findall(r"`([a-z]\w*)`", description or "")
        if name not in known | foreign
    }

    assert unknown == set()
