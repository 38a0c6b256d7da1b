"""Statements of our own: for what the models cannot say, or not fast enough. Their values are `$1`, `$2` and so on."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from tortoise.models import Model

from models.database import Database

ModelT = TypeVar("ModelT", bound=Model)


async def select(database: Database, statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
    """The rows that a SELECT gives."""
    _, rows = await database.connection.execute_query(*_spelled(database, statement, values))
    return rows


async def change(database: Database, statement: str, *values: object) -> int:
    """How many rows an UPDATE or a DELETE has changed; of an INSERT the driver does not tell."""
    changed, _ = await database.connection.execute_query(*_spelled(database, statement, values))
    return changed


def model_of(model: type[ModelT], row: Mapping[str, Any]) -> ModelT:
    """The model of a row that holds each of its columns by name, whatever the driver gives it as."""
    return model._init_from_db(**row)  # noqa: SLF001  # no public way


def _spelled(database: Database, statement: str, values: Sequence[object]) -> tuple[str, list[Any]]:
    if database.dialect == "postgres":
        return statement, list(values)
    # SQLite can number its values too, and Tortoise keeps UUIDs there as text.
    return statement.replace("$", "?"), [str(value) if isinstance(value, UUID) else value for value in values]
