"""Backup codes: a set of ten, each kept as a slow hash under the salt of its set."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.activation import Activation
from models.user import User


class BackupCodeSet(Model):
    """Codes that were issued together. Deleting the set makes them void."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="backup_code_sets", on_delete=fields.CASCADE, db_index=True
    )
    # Set while the codes wait to be acknowledged: they go with their activation. NULL once in force.
    activation: fields.ForeignKeyNullableRelation[Activation] = fields.ForeignKeyField(
        "models.Activation", related_name="backup_code_sets", on_delete=fields.CASCADE, null=True, db_index=True
    )
    # One salt a set, so that checking a code costs one hash however many codes there are.
    salt = fields.BinaryField()
    created_at = fields.DatetimeField()

    # Set by Tortoise with the relations.
    user_id: UUID
    activation_id: UUID | None

    class Meta:
        """Where the rows live."""

        table = "backup_code_set"


class BackupCode(Model):
    """One code. `used_at` is set once, by a conditional UPDATE."""

    id = fields.UUIDField(primary_key=True)
    code_set: fields.ForeignKeyRelation[BackupCodeSet] = fields.ForeignKeyField(
        "models.BackupCodeSet", related_name="codes", on_delete=fields.CASCADE, db_index=False
    )
    code_hash = fields.CharField(max_length=64)
    used_at = fields.DatetimeField(null=True)

    # Set by Tortoise with the relation.
    code_set_id: UUID

    class Meta:
        """Where the rows live."""

        table = "backup_code"
        unique_together = (("code_set_id", "code_hash"),)
