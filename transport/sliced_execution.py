"""Execute an expensive operation in slices, so that it does not delay other requests."""

import asyncio
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLAbstractType, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import AwaitableOrValue, Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from typing_extensions import override

from security.time_slices import MAX_SLICE_S, TimeSlice

# An operation of a higher cost is executed in slices. The slices cost time, and an operation of this cost takes few
# milliseconds.
SMALL_COST = 200
# Queries of a higher cost are executed one at a time, and leave half of the time to others, however many slices they
# have. A page of 25 users with all their fields costs less.
LARGE_COST = 2_000

# The extension of a schema that contains the lock which expensive operations hold while they compute a slice.
SLICES = "slices"


class SlicedExecution(StrawberryGraphQLCoreExecutionContext):
    """Completes the items of lists in slices if the operation is expensive. All lists of all operations take turns."""

    @override
    def ensure_valid_runtime_type(
        self,
        runtime_type_name: Any,
        return_type: GraphQLAbstractType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        result: Any,
    ) -> GraphQLObjectType:
        """Return the type of a value, as graphql-core does. For a field of the root, keep its name for the log."""
        found = super().ensure_valid_runtime_type(runtime_type_name, return_type, field_details_list, info, result)
        if info.path.prev is None:
            self.context_value.outcomes.add(f"{info.field_name}={found.name}")
        return found

    @override
    def complete_iterable_value(self, *arguments: Any) -> AwaitableOrValue[list[Any]]:
        """Complete a list as graphql-core does, in slices if the operation is expensive."""
        if self.context_value.cost > SMALL_COST:
            return self._complete_in_slices(*arguments)
        return super().complete_iterable_value(*arguments)

    async def _complete_in_slices(  # noqa: PLR0913, PLR0917  # those of graphql-core
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,  # noqa: ANN401  # graphql-core uses it for `@defer` alone
    ) -> list[Any]:
        completed: list[Any] = []
        awaitable: list[int] = []
        remaining = enumerate(items)
        pause_s = MAX_SLICE_S if self.context_value.cost > LARGE_COST else 0
        try:
            is_done = False
            while not is_done:
                async with self.schema.extensions[SLICES]:
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
                    await asyncio.sleep(pause_s)
        except BaseException:
            self.settle_in_background([completed[index] for index in awaitable])
            raise
        results = await gather_with_cancel(*(completed[index] for index in awaitable))
        for index, result in zip(awaitable, results, strict=True):
            completed[index] = result
        return completed
