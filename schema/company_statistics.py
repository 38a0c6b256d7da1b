"""The statistics of a company account, for its admins."""

import strawberry

import accounts.company_statistics
from schema.type_mapping import maps_from
from security.constants import FEW_BACKUP_CODES


@maps_from(
    accounts.company_statistics.CompanyStatistics,
    description=(
        "How many users of the company account are in each state. A user can be in several: `active`, `inactive` and "
        "`disabled` add up to all users. The description of each number names the filter of `users` that lists exactly "
        "these users, so that a page can show the number as a link to the list."
    ),
)
class CompanyStatistics:
    """The number of users in each state."""

    active: int = strawberry.field(
        description="Enabled users with active 2FA. The filter is `{ enabled: true, twoFactor: ACTIVE }`."
    )
    inactive: int = strawberry.field(
        description="Enabled users without active 2FA. The filter is `{ enabled: true, twoFactor: INACTIVE }`."
    )
    few_backup_codes: int | None = strawberry.field(
        description=(
            f"Enabled users with active 2FA who have {FEW_BACKUP_CODES} unused backup codes or fewer, from which on "
            f"they get an email. Null if backup codes are off. The filter is `{{ enabled: true, "
            f"backupCodesRemainingAtMost: {FEW_BACKUP_CODES} }}`."
        )
    )
    locked: int = strawberry.field(
        description=(
            "Enabled users whose logins from unknown devices have to wait, or who have a second factor that the server "
            "no longer checks for them: `User.lockedUntil` or `User.lockedSecondFactors` says so. The filter is "
            "`{ enabled: true, locked: true }`."
        )
    )
    setup_due: int = strawberry.field(
        description=(
            "Enabled users who have to set up 2FA at their next login or request: `TwoFactor.setupRequired` is true. "
            "The filter is `{ setupDue: true }`."
        )
    )
    disabled: int = strawberry.field(
        description="Disabled users, with or without 2FA. The filter is `{ enabled: false }`."
    )
