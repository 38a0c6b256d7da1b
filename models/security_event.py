"""The audit log of sign-in and 2FA."""

from enum import StrEnum
from typing import Self
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.company import Company
from models.enum_as_text import enum_as_text
from models.user import User


class SecurityEventKind(StrEnum):
    """The kinds of audit event, each with its description in the API."""

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Create a kind with its description."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.description = description
        return kind

    LOGIN_SUCCEEDED = (
        "LOGIN_SUCCEEDED",
        "A session started. If the login required a second factor, `factor` has its kind.",
    )
    LOGIN_FAILED = (
        "LOGIN_FAILED",
        "Email and password did not match an enabled account. `user` is null if no user has that email.",
    )
    SECOND_FACTOR_REQUIRED = (
        "SECOND_FACTOR_REQUIRED",
        (
            "Email and password were correct, and the server asked for the second factor. If `LOGIN_SUCCEEDED` does "
            "not follow, another person may have the password."
        ),
    )
    SECOND_FACTOR_FAILED = (
        "SECOND_FACTOR_FAILED",
        (
            "The OTP or backup code was wrong. If `during` is `LOGIN`, email and password were correct, so another "
            "person may have the password. If it is `ACTIVATION`, the user mistyped the first OTP of the set-up."
        ),
    )
    LOGGED_OUT = (
        "LOGGED_OUT",
        (
            "The user logged out with `logout`. If `during` is `LOGIN`, a login replaced the session in the cookie of "
            "the browser."
        ),
    )
    SESSION_REVOKED = "SESSION_REVOKED", "The user ended one of their sessions with `revokeSession`."
    SESSIONS_REVOKED = (
        "SESSIONS_REVOKED",
        (
            "All sessions of the user ended: the admin in `actor` used `endUserSessions`. If `actor` is null, the user "
            "used `revokeOtherSessions`, and one session continued."
        ),
    )
    LOCKED = (
        "LOCKED",
        (
            "So many attempts failed that the next attempt has to wait, or that a second factor is locked. `factor` "
            "has its kind; null means that the attempts were passwords or, if `during` is `ACTIVATION`, vouchers."
        ),
    )
    TWO_FACTOR_ACTIVATION_STARTED = (
        "TWO_FACTOR_ACTIVATION_STARTED",
        "The server issued a key and its QR code for an activation, which may or may not have been completed.",
    )
    VOUCHER_FAILED = (
        "VOUCHER_FAILED",
        (
            "The voucher of a reset was wrong or expired at the start of an activation. The password was correct, so "
            "another person may have it."
        ),
    )
    TWO_FACTOR_ACTIVATED = "TWO_FACTOR_ACTIVATED", "The user completed an activation. 2FA is active since then."
    AUTHENTICATOR_SETUP_STARTED = (
        "AUTHENTICATOR_SETUP_STARTED",
        "The server issued a key and its QR code for another authenticator. 2FA stays active.",
    )
    AUTHENTICATOR_REPLACED = (
        "AUTHENTICATOR_REPLACED",
        "A new authenticator replaced the user's earlier one. 2FA stayed active.",
    )
    AUTHENTICATOR_ADDED = "AUTHENTICATOR_ADDED", "The user has another authenticator, beside the earlier ones."
    AUTHENTICATOR_REMOVED = "AUTHENTICATOR_REMOVED", "The user removed one of their authenticators."
    TWO_FACTOR_DEACTIVATED = "TWO_FACTOR_DEACTIVATED", "The user deactivated their own 2FA."
    TWO_FACTOR_RESET = (
        "TWO_FACTOR_RESET",
        (
            "Another person deactivated the user's 2FA: the admin in `actor`, or the operator of the service if "
            "`actor` is null. If it was inactive since an earlier reset, a new voucher replaced that of the earlier "
            "one. `note` contains the reason if one was given."
        ),
    )
    BACKUP_CODES_ISSUED = (
        "BACKUP_CODES_ISSUED",
        (
            "The user received a new set of backup codes. Codes of an earlier set are invalid. If `during` is "
            "`REGENERATION_UNTIL_ACKNOWLEDGED`, the earlier set stays valid until `BACKUP_CODES_ACKNOWLEDGED`."
        ),
    )
    BACKUP_CODES_ACKNOWLEDGED = (
        "BACKUP_CODES_ACKNOWLEDGED",
        "The user stored the new backup codes of a regeneration. They replaced the earlier set, which is invalid.",
    )
    BACKUP_CODE_USED = (
        "BACKUP_CODE_USED",
        "The user logged in, or confirmed a change, with a backup code, which is used up now.",
    )
    SECURITY_POLICY_CHANGED = (
        "SECURITY_POLICY_CHANGED",
        "An admin changed rules of the company account. `change` has each of them.",
    )
    USER_ENFORCEMENT_CHANGED = (
        "USER_ENFORCEMENT_CHANGED",
        (
            "Another person changed whether the user has to use 2FA: the admin in `actor`, or the operator of the "
            "service if `actor` is null. `change` has the rule and the end of an exemption."
        ),
    )
    PASSWORD_CHANGED = "PASSWORD_CHANGED", "The user's password was changed to a new one."
    REAUTHENTICATION_FAILED = (
        "REAUTHENTICATION_FAILED",
        "Within a session, the user entered a wrong password for a change that asks for it again.",
    )
    SESSION_ENDED = (
        "SESSION_ENDED",
        "The session ended by itself: ten wrong passwords in a row end the session, and so do wrong second factors.",
    )
    DEVICE_FORGOTTEN = (
        "DEVICE_FORGOTTEN",
        (
            "A known device is no longer known: the user forgot it. If `during` is `LOGIN`, five attempts in a row "
            "failed on it."
        ),
    )
    COMPANY_CREATED = "COMPANY_CREATED", "The operator of the service created the company account."
    USER_CREATED = "USER_CREATED", "The operator of the service created the user's account."
    USER_DELETED = (
        "USER_DELETED",
        "The operator of the service deleted the user's account. `user` is null from then on.",
    )
    USER_DISABLED = (
        "USER_DISABLED",
        (
            "Another person disabled the user, and all their sessions ended: the admin in `actor`, or the operator of "
            "the service if `actor` is null."
        ),
    )
    USER_ENABLED = (
        "USER_ENABLED",
        (
            "Another person enabled the user, who can log in again: the admin in `actor`, or the operator of the "
            "service if `actor` is null."
        ),
    )
    USER_UNLOCKED = (
        "USER_UNLOCKED",
        (
            "Another person ended the waits and locks after failed logins: the admin in `actor`, or the operator of "
            "the service if `actor` is null."
        ),
    )
    NAME_CHANGED = "NAME_CHANGED", "The user changed their own name. `change` has both names."
    ROLE_CHANGED = (
        "ROLE_CHANGED",
        (
            "The role of the user was changed by the admin in `actor`, or by the operator of the service if `actor` is "
            "null. `change` has it."
        ),
    )


