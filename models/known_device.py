"""A device on which a user has signed in (OWASP: device cookies)."""

from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.user import User


class KnownDevice(Model):
    """A browser or app that has a device token of a user. To forget a device is to delete its row."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="known_devices", on_delete=fields.CASCADE, db_index=False
    )
    user_agent = fields.CharField(max_length=500, null=True)
    first_seen_at = fields.DatetimeField()
    # When a sign-in was last completed on it.
    last_seen_at = fields.DatetimeField(db_index=True)

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table, with the index by which the devices of a user are listed."""

        table = "known_device"
        indexes = (Index(fields=("user_id", "last_seen_at"), name="known_device_of_user"),)
