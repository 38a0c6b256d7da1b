"""What clients hand in: input objects, the arguments of lists, and their translation into queries of the directory."""

from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from models import Role, SecurityEventKind
from schema import ids
from schema.enums import TwoFactorState
from twofactor import results
from twofactor.directory import EventQuery, UserOrder, UserQuery

ValueT = TypeVar("ValueT")

# No row has the nil UUID (RFC 9562 §5.9): what is asked for under it is not there.
NOBODY = UUID(int=0)

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


def given(value: ValueT | None) -> ValueT | None:
    """What the client gave; None also where it left it out, for the contract tells null and absent apart nowhere."""
    return None if value is strawberry.UNSET else value


@strawberry.input(
    one_of=True,
    description=(
        "The proof that `verifyLogin` asks for. Give exactly one of the two; both, none or null is refused before the "
        "operation runs."
    ),
)
class SecondFactorInput:
    """The second factor: exactly one of the two."""

    otp: strawberry.Maybe[str] = strawberry.field(
        description=(
            "What the authenticator app shows: six ASCII digits, no spaces. Keep the leading zeros. Good for its own "
            "30 seconds and one step either way, and only once."
        )
    )
    backup_code: strawberry.Maybe[str] = strawberry.field(
        description=(
            "A stored backup code of ten characters, as the user types it: case, spaces and dashes do not matter, and "
            "O, I and L are read as 0, 1 and 1. Good only once."
        )
    )


@strawberry.input(
    description="Narrows the list of users. Parts that are left out or null narrow nothing; all others must hold."
)
class UserFilter:
    """Which users to list."""

    search: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Finds a text anywhere in the name or the email, capitals and small letters alike. At most 200 characters, "
            "else the error `BAD_USER_INPUT`."
        ),
    )
    role: Role | None = strawberry.field(
        default=strawberry.UNSET, description=("Only users with this role: `ADMIN` finds whom members can turn to.")
    )
    two_factor: TwoFactorState | None = strawberry.field(
        default=strawberry.UNSET, description="Only users whose 2FA is in this state: `INACTIVE` finds whom to remind."
    )
    backup_codes_remaining_at_most: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Only users with 2FA active who have this many unused backup codes or fewer: 0 finds those who have none "
            "left."
        ),
    )


@strawberry.input(
    description="Narrows the list of events. Parts that are left out or null narrow nothing; all others must hold."
)
class SecurityEventFilter:
    """Which events to list."""

    user_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Only what happened to this user's account. An id that names no user of the company account finds nothing."
        ),
    )
    kinds: list[SecurityEventKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only events of one of these kinds. An empty list finds nothing."
    )
    since: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only what happened at this instant or later."
    )
    until: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only what happened earlier than this instant, which itself is left out."
    )


def entered(value: strawberry.Maybe[str]) -> str | None:
    """The one of a one-of that the client gave; None for the other."""
    return value.value if value else None


def user_query(first: int, after: str | None, order: UserOrder, wanted: UserFilter | None) -> UserQuery:
    """Say in the directory's words which users to list."""
    wanted = given(wanted) or UserFilter()
    state = given(wanted.two_factor)
    return UserQuery(
        first=first,
        after=given(after),
        search=given(wanted.search),
        role=given(wanted.role),
        is_active=None if state is None else state is TwoFactorState.ACTIVE,
        backup_codes_remaining_at_most=given(wanted.backup_codes_remaining_at_most),
        order=order,
    )


def event_query(first: int, after: str | None, wanted: SecurityEventFilter | None) -> EventQuery:
    """Say in the directory's words which events to list."""
    wanted = given(wanted) or SecurityEventFilter()
    user_id, kinds = given(wanted.user_id), given(wanted.kinds)
    return EventQuery(
        first=first,
        after=given(after),
        user_id=None if user_id is None else ids.decode_as(results.User, user_id) or NOBODY,
        kinds=None if kinds is None else tuple(kinds),
        since=given(wanted.since),
        until=given(wanted.until),
    )