class SecurityEventContext(StrEnum):
    """What was going on when an event occurred, for kinds that occur in several contexts."""

    LOGIN = "LOGIN"
    ACTIVATION = "ACTIVATION"
    REAUTHENTICATION = "REAUTHENTICATION"
    REGENERATION = "REGENERATION"
    REGENERATION_UNTIL_ACKNOWLEDGED = "REGENERATION_UNTIL_ACKNOWLEDGED"


class ChangedField(StrEnum):
    """What an event can report as changed. The rules of a company account have the names of their columns."""

    TWO_FACTOR_ENFORCED = "TWO_FACTOR_ENFORCED"
    ENFORCED_FOR = "ENFORCED_FOR"
    ENFORCE_FROM = "ENFORCE_FROM"
    BACKUP_CODES_ENABLED = "BACKUP_CODES_ENABLED"
    NEW_DEVICE_EMAILS = "NEW_DEVICE_EMAILS"
    SECOND_FACTOR_FOR_CHANGES = "SECOND_FACTOR_FOR_CHANGES"
    RESETS_NEED_VOUCHER = "RESETS_NEED_VOUCHER"
    ROLE = "ROLE"
    NAME = "NAME"
    ENFORCEMENT = "ENFORCEMENT"
    EXEMPT_UNTIL = "EXEMPT_UNTIL"


class SecurityEvent(Model):
    """An audit event. The transaction of the change inserts it, and no code updates it."""

    id = fields.UUIDField(primary_key=True)
    # NULL for a failed sign-in with an email that no user has.
    company: fields.ForeignKeyNullableRelation[Company] = fields.ForeignKeyField(
        "models.Company", related_name="events", on_delete=fields.RESTRICT, null=True, db_index=False
    )
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="events", on_delete=fields.SET_NULL, null=True, db_index=False
    )
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="acts", on_delete=fields.SET_NULL, null=True, db_index=True
    )
    kind = enum_as_text(SecurityEventKind, max_length=40)
    occurred_at = fields.DatetimeField()
    ip_address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=500, null=True)
    note = fields.CharField(max_length=500, null=True)
    # The kind of second factor, and what was going on. NULL if the kind of the event says it, or in events of before.
    factor = fields.CharField(max_length=16, null=True)
    during: fields.Field[SecurityEventContext | None] = enum_as_text(  # type: ignore[assignment]  # it can be NULL
        SecurityEventContext, max_length=40, null=True
    )
    # A list of objects with `field`, `from` and `to`.
    changes: fields.Field[list[dict[str, str | None]] | None] = fields.JSONField(null=True)

    # Tortoise sets them with the relations.
    company_id: UUID | None
    user_id: UUID | None
    actor_id: UUID | None

    class Meta:
        """The table, with an index for each list of events."""

        table = "security_event"
        indexes = (
            Index(fields=("company_id", "occurred_at", "id"), name="event_of_company"),
            Index(fields=("company_id", "kind", "occurred_at", "id"), name="event_of_kind"),
            Index(fields=("user_id", "occurred_at", "id"), name="event_of_user"),
        )
