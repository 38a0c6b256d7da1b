"""A company account. Each user belongs to one, and its rules apply to all its users."""

from tortoise import fields
from tortoise.models import Model


class Company(Model):
    """A company account and its rules."""

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=200)
    two_factor_enforced = fields.BooleanField(default=False)
    # The feature flag of the help page. False means that backup codes are not shown, issued, accepted or counted.
    backup_codes_enabled = fields.BooleanField(default=True)
    # Whether users get an email about a sign-in on a device that is not known.
    new_device_emails = fields.BooleanField(default=True)
    # Whether changes to 2FA and to these rules need a second factor, besides the password.
    second_factor_for_changes = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        """The table."""

        table = "company"
