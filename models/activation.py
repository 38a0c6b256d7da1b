"""An unfinished activation: a secret of a factor that is not in force yet."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from models.enum_as_text import enum_as_text
from models.user import User

# The length of the column. `security/constants.py` has the limit of the API.
AUTHENTICATOR_NAME_LENGTH = 64


class ActivationPurpose(StrEnum):
    """What the confirmation of a new factor does."""

    # It activates 2FA.
    ACTIVATE = "ACTIVATE"
    # 2FA is active. The new authenticator replaces one or all of those in force.
    REPLACE = "REPLACE"
    # 2FA is active. The new authenticator is in force beside the others.
    ADD = "ADD"


class Activation(Model):
    """At most one for each user. A newer activation replaces an older one."""

    id = fields.UUIDField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.OneToOneRelation[User] = fields.OneToOneField(
        "models.User", related_name="activation", on_delete=fields.CASCADE
    )
    # The kind of the factor.
    factor = fields.CharField(max_length=16)
    purpose = enum_as_text(ActivationPurpose, max_length=16, default=ActivationPurpose.ACTIVATE)
    # The name that the user gave the new authenticator.
    authenticator_name = fields.CharField(max_length=AUTHENTICATOR_NAME_LENGTH, null=True)
    # The authenticator to replace. NULL replaces all.
    replaced_authenticator_id = fields.UUIDField(null=True)
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
