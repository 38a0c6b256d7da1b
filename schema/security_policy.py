"""Company accounts and their rules on 2FA."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated, TypeAlias

import strawberry

from resolvers import security_policy
from schema.arguments import OwnPassword, value_or_none
from schema.info import Info
from schema.nodes import Node
from schema.type_mapping import maps_from
from schema.user_errors import TooManyAttempts, WrongPassword
from twofactor import results


@maps_from(
    results.Company,
    description=(
        "A company account: its users, and the two rules on 2FA that hold for all of them. Admins change the rules by "
        "`updateSecurityPolicy`; nobody sees a company account other than their own."
    ),
)
class Company(Node):
    """A company account."""

    name: str = strawberry.field(description="What the company is called, as people write it. At most 200 characters.")
    two_factor_enforced: bool = strawberry.field(
        description=(
            "True where every user must have 2FA: nobody can deactivate it, and whoever has not activated it yet can "
            "do little else until they have (see `TwoFactor.setupRequired`)."
        )
    )
    backup_codes_enabled: bool = strawberry.field(
        description=(
            "True where backup codes are in use. While false they are neither shown nor issued nor accepted; codes "
            "from before lie dormant, and work again when it turns true."
        )
    )


@maps_from(
    results.FeatureFlags,
    description=(
        "Which optional features the viewer's company account has on. Use it for wording and layout; the answers of "
        "the mutations decide what comes next, for a flag can change at any time."
    ),
)
class FeatureFlags:
    """What is on for a company account."""

    backup_codes: bool = strawberry.field(
        description=(
            "Whether to speak of backup codes at all. While false, `confirmOtp` activates at once, `verifyLogin` "
            "takes no backup code and `regenerateBackupCodes` answers `BackupCodesDisabled`."
        )
    )


@maps_from(
    results.SecurityPolicyUpdated,
    description=(
        "The rules hold from the next request of every user on. Nobody is signed out, and what was begun may be "
        "finished. The answer is the same where nothing had to change."
    ),
)
class SecurityPolicyUpdated:
    """The rules are in force."""

    company: Company = strawberry.field(description="The company account with the rules as they are now.")


UpdateSecurityPolicyResult: TypeAlias = Annotated[
    SecurityPolicyUpdated | WrongPassword | TooManyAttempts,
    strawberry.union(
        "UpdateSecurityPolicyResult",
        description="Whether the rules are in force. With any refusal none of them changed.",
    ),
]


TwoFactorEnforced = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "True to demand 2FA of every user: who has it not active can do nothing but activate it from the next "
            "request on, this admin included. Left out or null, the rule stays."
        )
    ),
]


BackupCodesEnabled = Annotated[
    bool | None,
    strawberry.argument(
        description=(
            "False to put backup codes out of use: existing ones lie dormant until it is true again. Left out or "
            "null, the rule stays."
        )
    ),
]


@strawberry.type
class SecurityPolicyQuery:
    """Read the feature flags."""

    @strawberry.field(
        description=(
            "The optional features of the viewer's company account. Readable also before 2FA is set up; without a "
            "session it gives the error `UNAUTHENTICATED`."
        )
    )
    def feature_flags(self, info: Info) -> FeatureFlags | None:
        """What is on for the viewer's company account."""
        return security_policy.feature_flags(info.context)


@strawberry.type
class SecurityPolicyMutation:
    """Change the security policy."""

    @strawberry.field(
        description=(
            "For admins: sets the rules on 2FA for every user of their company account, from the next request on. It "
            "ends no session and sends no letter; the audit trail keeps what changed. Members get the error "
            "`FORBIDDEN`."
        )
    )
    def update_security_policy(
        self,
        info: Info,
        password: OwnPassword,
        two_factor_enforced: TwoFactorEnforced = strawberry.UNSET,
        backup_codes_enabled: BackupCodesEnabled = strawberry.UNSET,
    ) -> UpdateSecurityPolicyResult | None:
        """The rules of the company account."""
        return security_policy.update(
            info.context,
            password,
            two_factor_enforced=value_or_none(two_factor_enforced),
            backup_codes_enabled=value_or_none(backup_codes_enabled),
        )
