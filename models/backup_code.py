"""Backup codes: sets of ten. The database stores a slow hash of each code, salted with the salt of its set."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.activation import Activation
from models.user import User


class BackupCodeSet(Model):
    """Codes that were issued together. Deleting the set invalidates them."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="backup_code_sets", on_delete=fields.CASCADE, db_index=True
    )
    # Set until the codes are acknowledged, and the codes are deleted with the activation. NULL if they are in force.
    activation: fields.ForeignKeyNullableRelation[Activation] = fields.ForeignKeyField(
        "models.Activation", related_name="backup_code_sets", on_delete=fields.CASCADE, null=True, db_index=True
    )
    # One salt for the set, so that one check costs one hash whatever the number of codes.
    salt = fields.BinaryField()
    created_at = fields.DatetimeField()

    # Tortoise sets them with the relations.
    user_id: UUID
    activation_id: UUID | None

    class Meta:
        """The table."""

        table = "backup_code_set"


class BackupCode(Model):
    """One code. A conditional UPDATE sets `used_at` once."""

    id = fields.UUIDField(primary_key=True)
    code_set: fields.ForeignKeyRelation[BackupCodeSet] = fields.ForeignKeyField(
        "models.BackupCodeSet", related_name="codes", on_delete=fields.CASCADE, db_index=False
    )
    code_hash = fields.CharField(max_length=64)
    used_at = fields.DatetimeField(null=True)

    # Tortoise sets it with the relation.
    code_set_id: UUID

    class Meta:
        """The table."""

        table = "backup_code"
        unique_together = (("code_set_id", "code_hash"),)
