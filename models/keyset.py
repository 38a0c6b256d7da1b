"""Keyset pagination: the condition that a row comes after a cursor, in a list ordered by a column and the id."""

from datetime import datetime
from uuid import UUID

from pypika_tortoise.terms import Tuple
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override


class KeysetCondition(Q):
    """Match the rows after a position in the list.

    The condition compares both columns as one row value, so that the database starts at the position in the index.
    Tortoise can only compare each column, and the database would then read all rows that share the value of the column.
    """

    def __init__(self, column: str, value: str | datetime, row_id: UUID, *, descends: bool) -> None:
        """Match rows after this value and id. `descends` applies to both columns."""
        super().__init__()
        self._column = column
        # The drivers of both databases take an id as text.
        self._position = Tuple(value, str(row_id))
        self._descends = descends

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        table = resolve_context.table
        row = Tuple(table[self._column], table["id"])
        return QueryModifier(row < self._position if self._descends else row > self._position)
