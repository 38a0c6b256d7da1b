"""Let companies enforce 2FA for admins only, for single users and from a date, and ask for a voucher after a reset.

A server of the version before inserts users and company accounts without the new columns. It enforces 2FA for everybody
or nobody, at once.
"""

from tortoise import fields, migrations

from models.added_columns import AddFieldInModelsOnly, Column, add_columns
from models.enum_as_text import enum_as_text
from models.user import UserEnforcement


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0014_several_authenticators")]

    initial = False

    operations = [
        add_columns(
            [
                Column("company", "two_factor_enforced_for_admins", "BOOL NOT NULL DEFAULT FALSE"),
                Column("company", "enforce_from", "TIMESTAMPTZ", sqlite="TIMESTAMP"),
                Column("company", "resets_need_voucher", "BOOL NOT NULL DEFAULT FALSE"),
                Column("user_account", "enforcement", "VARCHAR(16) NOT NULL DEFAULT 'AS_COMPANY'"),
                Column("user_account", "exempt_until", "TIMESTAMPTZ", sqlite="TIMESTAMP"),
                Column("user_account", "voucher_hash", "VARCHAR(255)"),
                Column("user_account", "voucher_expires_at", "TIMESTAMPTZ", sqlite="TIMESTAMP"),
            ]
        ),
        AddFieldInModelsOnly(
            model_name="Company", name="two_factor_enforced_for_admins", field=fields.BooleanField(default=False)
        ),
        AddFieldInModelsOnly(model_name="Company", name="enforce_from", field=fields.DatetimeField(null=True)),
        AddFieldInModelsOnly(
            model_name="Company", name="resets_need_voucher", field=fields.BooleanField(default=False)
        ),
        AddFieldInModelsOnly(
            model_name="User",
            name="enforcement",
            field=enum_as_text(UserEnforcement, max_length=16, default=UserEnforcement.AS_COMPANY),
        ),
        AddFieldInModelsOnly(model_name="User", name="exempt_until", field=fields.DatetimeField(null=True)),
        AddFieldInModelsOnly(model_name="User", name="voucher_hash", field=fields.CharField(null=True, max_length=255)),
        AddFieldInModelsOnly(model_name="User", name="voucher_expires_at", field=fields.DatetimeField(null=True)),
    ]
