"""Arguments that several areas use."""

from typing import Annotated, TypeVar

import strawberry

ValueT = TypeVar("ValueT")


OwnPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            "The password of the person making the change, entered again, character for character. A wrong one costs "
            "an attempt of the budget that `login` uses as well."
        )
    ),
]


def value_or_none(value: ValueT | None) -> ValueT | None:
    """What the client gave; None also where it left it out, for the contract tells null and absent apart nowhere."""
    return None if value is strawberry.UNSET else value
