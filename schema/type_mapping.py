"""The mapping from domain classes and enums to GraphQL types.

A resolver returns a frozen dataclass of the domain. The GraphQL type that maps from this class accepts the value in
`is_type_of`, so that unions and interfaces find their member. Strawberry never creates an instance of the GraphQL type.
"""

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import strawberry

TypeT = TypeVar("TypeT", bound=type)

# The domain class of each GraphQL type.
TYPE_MAPPING: dict[type, type] = {}


def maps_from(domain_class: type, *, description: str) -> Callable[[TypeT], TypeT]:
    """Declare a GraphQL type for the values of a domain class."""

    def declare(cls: TypeT) -> TypeT:
        cls.is_type_of = staticmethod(  # type: ignore[attr-defined]  # Strawberry reads it
            lambda value, _info: isinstance(value, domain_class)
        )
        TYPE_MAPPING[cls] = domain_class
        return strawberry.type(cls, description=description)

    return declare


def describe_enum(enum: type[Enum], description: str, values: dict[Enum, str]) -> None:
    """Declare a GraphQL enum for an enum of the domain.

    Raises:
        KeyError: A value of the enum has no description in `values`.
    """
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by the line above
        value.description = values[enum(value.value)]
