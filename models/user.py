"""The user: who signs in, and where their 2FA stands."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.company import Company

if TYPE_CHECKING:
    from models.authenticator import Authenticator

# `last_login_at` of a user who never signed in. A real instant rather than NULL, so that one plain index
# serves the order "the longest ago and never first".
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """What a user may do."""

    MEMBER = "MEMBER"
    ADMIN = "ADMIN"


class User(Model):
    """A person with an account.

    `two_factor_activated_at` is the one truth on whether 2FA is active. An `Authenticator` row exists exactly
    while it is set.
    """

    id = fields.UUIDField(primary_key=True)
    company: fields.ForeignKeyRelation[Company] = fields.ForeignKeyField(
        "models.Company", related_name="users", on_delete=fields.RESTRICT, db_index=False
    )
    email = fields.CharField(max_length=254)
    # The email as it is compared: see `twofactor.rules.identity`.
    email_key = fields.CharField(max_length=254, unique=True)
    name = fields.CharField(max_length=200)
    # The name as it is ordered, and name and email as they are searched: casefolded.
    name_key = fields.CharField(max_length=600)
    search_key = fields.CharField(max_length=1400)
    role = fields.CharEnumField(Role, max_length=16, default=Role.MEMBER)
    password_hash = fields.CharField(max_length=255)
    # A BCP 47 tag; NULL until the first sign-in tells it.
    locale = fields.CharField(max_length=35, null=True)
    is_enabled = fields.BooleanField(default=True)
    created_at = fields.DatetimeField()
    last_login_at = fields.DatetimeField(default=NEVER)

    two_factor_activated_at = fields.DatetimeField(null=True)
    two_factor_last_used_at = fields.DatetimeField(null=True)
    backup_codes_remaining = fields.SmallIntField(default=0)
    # When the last warning of a suspicious second factor was written: at most one a day.
    second_factor_warned_at = fields.DatetimeField(null=True)

    # Set by Tortoise with the relations.
    company_id: UUID
    authenticator: fields.BackwardOneToOneRelation["Authenticator"]

    class Meta:
        """Where the rows live, and an index for each order of the admin's list."""

        table = "user_account"
        indexes = (
            Index(fields=("company_id", "created_at", "id"), name="user_by_age"),
            Index(fields=("company_id", "name_key", "id"), name="user_by_name"),
            Index(fields=("company_id", "last_login_at", "id"), name="user_by_last_login"),
        )
