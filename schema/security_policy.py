"""Company accounts and their security policy."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

import accounts.entities
import accounts.security_policy
from accounts.enforcement import EnforcedFor
from accounts.permissions import Viewer
from resolvers import users
from schema.arguments import OwnPassword, SecondFactorOfChange, entered_second_factor, value_or_none
from schema.company_statistics import CompanyStatistics
from schema.costs import READ_COST, STATISTICS_COST, USER_ROW_COST
from schema.fields import Access, mutation, query
from schema.info import Info
from schema.nodes import Node
from schema.pagination import After, First
from schema.type_mapping import describe_enum, maps_from
from schema.user_errors import SecondFactorNeeded, TooManyAttempts, WrongPassword, WrongSecondFactor

if TYPE_CHECKING:
    from schema.users import User, UserConnection

# That module imports `Company`, so this one cannot import it at run time.
UserRef: TypeAlias = Annotated["User", strawberry.lazy("schema.users")]
UserConnectionRef: TypeAlias = Annotated["UserConnection", strawberry.lazy("schema.users")]

describe_enum(
    EnforcedFor,
    "The users of a company account of whom it requires 2FA.",
    {
        EnforcedFor.NOBODY: "Each user decides. A single user can still be required to use 2FA.",
        EnforcedFor.ADMINS: "Each admin has to use 2FA. Members decide for themselves.",
        EnforcedFor.EVERYBODY: "Each user has to use 2FA, members and admins alike.",
    },
)


@maps_from(
    accounts.entities.Company,
    description=(
        "A company account with its users and the rules that apply to all of them. An admin changes the rules "
        "with `updateSecurityPolicy`. Users can see only their own company account."
    ),
)
class Company(Node):
    """A company account."""

    name: str = strawberry.field(description="Name of the company as people write it, at most 200 characters.")
    two_factor_enforced: bool = strawberry.field(
        description=(
            "True if `enforcedFor` is `EVERYBODY`. From `enforceFrom` on, nobody can deactivate 2FA then, and a user "
            "without active 2FA can do little else until they activate it (see `TwoFactor.setupRequired`)."
        )
    )
    enforced_for: EnforcedFor = strawberry.field(
        description="Whose 2FA is required, from `enforceFrom` on. A single user can have a rule of their own."
    )
    enforce_from: datetime | None = strawberry.field(
        description=(
            "From when 2FA is required, in the past or in the future; null if the rule has no date. Before it, users "
            "can do everything without 2FA, and `TwoFactor.setupRequiredFrom` says when it will be required of them."
        )
    )
    backup_codes_enabled: bool = strawberry.field(
        description=(
            "True if backup codes are in use. While it is false, backup codes are not shown, issued or accepted. "
            "Codes that were issued before are kept and work again when it becomes true."
        )
    )
    new_device_emails: bool = strawberry.field(
        description=(
            "True if users get an email when a login is completed on a device that is not known, if they already have "
            "a known device."
        )
    )
    second_factor_for_changes: bool = strawberry.field(
        description=(
            "True if `deactivateTwoFactor`, `regenerateBackupCodes`, `adminResetTwoFactor`, `endUserSessions`, "
            "`unlockUser`, `disableUser`, `enableUser`, `setUserRole`, `setUserEnforcement` and "
            "`updateSecurityPolicy` need the viewer's second factor besides the password. Ask for it in the same form."
        )
    )
    resets_need_voucher: bool = strawberry.field(
        description=(
            "True if `adminResetTwoFactor` returns a voucher, without which the user cannot activate 2FA again. It "
            "protects users of whom 2FA is required: otherwise the password alone is sufficient to log in after a "
            "reset."
        )
    )

    @strawberry.field(
        description=(
            "The enabled admins, by name, for pages that tell users whom to ask for help. Members see of other users "
            "only `id`, `email`, `name`, `role` and `company`. The list contains the viewer if they are an admin. Null "
            "beside the error `TWO_FACTOR_SETUP_REQUIRED` if the viewer has to set up 2FA first."
        ),
        metadata={"cost": READ_COST, "item_cost": USER_ROW_COST},
    )
    def admins(
        self,
        info: Info,
        company: strawberry.Parent[accounts.entities.Company],
        first: First = 25,
        after: After = strawberry.UNSET,
    ) -> UserConnectionRef | None:
        """The enabled admins of the company account."""
        return users.admins(info.context, company, first, value_or_none(after))

    @strawberry.field(
        description=(
            "How many users are in each state, for an overview that links to the filtered list. Null beside the error "
            "`FORBIDDEN` if the viewer is not an admin of the company account. Its cost does not depend on the number "
            "of users."
        ),
        metadata={"cost": STATISTICS_COST},
    )
    def statistics(self, info: Info, company: strawberry.Parent[accounts.entities.Company]) -> CompanyStatistics | None:
        """How many users are in each state."""
        return users.statistics(info.context, company)


@maps_from(
    accounts.security_policy.FeatureFlags,
    description=(
        "The optional features of the viewer's company account. Use them for text and layout only. A flag can change "
        "at any time, so let the result of each mutation decide the next step."
    ),
)
class FeatureFlags:
    """The optional features of a company account."""

    backup_codes: bool = strawberry.field(
        description=(
            "Whether to mention backup codes. While false, `confirmOtp` activates 2FA at once, `verifyLogin` accepts "
            "no backup code and `regenerateBackupCodes` returns `BackupCodesDisabled`."
        )
    )


@maps_from(
    accounts.security_policy.SecurityPolicyUpdated,
    description=(
        "The rules apply to every user from their next request. No session ends, and users can finish what they "
        "started. The result is the same if nothing had to change."
    ),
)
class SecurityPolicyUpdated:
    """The rules apply."""

    company: Company = strawberry.field(description="The company account with the current rules.")
    viewer: UserRef = strawberry.field(
        description=(
            "The admin after the change, to whom the rules apply too. Select `id`, `company` and `twoFactor`, so that "
            "a cache updates them."
        )
    )
    feature_flags: FeatureFlags = strawberry.field(
        description="The optional features after the change, as the query `featureFlags` returns them."
    )


UpdateSecurityPolicyResult: TypeAlias = Annotated[
    SecurityPolicyUpdated | WrongPassword | TooManyAttempts | SecondFactorNeeded | WrongSecondFactor,
    strawberry.union(
        "UpdateSecurityPolicyResult",
        description="The company account with the new rules, or a user error. After a user error, no rule has changed.",
    ),
]

TwoFactorEnforced = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to require 2FA of every user, as `enforcedFor: EVERYBODY` does. From the next request, a user "
            "without active 2FA can only activate it; this includes the admin. False to no longer require it of every "
            "user: `EVERYBODY` becomes `NOBODY`, and `ADMINS` does not change. If it is omitted or null, the rule does "
            "not change."
        )
    ),
]
EnforcedForArgument = Annotated[
    EnforcedFor | None,
    strawberry.argument(
        description=(
            "Of whom to require 2FA. If `twoFactorEnforced` says something else, the error is `BAD_USER_INPUT`. If it "
            "is omitted or null, the rule does not change."
        )
    ),
]
EnforceFrom = Annotated[
    datetime | None,
    strawberry.argument(
        description=(
            "From when to require 2FA, at most 366 days in the future. A time that has passed means at once. Until a "
            "date in the future, 2FA is required of nobody by the rule, also if it was before. If it is omitted or "
            "null, the date does not change; a rule that begins to require 2FA without a date does so at once. With "
            "`NOBODY` there is no date: the error is `BAD_USER_INPUT`."
        )
    ),
]
BackupCodesEnabled = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "False to stop the use of backup codes. Existing codes are kept and work again when it becomes true. If "
            "it is omitted or null, the rule does not change."
        )
    ),
]
NewDeviceEmails = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "False to send no emails about logins on new devices. If it is omitted or null, the rule does not change."
        )
    ),
]
SecondFactorForChanges = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to require a second factor, besides the password, for changes to 2FA and to these rules. Admins then "
            "need active 2FA for them. If it is omitted or null, the rule does not change."
        )
    ),
]
ResetsNeedVoucher = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to require a voucher for the activation after each reset from now on. False to require none, also "
            "of users who were reset before. If it is omitted or null, the rule does not change."
        )
    ),
]


@strawberry.type
class SecurityPolicyQuery:
    """Read the feature flags."""

    @query(
        Access.VIEWER,
        description=(
            "The optional features of the viewer's company account. A user who has to set up 2FA can read them too. "
            "Without a session it gives the error `UNAUTHENTICATED`."
        ),
    )
    async def feature_flags(
        self,
        info: Info,  # noqa: ARG002  # every resolver gets it
        viewer: Viewer,
    ) -> FeatureFlags | None:
        """The optional features of the viewer's company account."""
        return accounts.security_policy.feature_flags(viewer)


