"""The enums: those of the tables and of the directory in the client's words, and the state that 2FA is in."""

from enum import Enum

import strawberry

from models import Role, SecondFactorMethod, SecurityEventKind, SessionTransport
from twofactor.directory import UserOrder


def _describe(enum: type[Enum], description: str, values: dict[Enum, str]) -> None:
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # Strawberry has just set it
        value.description = values[enum(value.value)]


@strawberry.enum(description="Whether signing in takes a second factor.")
class TwoFactorState(Enum):
    """Whether 2FA is on."""

    INACTIVE = strawberry.enum_value(
        "INACTIVE", description="Email and password alone open a session. An activation under way leaves it so."
    )
    ACTIVE = strawberry.enum_value(
        "ACTIVE",
        description=("Signing in takes two steps: `login` answers with a challenge, and `verifyLogin` finishes it."),
    )


_describe(
    SessionTransport,
    "Where the client keeps its session. Chosen at `login`, and kept through `verifyLogin`.",
    {
        SessionTransport.TOKEN: (
            "For mobile apps and servers: `sessionToken` is in the answer, and the client sends it as "
            "`Authorization: Bearer <sessionToken>`."
        ),
        SessionTransport.COOKIE: (
            "For web pages: the session comes in an HttpOnly cookie that no script can read, and `sessionToken` is "
            "null."
        ),
    },
)

_describe(
    SecondFactorMethod,
    "What the user can show at sign-in besides the password. Each has attempts of its own.",
    {
        SecondFactorMethod.OTP: "The six digits that the authenticator app shows at the moment. Offer this one first.",
        SecondFactorMethod.BACKUP_CODE: (
            "One of the codes that were stored at activation, for the day the device is lost. Using one spends it."
        ),
    },
)

_describe(
    Role,
    "What a user may do within their company account.",
    {
        Role.MEMBER: "Signs in, and looks after their own sessions, password and 2FA.",
        Role.ADMIN: (
            "All that a member may do. Also lists the users and security events of the company account, resets the 2FA "
            "of other users and sets the security policy."
        ),
    },
)

_describe(
    UserOrder,
    "How a list of users is sorted. A cursor is good only in the order that it was given in.",
    {
        UserOrder.NEWEST_FIRST: "By `createdAt`, the latest account at the top.",
        UserOrder.NAME: "By `name` from A to Z, capitals and small letters alike.",
        UserOrder.LAST_LOGIN: "By `lastLoginAt`: those who never signed in at the top, then the longest absent.",
    },
)

_describe(
    SecurityEventKind,
    "What a security event tells of. New kinds are added over time: show one that you do not know by its name.",
    {
        SecurityEventKind.LOGIN_SUCCEEDED: (
            "A session began; `note` names the second factor that opened it, where there was one."
        ),
        SecurityEventKind.LOGIN_FAILED: (
            "Email and password did not match an enabled account. `user` is null where nobody has that email."
        ),
        SecurityEventKind.SECOND_FACTOR_FAILED: (
            "Email and password were right, and then an OTP or a backup code was not: somebody may know the password."
        ),
        SecurityEventKind.LOGGED_OUT: "The user signed out by `logout`.",
        SecurityEventKind.SESSION_REVOKED: "The user ended one of their sessions by `revokeSession`.",
        SecurityEventKind.LOCKED: (
            "So many attempts failed that the next one has to wait, or that a second factor is stopped altogether."
        ),
        SecurityEventKind.TWO_FACTOR_ACTIVATION_STARTED: (
            "A key and its QR code were shown, for an activation that may or may not have been finished."
        ),
        SecurityEventKind.TWO_FACTOR_ACTIVATED: "The user finished an activation: 2FA is on since then.",
        SecurityEventKind.TWO_FACTOR_DEACTIVATED: "The user switched their own 2FA off.",
        SecurityEventKind.TWO_FACTOR_RESET: (
            "Somebody else switched the user's 2FA off: the admin in `actor`, or the operator of the service where "
            "that is null. The reason, if one was given, is in `note`."
        ),
        SecurityEventKind.BACKUP_CODES_ISSUED: (
            "A new set of backup codes was shown to the user, and any set before it is void."
        ),
        SecurityEventKind.BACKUP_CODE_USED: "The user signed in with a backup code, which is spent now.",
        SecurityEventKind.SECURITY_POLICY_CHANGED: (
            "An admin changed a rule of the company account: enforcement of 2FA, or backup codes."
        ),
        SecurityEventKind.PASSWORD_CHANGED: "The user has a new password.",
        SecurityEventKind.REAUTHENTICATION_FAILED: (
            "Within a session, the password that a sensitive change asks for again was wrong."
        ),
        SecurityEventKind.COMPANY_CREATED: "The operator of the service made the company account.",
        SecurityEventKind.USER_CREATED: "The operator of the service made the account.",
        SecurityEventKind.USER_DELETED: "The operator of the service deleted the account; `user` is null from then on.",
        SecurityEventKind.USER_DISABLED: "The operator of the service barred the user, and all their sessions ended.",
        SecurityEventKind.USER_ENABLED: "The operator of the service lets the user sign in again.",
        SecurityEventKind.ROLE_CHANGED: "The user became an admin, or ceased to be one.",
    },
)
