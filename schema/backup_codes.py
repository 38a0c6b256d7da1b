"""Backup codes, and the mutation that replaces them."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

import twofactor.factors.backup_codes
from accounts.permissions import Viewer
from schema.arguments import OwnPassword, SecondFactorOfChange, entered_second_factor
from schema.fields import Access, mutation
from schema.info import Info
from schema.two_factor_errors import BackupCodesDisabled, TwoFactorNotActive
from schema.type_mapping import maps_from
from schema.user_errors import (
    SecondFactorNeeded,
    TooManyAttempts,
    WrongPassword,
    WrongSecondFactor,
)
from schema.users import VIEWER_DESCRIPTION, User

CODES_DESCRIPTION = (
    "A set of 10 codes of 10 characters each, in capital letters and digits. Show them once. Do not keep them in a "
    "cache, store or log. Each code replaces an OTP at one login."
)
FILE_DESCRIPTION = "The codes as a file, for a Download button. It contains the same secrets as `codes`."


@maps_from(
    twofactor.factors.backup_codes.TextFile,
    description=(
        "A small text that the client saves as a file. It contains secrets: offer it for download, and store it "
        "nowhere else."
    ),
)
class TextFile:
    """A small text file."""

    name: str = strawberry.field(
        description=(
            "The suggested file name, for example `backup-codes_Countersign_ada@acme.example_2026-06-01.txt`: in the "
            "language of `content`, with the product, the account and the date. It is in ASCII, and every operating "
            "system accepts it."
        )
    )
    mime_type: str = strawberry.field(
        description="Always `text/plain; charset=utf-8`, for the Blob or the save dialog."
    )
    content: str = strawberry.field(
        description=(
            "The complete text of the file, including line breaks, in the language of `User.locale`. If nobody has "
            "said one, it is in the language of this request."
        )
    )


@maps_from(
    twofactor.factors.backup_codes.BackupCodesRegenerated,
    description=(
        "A new backup code set. If `activationId` is null, it is in force: all codes of the old set are invalid, and "
        "the user gets an email. Otherwise both follow the acknowledgement. The user's sessions continue."
    ),
)
class BackupCodesRegenerated:
    """A new backup code set, shown once."""

    codes: list[str] = strawberry.field(description=CODES_DESCRIPTION)
    file: TextFile = strawberry.field(description=FILE_DESCRIPTION)
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)
    activation_id: strawberry.ID | None = strawberry.field(
        description=(
            "Let the user store the codes, then send it to `acknowledgeBackupCodes` within 10 minutes. Until then the "
            "old set stays in force. Null without `untilAcknowledged: true`."
        )
    )


@maps_from(
    twofactor.factors.backup_codes.BackupCodesAcknowledged,
    description=(
        "The new backup code set of `regenerateBackupCodes` is in force. All codes of the old set are invalid, open "
        "challenges ended, and the user gets an email. Sessions continue."
    ),
)
class BackupCodesAcknowledged:
    """A new backup code set is in force."""

    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


UntilAcknowledged = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to keep the old set in force until `acknowledgeBackupCodes`, so that a lost answer costs no codes. "
            "If the client calls this mutation again before that, the newer codes replace the unacknowledged ones. "
            "Null is false."
        )
    ),
]

RegenerateBackupCodesResult: TypeAlias = Annotated[
    BackupCodesRegenerated
    | WrongPassword
    | TwoFactorNotActive
    | BackupCodesDisabled
    | TooManyAttempts
    | SecondFactorNeeded
    | WrongSecondFactor,
    strawberry.union(
        "RegenerateBackupCodesResult",
        description="The new backup code set, or a user error. After a user error, the old set is unchanged.",
    ),
]


@strawberry.type
class BackupCodesMutation:
    """Replace the backup codes."""

    @mutation(
        Access.SET_UP_VIEWER,
        uses_attempt=True,
        description=(
            "Creates a new backup code set and returns it once. The old set stops working at once, open challenges "
            "end, and the user gets an email. With `untilAcknowledged: true`, all this waits for "
            "`acknowledgeBackupCodes`. Sessions continue."
        ),
    )
    def regenerate_backup_codes(
        self,
        info: Info,
        viewer: Viewer,
        password: OwnPassword,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
        until_acknowledged: UntilAcknowledged = False,  # noqa: FBT002  # GraphQL passes it by name
    ) -> RegenerateBackupCodesResult | None:
        """Replace the viewer's backup code set."""
        return twofactor.factors.backup_codes.regenerate_backup_codes(
            info.context.services,
            info.context.client,
            viewer,
            password,
            second_factor=entered_second_factor(second_factor),
            until_acknowledged=bool(until_acknowledged),
        )
