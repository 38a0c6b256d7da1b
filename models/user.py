"""A user, and the state of their 2FA."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.company import Company
from models.enum_as_text import enum_as_text

if TYPE_CHECKING:
    from models.authenticator import Authenticator

# The `last_login_at` of a user who never signed in. It is a time and not NULL, so that one index gives the order by
# last sign-in with these users first.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """The role of a user in their company account."""

    MEMBER = "MEMBER"
    ADMIN = "ADMIN"


class UserEnforcement(StrEnum):
    """Whether a user has to use 2FA, compared with the rule of their company account."""

    AS_COMPANY = "AS_COMPANY"
    ENFORCED = "ENFORCED"
    # Until `exempt_until`. Then as the company account.
    EXEMPT = "EXEMPT"


class User(Model):
    """A user of a company account.

    2FA is active if and only if `two_factor_activated_at` is set. The user then has a row of a factor that
    activates 2FA, such as `Authenticator`.
    """

    id = fields.UUIDField(primary_key=True)
    company: fields.ForeignKeyRelation[Company] = fields.ForeignKeyField(
        "models.Company", related_name="users", on_delete=fields.RESTRICT, db_index=False
    )
    email = fields.CharField(max_length=254)
    # The normalised email for comparison, see `accounts.identity`.
    email_key = fields.CharField(max_length=254, unique=True)
    name = fields.CharField(max_length=200)
    # The sort key of the name, and name and email for searching, both without case. See `accounts.identity`.
    name_key = fields.CharField(max_length=600)
    search_key = fields.CharField(max_length=1400)
    role = enum_as_text(Role, max_length=16, default=Role.MEMBER)
    password_hash = fields.CharField(max_length=255)
    # A BCP 47 tag. NULL until the user, the operator or a client at a sign-in says one.
    locale = fields.CharField(max_length=35, null=True)
    is_enabled = fields.BooleanField(default=True)
    created_at = fields.DatetimeField()
    last_login_at = fields.DatetimeField(default=NEVER)

    two_factor_activated_at = fields.DatetimeField(null=True)
    two_factor_last_used_at = fields.DatetimeField(null=True)
    backup_codes_remaining = fields.SmallIntField(default=0)
    enforcement = enum_as_text(UserEnforcement, max_length=16, default=UserEnforcement.AS_COMPANY)
    exempt_until = fields.DatetimeField(null=True)
    # The slow hash of the voucher for the next activation, since a reset. NULL if no reset gave one, or after that
    # activation. It stays after its expiry, so that no activation starts without a voucher.
    voucher_hash = fields.CharField(max_length=255, null=True)
    voucher_expires_at = fields.DatetimeField(null=True)
    # When the user was last told by email from when they have to use 2FA, see `accounts.reminders`.
    setup_reminded_at = fields.DatetimeField(default=NEVER)
    # The time of the last warning email of each kind, see `accounts.warnings`. NULL if there was none.
    warnings_sent: fields.Field[dict[str, str] | None] = fields.JSONField(null=True)

    # Tortoise sets them with the relations.
    company_id: UUID
    authenticators: fields.ReverseRelation["Authenticator"]

    class Meta:
        """The table, with an index for each order of the list of users, and of those who are enabled or disabled."""

        table = "user_account"
        indexes = (
            Index(fields=("company_id", "created_at", "id"), name="user_by_age"),
            Index(fields=("company_id", "name_key", "id"), name="user_by_name"),
            Index(fields=("company_id", "last_login_at", "id"), name="user_by_last_login"),
            Index(fields=("company_id", "is_enabled", "created_at", "id"), name="user_by_enabled_and_age"),
            Index(fields=("company_id", "is_enabled", "name_key", "id"), name="user_by_enabled_and_name"),
            Index(fields=("company_id", "is_enabled", "last_login_at", "id"), name="user_by_enabled_and_last_login"),
        )
