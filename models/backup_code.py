"""Backup codes: sets of ten. The database stores a slow hash of each code, salted with the salt of its set.

Until the user acknowledges the codes of an activation, it also stores their texts, encrypted.
"""

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
    # The token of the replacement that put the set in force, for a client that repeats the acknowledgement.
    replacement_token_hash = fields.CharField(max_length=64, null=True)

    # Tortoise sets them with the relations.
    user_id: UUID
    activation_id: UUID | None

    class Meta:
        """The table."""

        table = "backup_code_set"


class BackupCodeReplacement(Model):
    """New codes that replace the user's set as soon as the user acknowledges them. No login accepts them before.

    At most one for each user. It has a table of its own, so that the set in force is untouched.
    """

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="backup_code_replacement", on_delete=fields.CASCADE
    )
    # Those of the new set: its salt, and the hash of each code, one a line.
    salt = fields.BinaryField()
    code_hashes = fields.TextField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "backup_code_replacement"


class UnacknowledgedCodes(Model):
    """The texts of codes that the user has not acknowledged yet, encrypted.

    They are those of an activation. A client that lost the response which issued the codes can repeat the call and
    gets them again. The row is deleted with the activation, so also by the acknowledgement, and with the set, so also
    by newer codes.
    """

    id = fields.UUIDField(primary_key=True)
    activation: fields.OneToOneRelation[Activation] = fields.OneToOneField(
        "models.Activation", related_name="unacknowledged_codes", on_delete=fields.CASCADE
    )
    code_set: fields.OneToOneRelation[BackupCodeSet] = fields.OneToOneField(
        "models.BackupCodeSet", related_name="unacknowledged_codes", on_delete=fields.CASCADE
    )
    # The owner, for the decryption.
    user_id = fields.UUIDField()
    # The codes, one a line.
    encrypted_secret = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True)

    # Tortoise sets them with the relations.
    activation_id: UUID
    code_set_id: UUID

    class Meta:
        """The table."""

        table = "unacknowledged_codes"


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
