"""Let users replace an authenticator, and have several, while 2FA stays active.

A server of the version before inserts activations and authenticators without the new columns.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

from models.activation import ActivationPurpose
from models.added_columns import AddFieldInModelsOnly, Column, add_columns
from models.enum_as_text import enum_as_text

# Until now, a user had one authenticator, since the activation of 2FA.
SET_CREATED_AT = """
    UPDATE authenticator SET created_at =
        (SELECT two_factor_activated_at FROM user_account WHERE user_account.id = authenticator.user_id)
"""


async def set_created_at(_apps: object, editor: BaseSchemaEditor) -> None:
    """Set the new column of the authenticators in force."""
    await editor.client.execute_query(SET_CREATED_AT)


async def keep_rows(_apps: object, _editor: BaseSchemaEditor) -> None:
    """Do nothing: the way back drops the column."""


def _purpose() -> fields.Field[ActivationPurpose]:
    return enum_as_text(ActivationPurpose, max_length=16, default=ActivationPurpose.ACTIVATE)


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0013_indexes_of_enabled_users")]

    initial = False

    operations = [
        add_columns(
            [
                Column("activation", "purpose", "VARCHAR(16) NOT NULL DEFAULT 'ACTIVATE'"),
                Column("activation", "authenticator_name", "VARCHAR(64)"),
                Column("activation", "replaced_authenticator_id", "UUID", sqlite="CHAR(36)"),
                Column("authenticator", "name", "VARCHAR(64)"),
                Column("authenticator", "created_at", "TIMESTAMPTZ", sqlite="TIMESTAMP"),
                Column("authenticator", "purpose", "VARCHAR(16) NOT NULL DEFAULT 'ACTIVATE'"),
            ]
        ),
        ops.RunPython(set_created_at, keep_rows),
        AddFieldInModelsOnly(model_name="Activation", name="purpose", field=_purpose()),
        AddFieldInModelsOnly(
            model_name="Activation", name="authenticator_name", field=fields.CharField(null=True, max_length=64)
        ),
        AddFieldInModelsOnly(
            model_name="Activation", name="replaced_authenticator_id", field=fields.UUIDField(null=True)
        ),
        AddFieldInModelsOnly(model_name="Authenticator", name="name", field=fields.CharField(null=True, max_length=64)),
        AddFieldInModelsOnly(model_name="Authenticator", name="created_at", field=fields.DatetimeField(null=True)),
        AddFieldInModelsOnly(model_name="Authenticator", name="purpose", field=_purpose()),
    ]
