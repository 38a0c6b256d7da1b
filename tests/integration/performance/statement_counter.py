"""Counts the SQL statements and transactions of a request."""

import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from models import database

# Tortoise logs every statement here, on both dialects, except the ends of transactions.
STATEMENTS = logging.getLogger("tortoise.db_client")


@dataclass
class StatementCount:
    """The counted transactions and statements."""

    transactions: int = 0
    statements: list[str] = field(default_factory=list)


# A context variable, so that background tasks, which were started elsewhere, are not counted.
_current_count: ContextVar[StatementCount | None] = ContextVar("current_count", default=None)


class _CountingHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if count := _current_count.get():
            count.statements.append(record.getMessage())


@contextmanager
def count_statements(patch: pytest.MonkeyPatch) -> Iterator[StatementCount]:
    """Count the statements and transactions of the current task in the block."""
    count = StatementCount()

    def begin_counted(connection_name: str) -> AbstractAsyncContextManager[Any]:
        if current := _current_count.get():
            current.transactions += 1
        return in_transaction(connection_name)

    handler = _CountingHandler()
    level = STATEMENTS.level
    with patch.context() as patched:
        patched.setattr(database, "in_transaction", begin_counted)
        STATEMENTS.addHandler(handler)
        STATEMENTS.setLevel(logging.DEBUG)
        token = _current_count.set(count)
        try:
            yield count
        finally:
            _current_count.reset(token)
            STATEMENTS.setLevel(level)
            STATEMENTS.removeHandler(handler)
