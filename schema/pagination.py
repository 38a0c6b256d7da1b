"""Arguments and types of lists that are read in pages."""

from typing import Annotated

import strawberry

import accounts.pagination
from schema.type_mapping import maps_from

First = Annotated[
    int,
    strawberry.argument(
        description="Maximum number of items in the page, from 1 to 100. Other numbers give the error `BAD_USER_INPUT`."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The `endCursor` of the previous page, which must have the same order. If it is omitted or null, the list "
            "starts at the first item. An invalid cursor gives the error `BAD_USER_INPUT`."
        )
    ),
]


@maps_from(
    accounts.pagination.PageInfo,
    description=(
        "The position of a page in its list. Lists only go forward. To go back, keep the cursors of earlier pages."
    ),
)
class PageInfo:
    """The position of a page in its list."""

    has_next_page: bool = strawberry.field(
        description="True if more items follow: request them with `endCursor` as `after`."
    )
    has_previous_page: bool = strawberry.field(description="True if the request for this page had a cursor in `after`.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first edge; null if the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last edge: the `after` of the next page. Null if the page is empty."
    )
