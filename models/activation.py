"""An activation that is under way: a seed that is not active yet."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Activation(Model):
    """At most one a user: a newer one replaces it."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="activation", on_delete=fields.CASCADE
    )
    sealed_seed = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True)
    # The time step of the newest OTP that confirmed it; 0 while none has.
    last_step = fields.BigIntField(default=0)
    # OTPs that were looked at and not found right.
    attempts = fields.SmallIntField(default=0)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    # Set by Tortoise with the relation.
    user_id: UUID

    class Meta:
        """Where the rows live."""

        table = "activation"
