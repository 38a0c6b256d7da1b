"""Statements of our own: for what the models cannot say, or not fast enough. Their values are `$1`, `$2` and so on."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.company import Company

ModelT = TypeVar("ModelT", bound=Model)

# On SQLite every transaction holds the write lock anyway, and it knows no other.
LOCKING = "FOR NO KEY UPDATE"


async def select(statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
    """The rows that a SELECT gives. Name their columns by `columns`, and `model_of` reads them."""
    _, rows = await _execute(statement, values)
    return rows


async def find(model: type[ModelT], condition: str, *values: object) -> ModelT | None:
    """The one row of a table that meets a condition, if there is one."""
    rows = await select(f"SELECT {columns(model)} FROM {model._meta.db_table} WHERE {condition}", *values)  # noqa: S608, SLF001  # our own names
    return model_of(model, rows[0]) if rows else None


async def change(statement: str, *values: object) -> int:
    """How many rows an UPDATE or a DELETE has changed."""
    changed, _ = await _execute(statement, values)
    return changed


async def returning(statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
    """The rows that an INSERT or an UPDATE gives back by its RETURNING."""
    connection, spelled, theirs = _spelled(statement, values)
    rows: Sequence[Mapping[str, Any]] = await connection.execute_query_dict(spelled, theirs)
    return rows


async def insert(model: type[Model], **values: object) -> None:
    """Add a row with these values of its columns, all that have no default in the database."""
    await _execute(_insertion(model, tuple(values)), tuple(values.values()))


@cache
def columns(*of: type[Model]) -> str:
    """All columns of some tables, for a SELECT in which they stand under their own names."""
    return ", ".join(f'{key} AS "{key}"' for model in of for _, key in _keys(model))


def model_of(model: type[ModelT], row: Mapping[str, Any]) -> ModelT:
    """The model in a row that holds its columns, whatever the driver gives them as."""
    return model._init_from_db(**{column: row[key] for column, key in _keys(model)})  # noqa: SLF001  # no public way


@cache
def _keys(model: type[Model]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (column, f"{model._meta.db_table}.{column}")  # noqa: SLF001  # no public way
        for column in model._meta.fields_db_projection.values()  # noqa: SLF001  # no public way
    )


@cache
def _insertion(model: type[Model], names: tuple[str, ...]) -> str:
    numbers = ", ".join(f"${number}" for number, _ in enumerate(names, 1))
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) VALUES ({numbers})"  # noqa: S608, SLF001  # our own names


async def _execute(statement: str, values: Sequence[object]) -> tuple[int, Sequence[Mapping[str, Any]]]:
    connection, spelled, theirs = _spelled(statement, values)
    return await connection.execute_query(spelled, theirs)


def _spelled(statement: str, values: Sequence[object]) -> tuple[BaseDBAsyncClient, str, list[object]]:
    """The connection of the transaction under way, if any, and statement and values as its dialect spells them."""
    connection = Company._meta.db  # noqa: SLF001  # no public way; all models share it
    if connection.capabilities.dialect == "postgres":
        return connection, statement, list(values)
    # SQLite numbers its values by `?1`, and Tortoise keeps UUIDs there as text.
    spelled = statement.replace("$", "?").replace(LOCKING, "")
    return connection, spelled, [str(each) if isinstance(each, UUID) else each for each in values]
