"""The audit log of sign-in and 2FA."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.company import Company
from models.enum_as_text import enum_as_text
from models.user import User


class SecurityEventKind(StrEnum):
    """The kinds of audit event."""

    LOGIN_SUCCEEDED = "LOGIN_SUCCEEDED"
    LOGIN_FAILED = "LOGIN_FAILED"
    SECOND_FACTOR_FAILED = "SECOND_FACTOR_FAILED"
    LOGGED_OUT = "LOGGED_OUT"
    SESSION_REVOKED = "SESSION_REVOKED"
    LOCKED = "LOCKED"
    TWO_FACTOR_ACTIVATION_STARTED = "TWO_FACTOR_ACTIVATION_STARTED"
    TWO_FACTOR_ACTIVATED = "TWO_FACTOR_ACTIVATED"
    TWO_FACTOR_DEACTIVATED = "TWO_FACTOR_DEACTIVATED"
    TWO_FACTOR_RESET = "TWO_FACTOR_RESET"
    BACKUP_CODES_ISSUED = "BACKUP_CODES_ISSUED"
    BACKUP_CODE_USED = "BACKUP_CODE_USED"
    SECURITY_POLICY_CHANGED = "SECURITY_POLICY_CHANGED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    REAUTHENTICATION_FAILED = "REAUTHENTICATION_FAILED"
    COMPANY_CREATED = "COMPANY_CREATED"
    USER_CREATED = "USER_CREATED"
    USER_DELETED = "USER_DELETED"
    USER_DISABLED = "USER_DISABLED"
    USER_ENABLED = "USER_ENABLED"
    ROLE_CHANGED = "ROLE_CHANGED"


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
