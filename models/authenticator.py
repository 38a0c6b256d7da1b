"""The active second factor of a user: the sealed seed, and what of it has been used."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Authenticator(Model):
    """An active enrolment. There is one row exactly while the user's 2FA is active."""

    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="authenticator", on_delete=fields.CASCADE, primary_key=True
    )
    sealed_seed = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True)
    # The newest time step whose OTP was accepted (RFC 6238 §5.2: at most one use). It only ever grows.
    last_step = fields.BigIntField()
    # Which call activated, so that a client that lost its answer can ask again.
    activation_token_hash = fields.CharField(max_length=64)
    activated_by_acknowledgement = fields.BooleanField()

    # Set by Tortoise with the relation.
    user_id: UUID

    class Meta:
        """Where the rows live."""

        table = "authenticator"
