"""Order users by the Unicode Collation Algorithm: `name_key` becomes a sort key, whose order is that of its bytes.

Until now it was the case-folded name, so `Äpfel` came after `zz`, and on PostgreSQL the order depended on the database.

A server of the version before still lists users, in the new order. If it creates a user, their key is the case-folded
name, so that the user is at a wrong place in the order by name, and nowhere else.

The functions are copies of those in `accounts.identity`, which later versions may change. A migration never changes.
"""

import unicodedata
from collections.abc import Callable

import icu
from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

KEY_MAX_LENGTH = 600
USERS_PER_STATEMENT = 1000
# No user has the nil UUID (RFC 9562 §5.9), and every other one is greater.
BEGINNING = "00000000-0000-0000-0000-000000000000"
NEXT_USERS = {
    "sqlite": "SELECT id, name FROM user_account WHERE id > ? ORDER BY id LIMIT ?",
    "postgres": "SELECT id, name FROM user_account WHERE id > $1 ORDER BY id LIMIT $2",
}
SET_KEY = {
    "sqlite": "UPDATE user_account SET name_key = ? WHERE id = ?",
    "postgres": "UPDATE user_account SET name_key = $1 WHERE id = $2",
}
# SQLite compares bytes anyway.
SET_COLLATION = 'ALTER TABLE user_account ALTER COLUMN name_key TYPE VARCHAR(600) COLLATE "{collation}"'

COLLATOR = icu.Collator.createInstance(icu.Locale.getRoot())
COLLATOR.setStrength(icu.Collator.SECONDARY)
COLLATOR.setAttribute(icu.UCollAttribute.NORMALIZATION_MODE, icu.UCollAttributeValue.ON)


def new_key(name: str) -> str:
    """Return the sort key of a name."""
    key: bytes = COLLATOR.getSortKey(name)
    return key.hex()[:KEY_MAX_LENGTH]


def old_key(name: str) -> str:
    """Return the key of the version before."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())[:KEY_MAX_LENGTH]


async def _set_keys(editor: BaseSchemaEditor, key_of: Callable[[str], str], collation: str) -> None:
    """Set the keys in the transaction of the migration, a batch of users at a time."""
    dialect = editor.client.capabilities.dialect
    last_id: object = BEGINNING
    while users := await editor.client.execute_query_dict(NEXT_USERS[dialect], [last_id, USERS_PER_STATEMENT]):
        await editor.client.execute_many(SET_KEY[dialect], [[key_of(user["name"]), user["id"]] for user in users])
        last_id = users[-1]["id"]
    if dialect == "postgres":
        # The last statement, since nobody can read the table from here to the commit.
        await editor.client.execute_query(SET_COLLATION.format(collation=collation))


async def migrate_forward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Set the sort keys."""
    await _set_keys(editor, new_key, "C")


async def migrate_backward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Set the keys of the version before."""
    await _set_keys(editor, old_key, "default")


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0010_backup_code_replacement")]

    initial = False

    operations = [ops.RunPython(migrate_forward, migrate_backward)]
