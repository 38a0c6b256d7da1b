"""A sign-in that is still good."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class SecondFactorMethod(StrEnum):
    """A way to prove who one is besides the password."""

    OTP = "OTP"
    BACKUP_CODE = "BACKUP_CODE"


class Session(Model):
    """Ending a session is deleting it."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField(db_index=True)
    expires_at = fields.DatetimeField(db_index=True)
    ip_address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=500, null=True)
    second_factor = fields.CharEnumField(SecondFactorMethod, max_length=16, null=True)

    # Set by Tortoise with the relation.
    user_id: UUID

    class Meta:
        """Where the rows live."""

        table = "session"
