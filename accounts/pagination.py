"""Keyset pagination of lists (GraphQL Cursor Connections). Rows added before a cursor do not shift its page."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from accounts.errors import InvalidInputError
from accounts.identity import is_plain_text
from security.constants import PAGE_MAX

RowT = TypeVar("RowT")
NodeT = TypeVar("NodeT")

# A cursor is JSON in base64: the order, a name of at most 600 characters, which take up to 2,400 bytes, and an id.
CURSOR_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Edge(Generic[NodeT]):
    """An item of a page with its cursor."""

    cursor: str
    node: NodeT


@dataclass(frozen=True, slots=True)
class PageInfo:
    """The position of a page in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[NodeT]):
    """A page of a list."""

    edges: tuple[Edge[NodeT], ...]
    page_info: PageInfo

    @property
    def nodes(self) -> tuple[NodeT, ...]:
        """The items without their cursors."""
        return tuple(edge.node for edge in self.edges)


def require_page_size(first: int) -> None:
    """Reject a page size that is out of bounds.

    Raises:
        InvalidInputError: `first` is not from 1 to 100.
    """
    if not 1 <= first <= PAGE_MAX:
        raise InvalidInputError("first", f"1 to {PAGE_MAX}", de=f"1 bis {PAGE_MAX}")


def encode_cursor(order: str, value: str, row_id: UUID) -> str:
    """Return the cursor for a position in a list with this order. It is opaque to clients."""
    # Without ASCII escapes, which would make the cursor of a long name too long.
    cursor = json.dumps([order, value, row_id.hex], ensure_ascii=False)
    return base64.urlsafe_b64encode(cursor.encode()).decode("ascii").rstrip("=")


def decode_cursor(order: str, cursor: str) -> tuple[str, UUID]:
    """Return the value and the id of a cursor.

    Raises:
        InvalidInputError: The text is not a cursor of a list with this order.
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
    raise InvalidInputError("after", "not a cursor of this list", de="keine Position in dieser Liste")


def page_of(
    rows: Sequence[RowT],
    first: int,
    *,
    is_first_page: bool,
    cursor_of: Callable[[RowT], str],
    node_of: Callable[[RowT], NodeT],
) -> Page[NodeT]:
    """Return a page of `first` rows. `rows` holds one row more if the list continues."""
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
