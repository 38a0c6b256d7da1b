"""Add columns in a migration, with a default in the database.

Tortoise's own `AddField` writes no default, so that a server of the version before could not insert rows any more. On
SQLite it would also commit in the middle of the migration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

COLUMN_EXISTS = {
    "sqlite": "SELECT 1 FROM pragma_table_info('{table}') WHERE name = '{name}'",
    "postgres": """
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = '{table}' AND column_name = '{name}'
    """,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column to add. `definition` is its type and constraints; `sqlite` is given if SQLite's differs."""

    table: str
    name: str
    definition: str
    sqlite: str | None = None

    async def _exists(self, editor: BaseSchemaEditor) -> bool:
        statement = COLUMN_EXISTS[editor.client.capabilities.dialect].format(table=self.table, name=self.name)
        return bool(await editor.client.execute_query_dict(statement))

    async def add(self, editor: BaseSchemaEditor) -> None:
        """Add the column, unless another process has added it in the meantime."""
        if not await self._exists(editor):
            is_sqlite = editor.client.capabilities.dialect == "sqlite"
            definition = (self.sqlite if is_sqlite else None) or self.definition
            await editor.client.execute_query(f"ALTER TABLE {self.table} ADD COLUMN {self.name} {definition}")

    async def drop(self, editor: BaseSchemaEditor) -> None:
        """Drop the column, unless another process has dropped it in the meantime."""
        if await self._exists(editor):
            await editor.client.execute_query(f"ALTER TABLE {self.table} DROP COLUMN {self.name}")


def add_columns(columns: Sequence[Column]) -> ops.RunPython:
    """Return the operation that adds columns to the tables. Add them to the models by `AddFieldInModelsOnly`."""

    async def migrate_forward(_apps: object, editor: BaseSchemaEditor) -> None:
        for column in columns:
            await column.add(editor)

    async def migrate_backward(_apps: object, editor: BaseSchemaEditor) -> None:
        for column in columns:
            await column.drop(editor)

    return ops.RunPython(migrate_forward, migrate_backward)


class InModelsOnly:
    """The part of an operation that changes the state of the models. Another operation changes the table."""

    async def database_forward(self, *_: object, **__: object) -> None:
        """Leave the table as it is."""

    async def database_backward(self, *_: object, **__: object) -> None:
        """Leave the table as it is."""


class AddFieldInModelsOnly(InModelsOnly, ops.AddField):
    """See the base classes."""
