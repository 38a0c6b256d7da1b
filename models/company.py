"""The company account: users belong to it, and its rules hold for all of them."""

from tortoise import fields
from tortoise.models import Model


class Company(Model):
    """A company account and its two rules on 2FA."""

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    two_factor_enforced = fields.BooleanField(default=False)
    # The feature flag of the help page: off means not shown, not issued, not accepted, not counted.
    backup_codes_enabled = fields.BooleanField(default=True)
    created_at = fields.DatetimeField()

    class Meta:
        """Where the rows live."""

        table = "company"
