"""An unfinished activation: a secret of a factor that is not in force yet."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Activation(Model):
    """At most one for each user. A newer activation replaces an older one."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="activation", on_delete=fields.CASCADE
    )
    # The kind of the factor.
    factor = fields.CharField(max_length=16)
    encrypted_secret = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True)
    # The position of the newest text that confirmed the activation, or 0. For an OTP it is its time step.
    last_step = fields.BigIntField(default=0)
    # The session that confirmed the activation with the newest text. NULL before that.
    confirmed_by_session_id = fields.UUIDField(null=True)
    # The number of wrong tries.
    attempts = fields.SmallIntField(default=0)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "activation"