@strawberry.type
class SecurityPolicyMutation:
    """Change the security policy."""

    @mutation(
        Access.ADMIN,
        uses_attempt=True,
        description=(
            "For admins: sets the rules on 2FA for every user of the company account, from the next request or from "
            "`enforceFrom` on. Ends no session. If a rule changes, the audit log records it, and the other admins get "
            "an email. `policyImpact` says before whom it would concern. Members get the error `FORBIDDEN`."
        ),
    )
    def update_security_policy(  # noqa: PLR0913, PLR0917  # the arguments of the mutation
        self,
        info: Info,
        viewer: Viewer,
        password: OwnPassword,
        two_factor_enforced: TwoFactorEnforced = strawberry.UNSET,
        enforced_for: EnforcedForArgument = strawberry.UNSET,
        enforce_from: EnforceFrom = strawberry.UNSET,
        backup_codes_enabled: BackupCodesEnabled = strawberry.UNSET,
        new_device_emails: NewDeviceEmails = strawberry.UNSET,
        second_factor_for_changes: SecondFactorForChanges = strawberry.UNSET,
        resets_need_voucher: ResetsNeedVoucher = strawberry.UNSET,
        second_factor: SecondFactorOfChange = strawberry.UNSET,
    ) -> UpdateSecurityPolicyResult | None:
        """Set the rules of the company account."""
        return accounts.security_policy.update_security_policy(
            info.context.services,
            info.context.client,
            viewer,
            password,
            two_factor_enforced=value_or_none(two_factor_enforced),
            enforced_for=value_or_none(enforced_for),
            enforce_from=value_or_none(enforce_from),
            backup_codes_enabled=value_or_none(backup_codes_enabled),
            new_device_emails=value_or_none(new_device_emails),
            second_factor_for_changes=value_or_none(second_factor_for_changes),
            resets_need_voucher=value_or_none(resets_need_voucher),
            second_factor=entered_second_factor(second_factor),
        )
