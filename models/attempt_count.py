"""The number of failed attempts at one factor of one account."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

# What the attempts guess, besides the kinds of second factor.
PASSWORD_FACTOR = "PASSWORD"  # not a password
# The password again, in a live session.
REAUTHENTICATION = "REAUTHENTICATION"
# A second factor for a change, in a live session.
SESSION_FACTOR = "SESSION_FACTOR"
# The voucher for the activation after a reset, in any live session of the user.
VOUCHER_FACTOR = "VOUCHER"
# Password and second factors together, from a known device.
KNOWN_DEVICE = "KNOWN_DEVICE"


class AttemptCount(Model):
    """Attempts that were reserved and not released.

    For passwords, `subject` is a keyed hash of the email, so that an unknown email has a count like any other. For
    second factors it is the user's id. These counts are those of strangers. Live sessions and known devices have counts
    of their own, so that no stranger can make them wait. There, `subject` is the id of the session or device. For the
    voucher of a user, it is derived from the user's id, so that these counts do not concern the login.
    """

    id = fields.BigIntField(primary_key=True)
    subject = fields.CharField(max_length=64)
    # What the attempts guess. Each factor has its own attempt limit.
    factor = fields.CharField(max_length=16)
    # For passwords, the user who had this email at the last failed attempt. NULL for other factors.
    user_id = fields.UUIDField(null=True)
    # Since the last success. It determines the next wait.
    failures = fields.IntField(default=0)
    # Since the last completed sign-in. It determines when the factor is locked (NIST SP 800-63B §3.2.2).
    failures_since_sign_in = fields.IntField(default=0)
    # The attempts among `failures` that the server still checks.
    undecided = fields.IntField(default=0)
    last_attempt_at = fields.DatetimeField()

    class Meta:
        """The table, with the index by which the cleanup finds idle counts. A migration creates partial indexes."""

        table = "attempt_count"
        unique_together = (("subject", "factor"),)
        indexes = (Index(fields=("factor", "last_attempt_at"), name="attempt_count_by_age"),)
