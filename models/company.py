"""A company account. Each user belongs to one, and its rules apply to all its users."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Company(Model):
    """A company account and its rules."""

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    # Whether all users have to use 2FA. Otherwise the next column counts. See `accounts.enforcement`.
    two_factor_enforced = fields.BooleanField(default=False)
    two_factor_enforced_for_admins = fields.BooleanField(default=False)
    # The rule holds from this time. NULL means since always.
    enforce_from = fields.DatetimeField(null=True)
    # The feature flag of the help page. False means that backup codes are not shown, issued, accepted or counted.
    backup_codes_enabled = fields.BooleanField(default=True)
    # Whether users get an email about a sign-in on a device that is not known.
    new_device_emails = fields.BooleanField(default=True)
    # Whether changes to 2FA and to these rules need a second factor, besides the password.
    second_factor_for_changes = fields.BooleanField(default=False)
    # Whether users need a voucher to activate 2FA after a reset.
    resets_need_voucher = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        """The table, with an index for the rules that will hold soon."""

        table = "company"
        indexes = (Index(fields=("enforce_from",), name="company_by_enforce_from"),)
