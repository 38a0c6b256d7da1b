"""The user errors about the voucher that an activation needs after a reset."""

# The class names are the names in the contract, so they do not end in Error.
# ruff: noqa: N818

from datetime import datetime

import strawberry

from schema.error_mapping import UserError, user_error
from schema.user_errors import ATTEMPTS_REMAINING, MALFORMED, RETRY_AFTER
from schema.waits import NEXT_ATTEMPT_AT_DESCRIPTION, seconds_to_next_attempt
from twofactor.errors import VoucherNeededError, WrongVoucherError


@user_error(
    VoucherNeededError,
    description=(
        "The viewer's 2FA was reset, and the company account requires the voucher of the reset for the activation "
        "(`TwoFactor.voucherNeeded`). Ask the user for it, and send the mutation again with `voucher`. The password "
        "was correct, and nothing changed."
    ),
    en="Please also enter the voucher. You get it from the person who reset your 2FA.",
    de="Bitte geben Sie auch den Freigabecode ein. Sie bekommen ihn von der Person, die Ihre 2FA zurückgesetzt hat.",
)
class VoucherNeeded(UserError):
    """The activation needs a voucher."""


@user_error(
    WrongVoucherError,
    description=(
        "The voucher is wrong, expired, replaced by that of a later reset, or malformed, and nothing was changed. The "
        "error does not reveal the reason, except that `malformed` says whether the input can be a voucher. The "
        "attempts of all sessions of the user count together, and a new reset starts the count over."
    ),
    en=(
        "This voucher is wrong or expired. If it is older than a day, ask the person who reset your 2FA for a new one. "
        "Attempts left before you have to wait: {attempts_remaining}."
    ),
    de=(
        "Dieser Freigabecode ist falsch oder abgelaufen. Wenn er älter als ein Tag ist, bitten Sie die Person, die "
        "Ihre 2FA zurückgesetzt hat, um einen neuen. Verbleibende Versuche bis zu einer Wartezeit: "
        "{attempts_remaining}."
    ),
    malformed={
        "en": "This voucher is malformed, and no attempt was used. It has 10 letters and digits.",
        "de": (
            "Dieser Freigabecode hat nicht die richtige Form, und kein Versuch wurde verbraucht. Er hat 10 Buchstaben "
            "und Ziffern."
        ),
    },
)
class WrongVoucher(UserError):
    """The voucher is wrong or expired."""

    attempts_remaining: int = strawberry.field(description=ATTEMPTS_REMAINING)
    malformed: bool = strawberry.field(description=MALFORMED)
    next_attempt_at: datetime | None = strawberry.field(
        description=(
            f"{NEXT_ATTEMPT_AT_DESCRIPTION} Also null if 100 vouchers were wrong since the reset: the next attempt "
            "returns `SecondFactorLocked`."
        )
    )
    retry_after_seconds: int | None = strawberry.field(resolver=seconds_to_next_attempt, description=RETRY_AFTER)
