"""Run SQL statements on both databases. Parameters are `$1`, `$2` and so on; SQLite's spelling is derived from that."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.company import Company

ModelT = TypeVar("ModelT", bound=Model)

# Locks a row for this transaction. On SQLite every transaction already holds the write lock, and the clause is removed.
FOR_UPDATE = "FOR NO KEY UPDATE"
# Prevents that a row is deleted, but waits for no change of it. Removed on SQLite too.
FOR_KEY_SHARE = "FOR KEY SHARE"


def dialect() -> str:
    """Return `sqlite` or `postgres`, for a statement that both databases cannot share."""
    name: str = _connection().capabilities.dialect
    return name


async def select(statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
    """Return the rows of a SELECT. Name its columns by `columns`, so that `model_of` can read them."""
    _, rows = await _execute(statement, values)
    return rows


async def select_one(model: type[ModelT], condition: str, *values: object) -> ModelT | None:
    """Return the row of a table that meets a condition, or None."""
    statement = f"SELECT {columns(model)} FROM {model._meta.db_table} WHERE {condition}"  # noqa: S608, SLF001  # our names
    rows = await select(statement, *values)
    return model_of(model, rows[0]) if rows else None


async def execute(statement: str, *values: object) -> int:
    """Run an UPDATE or a DELETE and return the number of changed rows."""
    changed, _ = await _execute(statement, values)
    return changed


async def execute_returning(statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
    """Run an INSERT, an UPDATE or a DELETE and return the rows of its RETURNING clause."""
    connection, dialect_statement, dialect_values = _for_dialect(statement, values)
    rows: Sequence[Mapping[str, Any]] = await connection.execute_query_dict(dialect_statement, dialect_values)
    return rows


async def insert(model: type[Model], **values: object) -> None:
    """Insert a row. Give every column that has no default in the database."""
    await _execute(_insert_statement(model, tuple(values)), tuple(values.values()))


def table_of(model: type[Model]) -> str:
    """Return the name of a table."""
    return model._meta.db_table  # noqa: SLF001  # there is no public attribute


@cache
def columns(*of: type[Model]) -> str:
    """Return all columns of some tables for a SELECT, each under an alias that `model_of` expects."""
    return ", ".join(f'{key} AS "{key}"' for model in of for _, key in _keys(model))


def model_of(model: type[ModelT], row: Mapping[str, Any]) -> ModelT:
    """Build the model from a row that has its columns. Tortoise converts the values of either driver."""
    return model._init_from_db(**{column: row[key] for column, key in _keys(model)})  # noqa: SLF001  # no public way


@cache
def _keys(model: type[Model]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (column, f"{model._meta.db_table}.{column}")  # noqa: SLF001  # no public way
        for column in model._meta.fields_db_projection.values()  # noqa: SLF001  # no public way
    )


@cache
def _insert_statement(model: type[Model], names: tuple[str, ...]) -> str:
    numbers = ", ".join(f"${number}" for number, _ in enumerate(names, 1))
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) VALUES ({numbers})"  # noqa: S608, SLF001  # names of tables and columns


async def _execute(statement: str, values: Sequence[object]) -> tuple[int, Sequence[Mapping[str, Any]]]:
    connection, dialect_statement, dialect_values = _for_dialect(statement, values)
    return await connection.execute_query(dialect_statement, dialect_values)


def _for_dialect(statement: str, values: Sequence[object]) -> tuple[BaseDBAsyncClient, str, list[object]]:
    """Return the connection of the current transaction, if any, and statement and values in its dialect."""
    connection = _connection()
    if connection.capabilities.dialect == "postgres":
        return connection, statement, list(values)
    # SQLite writes parameters as `?1`, and Tortoise stores UUIDs there as text.
    return (
        connection,
        statement.replace("$", "?").replace(FOR_UPDATE, "").replace(FOR_KEY_SHARE, ""),
        [str(value) if isinstance(value, UUID) else value for value in values],
    )


def _connection() -> BaseDBAsyncClient:
    return Company._meta.db  # noqa: SLF001  # no public way; all models share one connection
