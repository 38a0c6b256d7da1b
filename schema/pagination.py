"""Arguments and types of lists that are read in pages."""

from typing import Annotated

import strawberry

from schema.type_mapping import maps_from
from twofactor import results

First = Annotated[
    int,
    strawberry.argument(
        description="The most to give in one page, from 1 to 100. Any other number gives the error `BAD_USER_INPUT`."
    ),
]


After = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "Where to go on: the `endCursor` of the page before, asked for with the same order. Left out or null, the "
            "list begins at its top; what is no cursor of ours gives the error `BAD_USER_INPUT`."
        )
    ),
]


@maps_from(
    results.PageInfo,
    description="How a page lies in its list. Lists go forward only: to go back, keep the cursors of earlier pages.",
)
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = strawberry.field(
        description="True where the list goes on: ask again with `endCursor` as `after`."
    )
    has_previous_page: bool = strawberry.field(
        description="True where the page was asked for with a cursor in `after`."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first edge; null where it has none."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last edge, the `after` of the next page; null where it has none."
    )
