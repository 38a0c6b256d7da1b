"""A sign-in that waits for its second factor."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class SessionTransport(StrEnum):
    """How a session travels."""

    TOKEN = "TOKEN"
    COOKIE = "COOKIE"


class Challenge(Model):
    """Opens `verifyLogin` once, and nothing else. Using it is deleting it, by row count."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="challenges", on_delete=fields.CASCADE, db_index=True
    )
    transport = fields.CharEnumField(SessionTransport, max_length=8)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    # Set by Tortoise with the relation.
    user_id: UUID

    class Meta:
        """Where the rows live."""

        table = "challenge"
