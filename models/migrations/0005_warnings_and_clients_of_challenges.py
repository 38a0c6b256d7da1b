"""Store the warnings that a user got, and the client that opened a challenge.

The columns may be NULL: a server of the version before inserts rows without them. It also reads the column
`second_factor_warned_at`, so a later version drops it.
"""

from collections.abc import Sequence

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

FORWARD = (
    "ALTER TABLE user_account ADD COLUMN warnings_sent {json}",
    "ALTER TABLE challenge ADD COLUMN ip_address VARCHAR(45)",
    "ALTER TABLE challenge ADD COLUMN user_agent VARCHAR(500)",
)
BACKWARD = (
    "ALTER TABLE challenge DROP COLUMN user_agent",
    "ALTER TABLE challenge DROP COLUMN ip_address",
    "ALTER TABLE user_account DROP COLUMN warnings_sent",
)
JSON = {"sqlite": "JSON", "postgres": "JSONB"}
HAS_COLUMNS = {
    "sqlite": "SELECT 1 FROM pragma_table_info('user_account') WHERE name = 'warnings_sent'",
    "postgres": """
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'user_account' AND column_name = 'warnings_sent'
    """,
}


async def _run(editor: BaseSchemaEditor, statements: Sequence[str], *, has_columns: bool) -> None:
    """Run the statements in the transaction of the migration, if the tables are as expected.

    Otherwise another process has run them at the same time. Tortoise's own operations would commit the transaction on
    SQLite.
    """
    dialect = editor.client.capabilities.dialect
    if bool(await editor.client.execute_query_dict(HAS_COLUMNS[dialect])) is has_columns:
        for statement in statements:
            await editor.client.execute_query(statement.format(json=JSON[dialect]))


async def migrate_forward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Add the columns."""
    await _run(editor, FORWARD, has_columns=False)


async def migrate_backward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Drop the columns."""
    await _run(editor, BACKWARD, has_columns=True)


class InModelsOnly:
    """The part of an operation that changes the state of the models. Another operation changes the table."""

    async def database_forward(self, *_: object, **__: object) -> None:
        """Leave the table as it is."""

    async def database_backward(self, *_: object, **__: object) -> None:
        """Leave the table as it is."""


class AddFieldInModelsOnly(InModelsOnly, ops.AddField):
    """See the base classes."""


class RemoveFieldInModelsOnly(InModelsOnly, ops.RemoveField):
    """See the base classes."""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0004_known_devices")]

    initial = False

    operations = [
        ops.RunPython(migrate_forward, migrate_backward),
        AddFieldInModelsOnly("User", "warnings_sent", fields.JSONField(null=True)),
        AddFieldInModelsOnly("Challenge", "ip_address", fields.CharField(max_length=45, null=True)),
        AddFieldInModelsOnly("Challenge", "user_agent", fields.CharField(max_length=500, null=True)),
        RemoveFieldInModelsOnly("User", "second_factor_warned_at"),
    ]
