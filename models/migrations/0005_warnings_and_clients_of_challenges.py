"""Store the warnings that a user got, and the client that opened a challenge.

The columns may be NULL: a server of the version before inserts rows without them. It also reads the column
`second_factor_warned_at`, so a later version drops it.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, InModelsOnly, add_columns


class RemoveFieldInModelsOnly(InModelsOnly, ops.RemoveField):
    """See the base classes."""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0004_known_devices")]

    initial = False

    operations = [
        add_columns(
            [
                Column("user_account", "warnings_sent", "JSONB", sqlite="JSON"),
                Column("challenge", "ip_address", "VARCHAR(45)"),
                Column("challenge", "user_agent", "VARCHAR(500)"),
            ]
        ),
        AddFieldInModelsOnly("User", "warnings_sent", fields.JSONField(null=True)),
        AddFieldInModelsOnly("Challenge", "ip_address", fields.CharField(max_length=45, null=True)),
        AddFieldInModelsOnly("Challenge", "user_agent", fields.CharField(max_length=500, null=True)),
        RemoveFieldInModelsOnly("User", "second_factor_warned_at"),
    ]
