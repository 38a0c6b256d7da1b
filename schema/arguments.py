"""Arguments that several areas use."""

from typing import Annotated, TypeVar

import strawberry

ValueT = TypeVar("ValueT")

OwnPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            "The viewer's own password, entered again. Send it exactly as the user typed it. A wrong password uses one "
            "attempt of the same attempt limit as `login`."
        )
    ),
]

RotateSession = Annotated[
    bool,
    strawberry.argument(
        description=(
            "True to replace the session token of this client: `sessionToken` of the answer is the new one. The old "
            "one works until the server gets the new one, at most for 60 seconds. A session in a cookie always gets a "
            "new token, in the cookie."
        )
    ),
]
ROTATED_DESCRIPTION = (
    "The new session token, if this client sent `rotateSession: true` and no cookie; otherwise null. Store it in place "
    "of the old one."
)


def value_or_none(value: ValueT | None) -> ValueT | None:
    """Return the value, or None if the client omitted it. The contract treats null and an omitted value alike."""
    return None if value is strawberry.UNSET else value
