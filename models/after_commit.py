"""Call functions after a transaction has committed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# The calls after the commit of the current transaction, see `after_commit`.
_calls_after_commit: ContextVar[list[Callable[[], object]]] = ContextVar("calls_after_commit")


def after_commit(call: Callable[[], object]) -> None:
    """Call a function after the current transaction has committed. If it is rolled back, do not call it."""
    _calls_after_commit.get().append(call)


@contextmanager
def calling_after_commit() -> Iterator[None]:
    """Make the calls of `after_commit` when the block, which is a transaction, has ended without an error."""
    calls: list[Callable[[], object]] = []
    token = _calls_after_commit.set(calls)
    try:
        yield
    finally:
        _calls_after_commit.reset(token)
    for call in calls:
        call()
