"""A session of a signed-in user."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class SecondFactorMethod(StrEnum):
    """The kinds of second factor that a client can use."""

    OTP = "OTP"
    BACKUP_CODE = "BACKUP_CODE"


class Session(Model):
    """A live session. To end a session is to delete its row."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    # The token that the present one replaced, also by a login in the same browser.
    previous_token_hash = fields.CharField(max_length=64, null=True)
    # The replaced token works until this time, and until the present one is first used. It and the salt are NULL from
    # then on. A login leaves both NULL, since the replaced session ends at once.
    previous_valid_until = fields.DatetimeField(null=True)
    # The present token is derived from the previous one and this salt, so that a repeated call can return it again.
    token_salt = fields.BinaryField(null=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE, db_index=True
    )
    created_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField(db_index=True)
    expires_at = fields.DatetimeField(db_index=True)
    ip_address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=500, null=True)
    # The kind of second factor, or NULL for a login by password alone.
    second_factor = fields.CharField(max_length=16, null=True)
    # The known device on which the session started. The device may have been forgotten since.
    device_id = fields.UUIDField(null=True)

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "session"
