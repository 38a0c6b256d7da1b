"""How often a factor of an account was wrong lately."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class Factor(StrEnum):
    """What is guessed at. Each has a budget of its own."""

    PASSWORD = "PASSWORD"
    OTP = "OTP"
    BACKUP_CODE = "BACKUP_CODE"


class AttemptBudget(Model):
    """Attempts that were claimed and not given back.

    `subject` is a keyed hash of the email for passwords, so that an unknown email has a budget like any other,
    and the user's id for the second factors.
    """

    id = fields.BigIntField(primary_key=True)
    subject = fields.CharField(max_length=64)
    factor = fields.CharEnumField(Factor, max_length=16)
    # Since the last success: decides how long the next wait is.
    failures = fields.IntField(default=0)
    # Since the last completed sign-in: decides when the factor is locked (NIST SP 800-63B §3.2.2).
    failures_since_sign_in = fields.IntField(default=0)
    last_attempt_at = fields.DatetimeField(db_index=True)

    class Meta:
        """Where the rows live."""

        table = "attempt_budget"
        unique_together = (("subject", "factor"),)
