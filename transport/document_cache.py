"""A cache of valid documents, bounded by the memory that they take."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

DocumentT = TypeVar("DocumentT")

MAX_CACHE_BYTES = 32 * 2**20
# A parsed document takes about this much memory for each token (Python 3.11, graphql-core 3.3), and its text twice its
# length at most, in the cache and in the nodes.
BYTES_PER_TOKEN = 640
BYTES_PER_CHARACTER = 8


def memory_of(text: str, tokens: int) -> int:
    """Estimate the memory of a parsed document with its text, in bytes."""
    return BYTES_PER_TOKEN * tokens + BYTES_PER_CHARACTER * len(text)


class DocumentCache(Generic[DocumentT]):
    """Documents by their text and validation rules. The least recently used ones are removed first."""

    def __init__(self, max_bytes: int = MAX_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._documents: OrderedDict[Hashable, tuple[DocumentT, int]] = OrderedDict()
        self.bytes = 0

    def get(self, key: Hashable) -> DocumentT | None:
        """Return a document, or None."""
        found = self._documents.get(key)
        if found is None:
            return None
        self._documents.move_to_end(key)
        return found[0]

    def add(self, key: Hashable, document: DocumentT, size: int) -> None:
        """Add a document of this size in bytes, and remove others until all fit."""
        _, replaced = self._documents.pop(key, (None, 0))
        self.bytes -= replaced
        self._documents[key] = document, size
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, (_, removed) = self._documents.popitem(last=False)
            self.bytes -= removed
