"""The number of users of a company account in each state that its statistics distinguish."""

from tortoise import fields
from tortoise.models import Model

from models.enum_as_text import enum_as_text
from models.user import Role, UserEnforcement


class UserCount(Model):
    """Users in one state. Triggers of `user_account` insert a row for each change.

    The rows of a state add up to its number of users. To count the users themselves takes seconds if there are a
    million. A row that is inserted waits for nobody, unlike one that is updated. The cleanup folds the changes of each
    state into one row, its sum.
    """

    id = fields.BigIntField(primary_key=True)
    company_id = fields.UUIDField()
    is_enabled = fields.BooleanField()
    is_active = fields.BooleanField()
    # Whether 2FA is active and `FEW_BACKUP_CODES` or fewer are left, also while backup codes are off.
    has_few_codes = fields.BooleanField()
    role = enum_as_text(Role, max_length=16)
    enforcement = enum_as_text(UserEnforcement, max_length=16)
    # `NEVER` unless the users are exempt until a date.
    exempt_until = fields.DatetimeField()
    # Negative in a change of users who have left the state.
    users = fields.IntField()
    is_sum = fields.BooleanField()

    class Meta:
        """The table. Its indexes are partial, so the migration creates them."""

        table = "user_count"
