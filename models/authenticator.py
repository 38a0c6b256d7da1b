"""An active authenticator: its encrypted TOTP secret, and the newest used time step."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Authenticator(Model):
    """An active authenticator of a user whose 2FA is active."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="authenticators", on_delete=fields.CASCADE, db_index=True
    )
    encrypted_secret = fields.BinaryField()
    key_id = fields.CharField(max_length=32, db_index=True)
    # The newest time step whose OTP was accepted. It only grows, so each OTP works once (RFC 6238 §5.2).
    last_step = fields.BigIntField()
    # The call that activated 2FA. A client that lost its response can repeat the call and gets the same result.
    activation_token_hash = fields.CharField(max_length=64)
    activated_by_acknowledgement = fields.BooleanField()

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "authenticator"
