"""Backup codes, and the mutation that replaces them."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

from resolvers import backup_codes
from schema.arguments import OwnPassword
from schema.info import Info
from schema.type_mapping import maps_from
from schema.user_errors import BackupCodesDisabled, TooManyAttempts, TwoFactorNotActive, WrongPassword
from schema.users import VIEWER_DESCRIPTION, User
from twofactor import results

CODES_DESCRIPTION = (
    "A set of 10 codes of 10 characters each, in capitals and digits. Show them once, and keep them in no cache, "
    "store or log. Each replaces an OTP at one sign-in."
)


FILE_DESCRIPTION = "The codes as a file, for a Download button. It holds the same secrets as `codes`."


@maps_from(
    results.TextFile,
    description=(
        "A small text for the client to save as a file. It holds secrets: offer it for download, store it nowhere else."
    ),
)
class TextFile:
    """A small text file."""

    name: str = strawberry.field(description="The file name to suggest, plain ASCII with its extension.")
    mime_type: str = strawberry.field(
        description="Always `text/plain; charset=utf-8`, for the Blob or the save dialogue."
    )
    content: str = strawberry.field(description="What stands in the file, line breaks included.")


@maps_from(
    results.BackupCodesRegenerated,
    description=(
        "A fresh set of backup codes in place of the old one, of which none works any more. A letter tells the user; "
        "their sessions go on."
    ),
)
class BackupCodesRegenerated:
    """New backup codes, this once."""

    codes: list[str] = strawberry.field(description=CODES_DESCRIPTION)
    file: TextFile = strawberry.field(description=FILE_DESCRIPTION)
    viewer: User = strawberry.field(description=VIEWER_DESCRIPTION)


RegenerateBackupCodesResult: TypeAlias = Annotated[
    BackupCodesRegenerated | WrongPassword | TwoFactorNotActive | BackupCodesDisabled | TooManyAttempts,
    strawberry.union(
        "RegenerateBackupCodesResult",
        description="Whether there is a new set of backup codes. With any refusal the old set is good as before.",
    ),
]


@strawberry.type
class BackupCodesMutation:
    """Replace the backup codes."""

    @strawberry.field(
        description=(
            "Makes a new set of backup codes, shown this once. The old set stops working at once, half-done sign-ins "
            "end, and a letter tells the user; sessions go on."
        )
    )
    def regenerate_backup_codes(self, info: Info, password: OwnPassword) -> RegenerateBackupCodesResult | None:
        """New backup codes."""
        return backup_codes.regenerate(info.context, password)
