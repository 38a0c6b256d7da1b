"""The impact of a change of the security policy, before an admin makes it."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from datetime import datetime
from typing import Annotated

import strawberry

import accounts.policy_impact
import accounts.policy_rules
from accounts.enforcement import EnforcedFor
from accounts.permissions import Viewer
from resolvers import users
from schema.arguments import value_or_none
from schema.costs import COUNTS_COST, READ_COST, USER_ROW_COST
from schema.fields import Access, query
from schema.info import Info
from schema.pagination import After, First
from schema.type_mapping import maps_from
from schema.users import UserConnection


@strawberry.input(
    description=(
        "A change of the rules that decide who has to set up 2FA and who can change the policy. The fields are "
        "arguments of `updateSecurityPolicy`. A field that is omitted or null leaves its rule as it is. Without any "
        "field, the impact is that of the present rules."
    )
)
class PolicyChange:
    """A change of the rules."""

    two_factor_enforced: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether to require 2FA of every user, as in `updateSecurityPolicy`.",
    )
    enforced_for: EnforcedFor | None = strawberry.field(
        default=strawberry.UNSET, description="Of whom to require 2FA, as in `updateSecurityPolicy`."
    )
    enforce_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="From when to require 2FA, as in `updateSecurityPolicy`."
    )
    second_factor_for_changes: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether admins need a second factor to change the policy, as in `updateSecurityPolicy`.",
    )


@maps_from(
    accounts.policy_impact.PolicyImpact,
    description=(
        "What a change of the policy would do if no user changed their 2FA until then. It includes the users who have "
        "to set up 2FA already, by the present rules or by a rule of their own."
    ),
)
class PolicyImpact:
    """The impact of a change of the policy."""

    at: datetime = strawberry.field(
        description="The time that the answer is about: now, or `enforceFrom` if that is in the future."
    )
    users_to_set_up: int = strawberry.field(
        description=(
            "Number of enabled users without active 2FA of whom 2FA would be required at that time. `setupRequired` is "
            "then true for exactly these users."
        )
    )
    signed_in_users_to_set_up: int = strawberry.field(
        description=(
            "How many of them have a live session now. Without a date, they can only set up 2FA from their next "
            "request on."
        )
    )
    admins_who_can_act: int = strawberry.field(
        description=(
            "Number of enabled admins who would not have to set up 2FA first. If changes then need a second factor, "
            "only those with active 2FA. If it is 0, warn the admin."
        )
    )
    viewer_has_to_set_up: bool = strawberry.field(description="True if the viewer would be one of these users.")

    @strawberry.field(
        description=(
            "The users who would have to set up 2FA, by name. `totalCount` of the page is `usersToSetUp`, so do not "
            "select it."
        ),
        metadata={"cost": READ_COST, "item_cost": USER_ROW_COST},
    )
    def users(
        self,
        info: Info,
        impact: strawberry.Parent[accounts.policy_impact.PolicyImpact],
        first: First = 25,
        after: After = strawberry.UNSET,
    ) -> UserConnection | None:
        """The users who would have to set up 2FA."""
        return users.users_of_impact(info.context, impact, first, value_or_none(after))


Change = Annotated[
    PolicyChange,
    strawberry.argument(description="The change to examine. Nothing changes until `updateSecurityPolicy` makes it."),
]


@strawberry.type
class PolicyImpactQuery:
    """Examine a change of the policy."""

    @query(
        Access.ADMIN,
        description=(
            "For admins: whom a change of the policy would ask to set up 2FA, for a page that asks for a confirmation. "
            "A change that `updateSecurityPolicy` does not accept gives the same error `BAD_USER_INPUT`. Members get "
            "the error `FORBIDDEN`."
        ),
        metadata={"cost": COUNTS_COST},
    )
    def policy_impact(self, info: Info, viewer: Viewer, change: Change) -> PolicyImpact | None:
        """The impact of a change of the policy."""
        wanted = accounts.policy_rules.PolicyChange(
            two_factor_enforced=value_or_none(change.two_factor_enforced),
            enforced_for=value_or_none(change.enforced_for),
            enforce_from=value_or_none(change.enforce_from),
            second_factor_for_changes=value_or_none(change.second_factor_for_changes),
        )
        return accounts.policy_impact.policy_impact(info.context.services, viewer, wanted)
