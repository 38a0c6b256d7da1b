"""The authorization matrix: the expected outcome for each requester and target."""

from enum import StrEnum
from typing import NamedTuple

from schema.fields import Access
from tests.support.schema_elements import access_of, mutation_fields, query_fields, results_of


class Requester(StrEnum):
    """The kind of request, by the token that it carries."""

    ANONYMOUS = "no token"
    FORGED = "a session token that does not exist"
    ENDED = "the token of an ended session"
    EXPIRED = "the token of a session older than 30 days"
    IDLE = "the token of a session unused for 7 days"
    DISABLED = "the token of a disabled admin"
    DELETED = "the token of a deleted admin"
    CHALLENGE = "the token of an admin's challenge"
    ACTIVATION = "the token of an admin's activation"
    MEMBER_BEFORE_SETUP = "a session of a member who has to set up 2FA"
    ADMIN_BEFORE_SETUP = "a session of an admin who has to set up 2FA"
    MEMBER = "a session of a member"
    ADMIN = "a session of an admin"


WITHOUT_SESSION = frozenset(Requester) - {
    Requester.MEMBER_BEFORE_SETUP,
    Requester.ADMIN_BEFORE_SETUP,
    Requester.MEMBER,
    Requester.ADMIN,
}
BEFORE_SETUP = frozenset({Requester.MEMBER_BEFORE_SETUP, Requester.ADMIN_BEFORE_SETUP})


class Target(StrEnum):
    """The user that the request is about."""

    SELF = "the requester"
    MEMBER = "a member of the same company account"
    ADMIN = "an admin of the same company account"
    OTHER_MEMBER = "a member of another company account"
    OTHER_ADMIN = "an admin of another company account"
    UNKNOWN = "an unknown id"


class Row(NamedTuple):
    """The expected outcome of a field for each kind of requester: one outcome, or one for each target.

    An outcome is the code of a top-level error or the `__typename` of a mutation's result. For queries it is
    `returned`, `empty` (a list without items) or `null`.
    """

    no_session: str
    before_setup: str | dict[Target, str]
    member: str | dict[Target, str]
    admin: str | dict[Target, str]

    def of(self, requester: Requester) -> str | dict[Target, str]:
        """Return the expected outcome for a requester."""
        if requester in WITHOUT_SESSION:
            return self.no_session
        if requester in BEFORE_SETUP:
            return self.before_setup
        return self.member if requester is Requester.MEMBER else self.admin


UNAUTHENTICATED = "UNAUTHENTICATED"
SETUP_REQUIRED = "TWO_FACTOR_SETUP_REQUIRED"
FORBIDDEN = "FORBIDDEN"


def by_target(own: str, *, company: str, others: str) -> dict[Target, str]:
    """Return an outcome for the requester, for users of the same company account, and for all other targets."""
    same = {Target.MEMBER: company, Target.ADMIN: company}
    return {Target.SELF: own} | same | dict.fromkeys((Target.OTHER_MEMBER, Target.OTHER_ADMIN, Target.UNKNOWN), others)


OWN_USER = by_target("returned", company="null", others="null")
USER_OF_COMPANY = by_target("returned", company="returned", others="null")
OWN_SESSION = by_target("SessionRevoked", company="SessionNotFound", others="SessionNotFound")
OWN_DEVICE = by_target("DeviceForgotten", company="DeviceNotFound", others="DeviceNotFound")
OWN_AUTHENTICATOR = by_target("TwoFactorActivation", company="AuthenticatorNotFound", others="AuthenticatorNotFound")
OWN_LAST_AUTHENTICATOR = by_target("LastAuthenticator", company="AuthenticatorNotFound", others="AuthenticatorNotFound")
OWN_CONFIRMED = by_target("BackupCodesIssued", company="ActivationExpired", others="ActivationExpired")
OWN_ACKNOWLEDGED = by_target("TwoFactorActivated", company="ActivationExpired", others="ActivationExpired")
OTHER_UNLOCKED = by_target("CannotChangeOwnAccount", company="UserUnlocked", others="UserNotFound")
OTHER_DISABLED = by_target("CannotChangeOwnAccount", company="UserDisabled", others="UserNotFound")
ENABLED = by_target("UserEnabled", company="UserEnabled", others="UserNotFound")
ROLE_SET = by_target("UserRoleSet", company="UserRoleSet", others="UserNotFound")

