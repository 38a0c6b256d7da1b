"""Pages of a list: from a cursor on, so that what is added before it moves nothing (GraphQL Cursor Connections)."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from twofactor.errors import InvalidInputError
from twofactor.results import Edge, Page, PageInfo
from twofactor.rules.identity import is_plain_text
from twofactor.rules.policy import PAGE_MAX

RowT = TypeVar("RowT")
NodeT = TypeVar("NodeT")

# A cursor holds the order, a name of at most 600 characters, and an id, in JSON and base64.
CURSOR_MAX_LENGTH = 4096


def require_page_size(first: int) -> None:
    """Refuse a page that is too small or too large.

    Raises:
        InvalidInputError: `first` is not within 1 to 100.
    """
    if not 1 <= first <= PAGE_MAX:
        raise InvalidInputError("first", f"1 to {PAGE_MAX}")


def encode_cursor(order: str, value: str, row_id: UUID) -> str:
    """A place in a list of this order. Opaque to clients."""
    return base64.urlsafe_b64encode(json.dumps([order, value, row_id.hex]).encode()).decode("ascii").rstrip("=")


def decode_cursor(order: str, cursor: str) -> tuple[str, UUID]:
    """The value and the id that a cursor of this order stands for.

    Raises:
        InvalidInputError: It is no cursor of a list in this order.
    """
    try:
        padded = cursor[:CURSOR_MAX_LENGTH] + "=" * (-len(cursor) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [str() as found_order, str() as value, str() as row_id] if found_order == order and is_plain_text(
                value
            ):
                return value, UUID(row_id)
    except (ValueError, RecursionError):
        pass
    raise InvalidInputError("after", "no cursor of this list")


def page_of(
    rows: Sequence[RowT],
    first: int,
    *,
    is_first_page: bool,
    cursor_of: Callable[[RowT], str],
    node_of: Callable[[RowT], NodeT],
) -> Page[NodeT]:
    """A page of rows, of which one more was looked for than are shown."""
    edges = tuple(Edge(cursor_of(row), node_of(row)) for row in rows[:first])
    return Page(
        edges,
        PageInfo(
            has_next_page=len(rows) > first,
            has_previous_page=not is_first_page,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )
