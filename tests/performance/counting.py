"""Counts what a request asks of the database."""

import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from models import database

# Tortoise writes every statement to it, on either dialect, but for the ends of transactions.
STATEMENTS = logging.getLogger("tortoise.db_client")


@dataclass
class Count:
    """What was asked."""

    transactions: int = 0
    statements: list[str] = field(default_factory=list)


# Whatever works in the background was begun elsewhere, and counts nowhere.
_counting: ContextVar[Count | None] = ContextVar("counting", default=None)


class _Counter(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if count := _counting.get():
            count.statements.append(record.getMessage())


@contextmanager
def counting(patch: pytest.MonkeyPatch) -> Iterator[Count]:
    """Count what the task asks of the database in the block."""
    count = Count()

    def begin_counted(connection_name: str) -> AbstractAsyncContextManager[Any]:
        if begun := _counting.get():
            begun.transactions += 1
        return in_transaction(connection_name)

    counter = _Counter()
    level = STATEMENTS.level
    with patch.context() as patched:
        patched.setattr(database, "in_transaction", begin_counted)
        STATEMENTS.addHandler(counter)
        STATEMENTS.setLevel(logging.DEBUG)
        counted = _counting.set(count)
        try:
            yield count
        finally:
            _counting.reset(counted)
            STATEMENTS.setLevel(level)
            STATEMENTS.removeHandler(counter)