# Fields whose outcome depends on more than the declared access. For all other fields, see `row_of`.
FIELDS: dict[str, Row] = {
    "viewer": Row("null", "returned", "returned", "returned"),
    "node": Row(UNAUTHENTICATED, SETUP_REQUIRED, OWN_USER, USER_OF_COMPANY),
    "user": Row(UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, USER_OF_COMPANY),
    "securityEvents": Row(
        UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, by_target("returned", company="returned", others="empty")
    ),
    "login": Row(*["SecondFactorRequired"] * 4),
    "confirmOtp": Row(UNAUTHENTICATED, *[OWN_CONFIRMED] * 3),
    "acknowledgeBackupCodes": Row(UNAUTHENTICATED, *[OWN_ACKNOWLEDGED] * 3),
    "adminResetTwoFactor": Row(
        UNAUTHENTICATED,
        SETUP_REQUIRED,
        FORBIDDEN,
        by_target("CannotResetOwnTwoFactor", company="TwoFactorReset", others="UserNotFound"),
    ),
    "endUserSessions": Row(
        UNAUTHENTICATED,
        SETUP_REQUIRED,
        FORBIDDEN,
        by_target("CannotEndOwnSessions", company="UserSessionsEnded", others="UserNotFound"),
    ),
    "unlockUser": Row(UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, OTHER_UNLOCKED),
    "disableUser": Row(UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, OTHER_DISABLED),
    "enableUser": Row(UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, ENABLED),
    "setUserRole": Row(UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, ROLE_SET),
    "setUserEnforcement": Row(
        UNAUTHENTICATED,
        SETUP_REQUIRED,
        FORBIDDEN,
        by_target("CannotChangeOwnAccount", company="UserEnforcementChanged", others="UserNotFound"),
    ),
    "revokeSession": Row(UNAUTHENTICATED, SETUP_REQUIRED, OWN_SESSION, OWN_SESSION),
    "startAuthenticatorReplacement": Row(UNAUTHENTICATED, SETUP_REQUIRED, OWN_AUTHENTICATOR, OWN_AUTHENTICATOR),
    "removeAuthenticator": Row(UNAUTHENTICATED, SETUP_REQUIRED, OWN_LAST_AUTHENTICATOR, OWN_LAST_AUTHENTICATOR),
    "forgetDevice": Row(UNAUTHENTICATED, SETUP_REQUIRED, OWN_DEVICE, OWN_DEVICE),
}


def row_of(name: str) -> Row:
    """Return the row of a field. Without a row in `FIELDS`, who may call the field gets its first result."""
    if name in FIELDS:
        return FIELDS[name]
    queries, mutations = query_fields(), mutation_fields()
    success = "returned" if name in queries else results_of(mutations[name])[0]
    access = access_of((queries | mutations)[name])
    return Row(
        no_session=success if access is Access.ANYONE else UNAUTHENTICATED,
        before_setup=success if access in {Access.ANYONE, Access.VIEWER} else SETUP_REQUIRED,
        member=FORBIDDEN if access is Access.ADMIN else success,
        admin=success,
    )


# After one of these outcomes no data may have changed.
READ_ONLY_OUTCOMES = frozenset(
    {UNAUTHENTICATED, SETUP_REQUIRED, FORBIDDEN, "null", "empty", "returned", "UserNotFound", "CannotResetOwnTwoFactor",
     "CannotEndOwnSessions", "CannotChangeOwnAccount", "SessionNotFound", "ActivationExpired", "AuthenticatorNotFound",
     "LastAuthenticator"}
)  # fmt: skip


class Viewpoint(StrEnum):
    """Who reads a user, and by which field."""

    OWN = "the user, by `viewer`"
    OWN_BEFORE_SETUP = "the user before the required setup of 2FA, by `viewer`"
    BY_ADMIN = "an admin, a member of the company account, by `user`"
    ADMIN_BY_ADMIN = "an admin, another admin of the company account, by `user`"
    ACTOR = "a member, the admin who reset 2FA, by `actor` of the member's own event"
    OTHER_COMPANY_ACTOR = "an admin, a user of another company account, by `actor` of an event"


# A user of another company account is never returned, not even as the actor of an event.
ABSENT = "absent"


def by_viewpoint(*outcomes: str) -> dict[Viewpoint, str]:
    """Return an outcome for each viewpoint, in their order."""
    return dict(zip(Viewpoint, outcomes, strict=True))


IDENTITY = by_viewpoint(*["returned"] * 5, ABSENT)
GUARDED = by_viewpoint("returned", SETUP_REQUIRED, "returned", "returned", FORBIDDEN, ABSENT)
# The viewer's own cannot be null, so they are readable before the setup.
REQUIRED = GUARDED | {Viewpoint.OWN_BEFORE_SETUP: "returned"}

USER_FIELDS: dict[str, dict[Viewpoint, str]] = {
    "id": IDENTITY,
    "email": IDENTITY,
    "name": IDENTITY,
    "role": IDENTITY,
    "company { id }": IDENTITY,
    # The admins are no secret of a user: whoever may read the company account of a user may read them, after the setup.
    "company { admins { nodes { id } } }": IDENTITY | {Viewpoint.OWN_BEFORE_SETUP: SETUP_REQUIRED},
    # Those of the viewer's company account, whose user this is.
    "company { statistics { active } }": by_viewpoint(
        FORBIDDEN, SETUP_REQUIRED, "returned", "returned", FORBIDDEN, ABSENT
    ),
    "twoFactor { state }": REQUIRED,
    "locale": REQUIRED,
    "createdAt": REQUIRED,
    "lastLoginAt": GUARDED,
    "authenticators { id }": GUARDED,
    "enabled": GUARDED,
    "lockedUntil": GUARDED,
    "lockedSecondFactors": by_viewpoint("empty", SETUP_REQUIRED, "empty", "empty", FORBIDDEN, ABSENT),
    "sessionCount": GUARDED,
    "deviceCount": GUARDED,
    "devices { id }": by_viewpoint("returned", SETUP_REQUIRED, "empty", "empty", "empty", ABSENT),
    "sessions { id }": by_viewpoint("returned", "returned", "empty", "empty", "empty", ABSENT),
    "securityEvents { nodes { id } }": by_viewpoint("returned", SETUP_REQUIRED, "returned", "returned", "null", ABSENT),
}
