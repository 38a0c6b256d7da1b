"""Count the rows of several users."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tortoise.functions import Count
from tortoise.queryset import QuerySet


async def count_for_each(rows: QuerySet[Any], user_ids: Sequence[UUID]) -> list[int]:
    """Return how many of the rows each user has, in one statement."""
    counted = rows.filter(user_id__in=set(user_ids)).annotate(number=Count("id")).group_by("user_id")
    numbers = dict(await counted.values_list("user_id", "number"))
    return [numbers.get(user_id, 0) for user_id in user_ids]
