"""The filter and the order of the list of users, and the roles."""

from typing import Annotated

import strawberry

from accounts.directory import UserOrder, UserQuery
from models import Role
from schema.arguments import value_or_none
from schema.two_factor import TwoFactorState
from schema.type_mapping import describe_enum

describe_enum(
    Role,
    "The permissions of a user within their company account.",
    {
        Role.MEMBER: "Logs in, and manages their own sessions, password and 2FA.",
        Role.ADMIN: (
            "Has all permissions of a member. Also lists the users and security events of the company account, resets "
            "the 2FA of other users and sets the security policy."
        ),
    },
)

describe_enum(
    UserOrder,
    "The order of a list of users. A cursor is valid only in the order in which the server returned it.",
    {
        UserOrder.NEWEST_FIRST: "By `createdAt`, with the newest account first.",
        UserOrder.NAME: (
            "By `name` from A to Z, for all languages alike (Unicode Collation Algorithm): Äpfel is beside Apfel. "
            "Upper and lower case are equal."
        ),
        UserOrder.LAST_LOGIN: "By `lastLoginAt`: users who never logged in first, then the longest absent.",
    },
)


@strawberry.input(
    description=(
        "Filters the list of users. A field that is omitted or null does not filter. A user must match all other "
        "fields."
    )
)
class UserFilter:
    """The filter of the list of users."""

    search: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Text that the name or the email contains. Upper and lower case, and both forms of an internationalised "
            "domain, are equal. White space around the text is removed, and tabs and line breaks count as spaces. More "
            "than 200 characters give the error `BAD_USER_INPUT`."
        ),
    )
    role: Role | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only users with this role. `ADMIN` finds the users whom members can ask for help.",
    )
    two_factor: TwoFactorState | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only users whose 2FA is in this state. `INACTIVE` finds the users to remind.",
    )
    backup_codes_remaining_at_most: int | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Only users with active 2FA who have this number of unused backup codes or fewer. 0 finds the users who "
            "have none."
        ),
    )
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="True for only the users who can log in, false for only those who are disabled.",
    )
    setup_due: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "True for only the enabled users who have to set up 2FA at their next login or request, false for only the "
            "others. `TwoFactor.setupRequired` says it for one user."
        ),
    )
    locked: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "True for only the users whose logins from unknown devices have to wait, or who have a locked second "
            "factor, false for only the others. `User.lockedUntil` and `User.lockedSecondFactors` say it for one user."
        ),
    )


def user_query(first: int, after: str | None, order: UserOrder, user_filter: UserFilter | None) -> UserQuery:
    """Convert the arguments of `users` into a query of the domain."""
    user_filter = value_or_none(user_filter) or UserFilter()
    state = value_or_none(user_filter.two_factor)
    return UserQuery(
        first=first,
        after=value_or_none(after),
        search=value_or_none(user_filter.search),
        role=value_or_none(user_filter.role),
        is_active=None if state is None else state is TwoFactorState.ACTIVE,
        backup_codes_remaining_at_most=value_or_none(user_filter.backup_codes_remaining_at_most),
        is_enabled=value_or_none(user_filter.enabled),
        is_setup_due=value_or_none(user_filter.setup_due),
        is_locked=value_or_none(user_filter.locked),
        order=order,
    )


FilterOfUsers = Annotated[
    UserFilter | None,
    strawberry.argument(description="Filters the list. If it is omitted or null, all users of the company account."),
]
Order = Annotated[
    UserOrder,
    strawberry.argument(description="The order of the list. If you change it, start again at the first page."),
]
