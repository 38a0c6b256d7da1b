"""Execute an expensive operation in slices, so that it does not delay other requests."""

import asyncio
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from typing_extensions import override

from security.time_slices import TimeSlice


class SlicedExecution(StrawberryGraphQLCoreExecutionContext):
    """Completes the items of lists in slices. All lists of all operations take turns."""

    def __init__(self, *args: Any, slices: asyncio.Lock, pause_s: float, **kwargs: Any) -> None:  # noqa: ANN401  # those of graphql-core
        """Compute each slice while holding `slices`, and pause after it."""
        super().__init__(*args, **kwargs)
        self._slices = slices
        self._pause_s = pause_s

    @override
    async def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> list[Any]:
        """Complete a list as graphql-core does, but in slices."""
        completed: list[Any] = []
        awaitable: list[int] = []
        remaining = enumerate(items)
        try:
            is_done = False
            while not is_done:
                async with self._slices:
                    time_slice = TimeSlice()
                    is_done = True
                    for index, item in remaining:
                        item_path = path.add_key(index, None)
                        if self.complete_list_item_value(
                            item, completed, item_type, field_details_list, info, item_path, position_context
                        ):
                            awaitable.append(index)
                        if time_slice.is_over:
                            is_done = False
                            break
                    # Other requests run now. Other lists wait.
                    await asyncio.sleep(self._pause_s)
        except BaseException:
            self.settle_in_background([completed[index] for index in awaitable])
            raise
        results = await gather_with_cancel(*(completed[index] for index in awaitable))
        for index, result in zip(awaitable, results, strict=True):
            completed[index] = result
        return completed
