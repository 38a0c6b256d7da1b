"""Who may do what: the authorization matrix, read by people and walked by a test."""

from enum import StrEnum
from typing import NamedTuple


class Asker(StrEnum):
    """Whose request it is, by what it carries."""

    ANONYMOUS = "nothing"
    FORGED = "a session token that nobody was given"
    ENDED = "the token of a session that was ended"
    EXPIRED = "the token of a session older than thirty days"
    IDLE = "the token of a session unused for seven days"
    DISABLED = "the token of a disabled admin"
    DELETED = "the token of a deleted admin"
    CHALLENGE = "the token of an admin's challenge"
    ACTIVATION = "the token of an admin's activation"
    MEMBER_TO_SET_UP = "a session of a member who has to set up 2FA"
    ADMIN_TO_SET_UP = "a session of an admin who has to set up 2FA"
    MEMBER = "a session of a member"
    ADMIN = "a session of an admin"


NOBODY = frozenset(Asker) - {Asker.MEMBER_TO_SET_UP, Asker.ADMIN_TO_SET_UP, Asker.MEMBER, Asker.ADMIN}
TO_SET_UP = frozenset({Asker.MEMBER_TO_SET_UP, Asker.ADMIN_TO_SET_UP})


class Target(StrEnum):
    """Upon whom the request is."""

    SELF = "oneself"
    MEMBER = "a member of the same company account"
    ADMIN = "an admin of the same company account"
    OTHER_MEMBER = "a member of another company account"
    OTHER_ADMIN = "an admin of another company account"
    UNKNOWN = "an id that names nothing"


class May(NamedTuple):
    """What may happen to a field, by who asks: one outcome, or one for each target.

    An outcome is the code of a top-level error, the `__typename` of the answer to a mutation, or for queries `given`,
    `empty` (a list without items) or `null`.
    """

    nobody: str
    to_set_up: str | dict[Target, str]
    member: str | dict[Target, str]
    admin: str | dict[Target, str]

    def by(self, asker: Asker) -> str | dict[Target, str]:
        """What may happen where this one asks."""
        if asker in NOBODY:
            return self.nobody
        if asker in TO_SET_UP:
            return self.to_set_up
        return self.member if asker is Asker.MEMBER else self.admin


SIGN_IN = "UNAUTHENTICATED"
SET_UP = "TWO_FACTOR_SETUP_REQUIRED"
NOT_YOURS = "FORBIDDEN"


def each(own: str, *, company: str, others: str) -> dict[Target, str]:
    """An outcome for oneself, for users of the same company account, and for everybody else."""
    same = {Target.MEMBER: company, Target.ADMIN: company}
    return {Target.SELF: own} | same | dict.fromkeys((Target.OTHER_MEMBER, Target.OTHER_ADMIN, Target.UNKNOWN), others)


OWN_USER = each("given", company="null", others="null")
COMPANYS_USER = each("given", company="given", others="null")
OWN_SESSION = each("SessionRevoked", company="SessionNotFound", others="SessionNotFound")
OWN_CONFIRMED = each("BackupCodesIssued", company="ActivationExpired", others="ActivationExpired")
OWN_ACKNOWLEDGED = each("TwoFactorActivated", company="ActivationExpired", others="ActivationExpired")

FIELDS: dict[str, May] = {
    "viewer": May("null", "given", "given", "given"),
    "featureFlags": May(SIGN_IN, "given", "given", "given"),
    "authenticatorApps": May("given", "given", "given", "given"),
    "node": May(SIGN_IN, SET_UP, OWN_USER, COMPANYS_USER),
    "user": May(SIGN_IN, SET_UP, NOT_YOURS, COMPANYS_USER),
    "users": May(SIGN_IN, SET_UP, NOT_YOURS, "given"),
    "securityEvents": May(SIGN_IN, SET_UP, NOT_YOURS, each("given", company="given", others="empty")),
    "login": May(*["SecondFactorRequired"] * 4),
    "verifyLogin": May(*["LoggedIn"] * 4),
    "logout": May(*["LoggedOut"] * 4),
    "startTwoFactorActivation": May(SIGN_IN, *["TwoFactorActivation"] * 3),
    "confirmOtp": May(SIGN_IN, *[OWN_CONFIRMED] * 3),
    "acknowledgeBackupCodes": May(SIGN_IN, *[OWN_ACKNOWLEDGED] * 3),
    "regenerateBackupCodes": May(SIGN_IN, SET_UP, "BackupCodesRegenerated", "BackupCodesRegenerated"),
    "deactivateTwoFactor": May(SIGN_IN, SET_UP, "TwoFactorDeactivated", "TwoFactorDeactivated"),
    "adminResetTwoFactor": May(
        SIGN_IN, SET_UP, NOT_YOURS, each("CannotResetOwnTwoFactor", company="TwoFactorReset", others="UserNotFound")
    ),
    "updateSecurityPolicy": May(SIGN_IN, SET_UP, NOT_YOURS, "SecurityPolicyUpdated"),
    "changePassword": May(SIGN_IN, SET_UP, "PasswordChanged", "PasswordChanged"),
    "revokeSession": May(SIGN_IN, SET_UP, OWN_SESSION, OWN_SESSION),
}

# After these nothing of anybody may be other than before.
REFUSALS = frozenset(
    {SIGN_IN, SET_UP, NOT_YOURS, "null", "empty", "given", "UserNotFound", "CannotResetOwnTwoFactor", "SessionNotFound",
     "ActivationExpired"}
)  # fmt: skip


class Sight(StrEnum):
    """Who meets a user, and where."""

    OWN = "themselves, by `viewer`"
    OWN_TO_SET_UP = "themselves while 2FA has to be set up, by `viewer`"
    BY_ADMIN = "an admin their member, by `user`"
    ADMIN_BY_ADMIN = "an admin another admin, by `user`"
    ACTOR = "a member the admin of a reset, by `actor` of their own event"
    FAR_ACTOR = "an admin somebody of another company account, by `actor` of an event"


# Another company account's people do not exist, not even as who did something here once.
ABSENT = "absent"


def seen(*outcomes: str) -> dict[Sight, str]:
    """An outcome for each sight, in their order."""
    return dict(zip(Sight, outcomes, strict=True))


WHO_IT_IS = seen(*["given"] * 5, ABSENT)
GUARDED = seen("given", SET_UP, "given", "given", NOT_YOURS, ABSENT)

USER_FIELDS: dict[str, dict[Sight, str]] = {
    "id": WHO_IT_IS,
    "email": WHO_IT_IS,
    "name": WHO_IT_IS,
    "role": WHO_IT_IS,
    "company { id }": WHO_IT_IS,
    "twoFactor { state }": seen("given", "given", "given", "given", NOT_YOURS, ABSENT),
    "locale": GUARDED,
    "createdAt": GUARDED,
    "lastLoginAt": GUARDED,
    "sessions { id }": seen("given", SET_UP, "empty", "empty", "empty", ABSENT),
    "securityEvents { nodes { id } }": seen("given", SET_UP, "given", "given", "null", ABSENT),
}
