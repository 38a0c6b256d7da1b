"""Arguments that several areas use."""

from typing import Annotated, TypeVar

import strawberry

from models import SecondFactorMethod
from twofactor.entered_second_factor import EnteredSecondFactor

ValueT = TypeVar("ValueT")

OwnPassword = Annotated[
    str,
    strawberry.argument(
        description=(
            "The viewer's own password, entered again. Send it as the user typed it, without changes. A wrong "
            "password uses one attempt of the same attempt limit as `login`."
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


@strawberry.input(
    one_of=True,
    description=(
        "The second factor for `verifyLogin`, or for a change if `Company.secondFactorForChanges` is true. Send "
        "exactly one of the two fields. If both, none or null is sent, the server rejects the operation before it runs."
    ),
)
class SecondFactorInput:
    """The second factor: exactly one of the two."""

    otp: strawberry.Maybe[str] = strawberry.field(
        description=(
            "The OTP of the authenticator app, as the user types or pastes it: six digits, with leading zeros. White "
            "space, dashes, quotation marks and invisible characters are ignored, and full-width digits are accepted. "
            "It is valid for its own time step of 30 seconds and one step before and after, and works once."
        )
    )
    backup_code: strawberry.Maybe[str] = strawberry.field(
        description=(
            "A stored backup code of ten characters, as the user types or pastes it. Case, white space, dashes, "
            "quotation marks, invisible characters and a list number (`1.`, `10)`) before it are ignored. O is read as "
            "0, I and L as 1. Each code works once."
        )
    )


SecondFactorOfChange = Annotated[
    SecondFactorInput | None,
    strawberry.argument(
        description=(
            "The viewer's second factor, if `Company.secondFactorForChanges` is true: without it, the result is "
            "`SecondFactorNeeded`. It is used up if it is right. If the rule is off, the server ignores it."
        )
    ),
]


def kind_and_text(second_factor: SecondFactorInput) -> tuple[SecondFactorMethod, str]:
    """Return the kind of the one field that the client sent, and its value."""
    (sent,) = ((name, value.value) for name, value in vars(second_factor).items() if value)
    return SecondFactorMethod[sent[0].upper()], sent[1]


def entered_second_factor(second_factor: SecondFactorInput | None) -> EnteredSecondFactor | None:
    """Return what the use cases of changes take, or None if the client sent no second factor."""
    if second_factor is None or second_factor is strawberry.UNSET:
        return None
    kind, text = kind_and_text(second_factor)
    return EnteredSecondFactor(kind, text)


def value_or_none(value: ValueT | None) -> ValueT | None:
    """Return the value, or None if the client omitted it. The contract treats null and an omitted value alike."""
    return None if value is strawberry.UNSET else value
