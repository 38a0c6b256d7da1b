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


def value_or_none(value: ValueT | None) -> ValueT | None:
    """Return the value, or None if the client omitted it. The contract treats null and an omitted value alike."""
    return None if value is strawberry.UNSET else value
