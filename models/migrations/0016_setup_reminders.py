"""Record when users were reminded to set up 2FA, and index those whose reminder can be due.

A server of the version before inserts users without the new column.
"""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

from models.added_columns import AddFieldInModelsOnly, Column, add_columns
from models.user import NEVER

NO_2FA_YET = "two_factor_activated_at IS NULL AND is_enabled = true"
INDEXES = {
    # The role first, because a rule for admins must not read all members.
    "user_by_setup_reminder": (
        f"(company_id, role, setup_reminded_at) WHERE {NO_2FA_YET} AND enforcement <> 'ENFORCED'"
    ),
    "user_by_end_of_exemption": f"(exempt_until) WHERE {NO_2FA_YET} AND enforcement = 'EXEMPT'",
}


async def create_indexes(_apps: object, editor: BaseSchemaEditor) -> None:
    """Create the indexes. Tortoise has no partial indexes that both databases share."""
    for name, definition in INDEXES.items():
        await editor.client.execute_query(f"CREATE INDEX IF NOT EXISTS {name} ON user_account {definition}")


async def drop_indexes(_apps: object, editor: BaseSchemaEditor) -> None:
    """Drop the indexes."""
    for name in INDEXES:
        await editor.client.execute_query(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0015_enforcement_and_vouchers")]

    initial = False

    operations = [
        add_columns(
            [
                Column(
                    "user_account",
                    "setup_reminded_at",
                    f"TIMESTAMPTZ NOT NULL DEFAULT '{NEVER}'",
                    sqlite=f"TIMESTAMP NOT NULL DEFAULT '{NEVER}'",
                ),
            ]
        ),
        AddFieldInModelsOnly(model_name="User", name="setup_reminded_at", field=fields.DatetimeField(default=NEVER)),
        ops.RunPython(create_indexes, drop_indexes),
        ops.AddIndex(model_name="Company", index=Index(fields=["enforce_from"], name="company_by_enforce_from")),
    ]
