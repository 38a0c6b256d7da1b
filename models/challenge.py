"""A challenge: a sign-in between the password and the second factor."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.enum_as_text import enum_as_text
from models.user import User


class SessionTransport(StrEnum):
    """How the client sends its session token."""

    TOKEN = "TOKEN"
    COOKIE = "COOKIE"


class Challenge(Model):
    """A challenge works once, for `verifyLogin` only. To use it is to delete it, by a statement with a row count."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="challenges", on_delete=fields.CASCADE, db_index=True
    )
    transport = enum_as_text(SessionTransport, max_length=8)
    # The known device that opened the challenge, or NULL for a stranger.
    device_id = fields.UUIDField(null=True)
    # Whether the client wants a device token.
    remembers_device = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)
    # Those of the client that opened the challenge.
    ip_address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=500, null=True)

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "challenge"
