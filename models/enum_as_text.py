"""Columns with the value of an enum."""

from enum import StrEnum
from typing import Any, TypeVar

from tortoise import fields
from tortoise.fields.base import Field

EnumT = TypeVar("EnumT", bound=StrEnum)


def enum_as_text(enum: type[EnumT], *, max_length: int, **options: Any) -> Field[EnumT]:  # noqa: ANN401  # of the field
    """Return a column with the value of an enum as text.

    The database does not know the members, so that a new one needs no migration. Without a description, Tortoise would
    list them in a comment on the column.
    """
    return fields.CharEnumField(enum, description="", max_length=max_length, **options)
