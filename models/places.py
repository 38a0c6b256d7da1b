"""Places in a list that is ordered by a column and the id: what comes after one, found by the index of that order."""

from datetime import datetime
from uuid import UUID

from pypika_tortoise.terms import Tuple
from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override


class Beyond(Q):
    """The rows that come after a place.

    It compares both columns as one row value, to which an index leads however many rows share the value of the column.
    By comparing each, which is all that the models can say, all of these would be walked through.
    """

    def __init__(self, column: str, value: str | datetime, row_id: UUID, *, descends: bool) -> None:
        """After this value and id, in ascending or in descending order of both."""
        super().__init__()
        self._column = column
        # The drivers of both databases take an id as text.
        self._place = Tuple(value, str(row_id))
        self._descends = descends

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        table = resolve_context.table
        row = Tuple(table[self._column], table["id"])
        return QueryModifier(row < self._place if self._descends else row > self._place)
