"""An active authenticator: its encrypted TOTP secret, and the newest used time step."""

from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.activation import AUTHENTICATOR_NAME_LENGTH, ActivationPurpose
from models.enum_as_text import enum_as_text
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
    # NULL for the authenticator of an activation.
    name = fields.CharField(max_length=AUTHENTICATOR_NAME_LENGTH, null=True)
    # NULL if a server of the version before inserted the row: since the activation of 2FA.
    created_at = fields.DatetimeField(null=True)
    purpose = enum_as_text(ActivationPurpose, max_length=16, default=ActivationPurpose.ACTIVATE)
    # The activation. A client that repeats one of its last calls gets the result of the activation again.
    activation_token_hash = fields.CharField(max_length=64)
    # A server of the version before reads it.
    activated_by_acknowledgement = fields.BooleanField()

    # Tortoise sets it with the relation.
    user_id: UUID

    class Meta:
        """The table."""

        table = "authenticator"
