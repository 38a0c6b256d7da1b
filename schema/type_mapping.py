"""How a GraphQL type claims the facts that a use case answers with.

A resolver returns a frozen dataclass of the domain; its GraphQL twin says in `is_type_of` that such a value is one of
its own, so that unions and interfaces find it. The twin itself is never made.
"""

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import strawberry

TypeT = TypeVar("TypeT", bound=type)

# Each GraphQL type with the class of the values that it describes.
TYPE_MAPPING: dict[type, type] = {}


def describe_enum(enum: type[Enum], description: str, values: dict[Enum, str]) -> None:
    """Give an enum of the domain its descriptions. `values` has one for each value."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # Strawberry has just set it
        value.description = values[enum(value.value)]


def maps_from(facts: type, *, description: str) -> Callable[[TypeT], TypeT]:
    """Declare a GraphQL type for the values of a class."""

    def declare(cls: TypeT) -> TypeT:
        cls.is_type_of = staticmethod(lambda value, _info: isinstance(value, facts))  # type: ignore[attr-defined]
        TYPE_MAPPING[cls] = facts
        return strawberry.type(cls, description=description)

    return declare
