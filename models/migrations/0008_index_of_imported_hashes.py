"""Index the password hashes that another system computed, by their parameters.

Each server looks every few seconds for the slowest ones. The index is empty if no user was imported with a hash.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

# PostgreSQL needs the order of bytes, SQLite has it.
CREATE_INDEX = """
    CREATE INDEX user_by_imported_hash ON user_account (password_hash {collation})
    WHERE password_hash NOT LIKE '_argon2id_v=19_m=19456,t=2,p=1_%'
"""
COLLATIONS = {"sqlite": "", "postgres": 'COLLATE "C"'}


async def create_index(_apps: object, editor: BaseSchemaEditor) -> None:
    """Create the index."""
    collation = COLLATIONS[editor.client.capabilities.dialect]
    await editor.client.execute_query(CREATE_INDEX.format(collation=collation))


async def drop_index(_apps: object, editor: BaseSchemaEditor) -> None:
    """Drop the index."""
    await editor.client.execute_query("DROP INDEX user_by_imported_hash")


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0007_unacknowledged_codes")]

    initial = False

    operations = [ops.RunPython(create_index, drop_index)]
